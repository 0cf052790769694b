"""Areas kept in balance: plan, decide each step at least one poll ahead, publish, evaluate.

Read `controller` (what happens when), `planning` (what is known of an area, and its planner), `netdemand` and
`grouplimits` (what the area needs, within which limits), `changelimits` (how much of it may be changed),
`corrections` (by what was measured), `unknownload`, `planprices` (what costs what), `plans` (recorded,
approved, put in force), `decidedstep`, `chargingroom` and `sessiongrants` (what cars are granted within
limits), `vehicleoffers` (what vehicles give back), `publish` (a step becomes events and orders),
`preparation` (programs that steps need), `blockplans` (businesses), `evaluation` (what came of a step),
`unmetdemand` and `unmetcars` (warnings), `areasettings`, and `results` (the rows that these return).
"""
