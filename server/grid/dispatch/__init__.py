"""Orders: what an operator or a plan asks of a virtual DER, and what came of it.

Read `orders`, `allocation` (a quantity becomes controls), `shares` (who was asked for how much), `loadcontrol` and
`flexibleloads` (thermal loads and cars), `progress`.
"""
