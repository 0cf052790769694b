"""Baselines, performance and settlement of events, days and months.

Read `baselines` (what devices would have drawn; `ownevents` tells when that was affected, `likedays` which
days are alike; `defaultbehaviour` keeps it of storage), `performance` (delivered against asked; with
`evaluatedevents`, `membersteps`, `eventresponses`, `powerrows`, `reboundenergy`; `erasedmembers` and
`erasure` for devices that were erased), `orderprogress` (an order while it runs), `settlement`,
`callsettlement` (businesses), `bills` (areas with a price) and `reports` (an event, a day, a month), `unmet`
with `limitexcess` (what could not be kept; `unmetresults` has its rows). How a report is shown: `pages`, and
`charts` with `chartstyle`, `powercharts`, `daycharts`, `eventcharts`. `results` has what operator functions
return. `thermallearning` learns how thermal loads follow the weather.
"""
