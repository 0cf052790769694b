"""Areas kept in balance: plan, decide each step at least one poll ahead, publish, evaluate.

Read `controller` (what happens when), `planning` (what is known of an area, and its planner), `netdemand`
(what the area needs), `corrections` (by what was measured), `planprices` (what costs what), `plans`
(recorded, approved, put in force), `publish` (a step becomes events and orders), `blockplans` (businesses),
`evaluation` (what came of a step), `unmetdemand` (warnings), `areasettings`, and `results` (the rows that
these return).
"""
