"""The grid room: virtual DERs, what they can do, and orders on them.

Power is in W, positive for injection (generation, discharge) and negative for consumption (load, charging), as in
DERControl, wherever a name does not say otherwise; energy is in Wh, fractions run from 0 to 1.

Read `rules` (the grammar of membership), `virtualders` and `assignments` (the tree, and what it publishes), `members`
with `power` and `modes` (what devices say of themselves), `capability` (their sum); then `share` (a target divided),
`plan` (a wish becomes controls), `dispatch` (orders), `controls` with `conflicts` and `effective` (single controls and
what they meet), `follow` (what came of it). Loads have `loadprograms` and `loadevents`, chargers that ask for energy
`grants` (the policy), `reservations` and `sessions`.
"""
from server.grid import assignments, reservations, virtualders  # noqa: F401  (they announce what follows from a change)
