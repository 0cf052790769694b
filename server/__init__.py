"""Counterpoise's server.

Read it from the bottom up, the way imports go: `clock`, `errors`, `config` (leaves), `models` (the tables),
`resources` (what a 2030.5 resource is and how it is kept), `protocol` (the devices' door), `grid` (virtual DERs),
and at the top `cli` and `worker`.
"""
