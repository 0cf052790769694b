"""The grid room: virtual DERs, what they can do, and orders on them.

Power is in W, positive for injection (generation, discharge) and negative for consumption (load, charging), as in
DERControl, wherever a name does not say otherwise; energy is in Wh, fractions run from 0 to 1.

Read `rules` (the grammar of membership), `virtualders` and `assignments` (the tree, and what it publishes); `natures`,
`ders`, `meters` and `visits` (rows that say in numbers what devices say of themselves, `numbers` rebuilds them), `members`
with `power` and `modes` (one by one), `capability` and `face` (their sum), `standing` (opt-outs and contracts); then `share` (a target divided),
`plan` (a wish becomes controls), `dispatch` (orders), `shifts` (orders that reach cars and loads), `controls` with `conflicts`, `effective` and `preview` (single controls and
what they meet), `follow` (what came of it). Loads have `loadprograms` and `loadevents`, chargers that ask for energy
`grants` (the policy), `reservations` and `sessions`.

In arrays, for whole fleets: `roster` (members in columns), `absent` (who is left out), `fleet` (what the others can do),
`state` (all of that), `horizon` (what each leaf could do), `rollup` (that, summed up the tree) and `status` (for people).

An area, a virtual DER that has a signal, is kept in balance by `signals`, `history` and `outlook` (what is asked, what was
measured, what is to come; `intervals` and `arrivals` below them), `demand` (all that as a plan wants it), `plans` (as they are kept),
`balancing` (plan, decide each step, learn), `shortfalls` (what that cannot do, in words), `told`, `translate` and `release` (what devices are told of it), `closing` (what came of
a step). For people: `baselines`, `performance`, `reports` with `charts` and `pages`.

The mathematics beneath, pure, where consumption is positive: `arrays`, `waterfill` and `policies` (shares of whole
fleets), `clusters` and `envelope` (what a fleet could do over a day), `forecast`, `balance` (the rolling linear program,
in the extra of that name), `measure` (baselines, delivery, rebound). `make bench-grid` holds them against their gates.
"""
from server.grid import assignments, numbers, reservations, standing, virtualders  # noqa: F401  (they announce what follows from a change)
