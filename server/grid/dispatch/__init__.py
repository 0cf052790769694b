"""Orders of an operator or a plan on a virtual DER, and their progress.

Read `ordercreation`, `allocation` (a quantity becomes controls) and `sharing` (a target divided by a policy),
`shares` (the part of each device), `loadcontrol` and `flexibleloads` (thermal loads and cars),
`orderchanges` (cancel, extend), `orders` and `progress` (what is shown: responses, and power delivered).
"""
