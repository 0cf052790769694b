"""Orders of an operator or a plan on a virtual DER.

Read `orderrequest`, `orderplanning`, `ordercreation`, `allocation` (a quantity becomes controls) and
`sharing` (a target is divided by a policy), `reactive` (vars and power factors), `orderlimits` (what limits
leave; `orderoverride` orders the rest), `orderbounds` (what orders can promise), `ramps`, `orderwork` (events
are published, some at a time), `orderreckoning` and `orderbaselines` (orders that wait for first readings),
`shares` (the part of each device), `loadcontrol` and `flexibleloads` (thermal loads and cars),
`blockdispatch` (businesses: `blockselection` says who is called, `blockcommands` what they are sent),
`orderchanges` (cancel, extend), `stops` (all generation ceases; `stopplanning` and `stopmodes` say whose and
how), `orders` (what is listed), `ordernotes` (what of that is told as a change), `results` (the rows that all
of these return). `reports.orderprogress` shows what came of an order.
"""
