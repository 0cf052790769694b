"""Orders of an operator or a plan on a virtual DER, and their progress.

Read `orders`, `allocation` (a quantity becomes controls) and `sharing` (a target divided by a policy),
`shares` (who was asked for how much), `loadcontrol` and `flexibleloads` (thermal loads and cars), `progress`
(responses, and power delivered).
"""
