"""Many devices at once, in real time, faster, or in steps.

Read `scenario` and `weather` (which devices there are, and what happens around them), `businesses` (how those
behave), `neighbourhood` (clients from certificates), `fleet` (in running time), `stepped` and `processpool`
(in stepped time) and `totals` (the sums over all devices).
"""
