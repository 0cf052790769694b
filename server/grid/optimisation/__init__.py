"""The mathematics, pure, with numpy and HiGHS.

Consumption is positive, in W; energies are in Wh. It knows no database and no device. Read `arrays`,
`waterfill`, `policies` and `rounding` (a target divided among members), `clusters` (with `powercaps`) and
`envelope` (what a fleet could do), `highssolver` and `linearprogram` (HiGHS), `prices` (the objective in
money), `balanceproblem`, `scarcity` and `balanceprogram` (the program that keeps a group in balance),
`nestedlimits` and `rollinghorizon` (plan again as time goes on), `limitrooms` and `disaggregation` (a planned
step becomes each member's power, within limits), `peakshaving` (energy that is offered, spent where most is
left over), `pricespread` (the same, sold where a price is high), `unmetenergy` (whom a plan leaves short),
`blockterms` (what contracts of businesses allow), `blockschedule` and `blockprogram` (who of them is called),
`measurement` (baselines, delivery, rebound), `metergain` and `metertrust` (whether the meter of an area is
right, and how far it is followed).
`loadlines` and `thermalfit` learn what thermal loads draw by the weather, and what they store.
"""
