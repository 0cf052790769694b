"""Many devices at once, in real time, faster, or in steps.

Read `scenario` and `weather` (who is there, and what happens around them), `neighbourhood` (clients from
certificates), `fleet` (as time goes by), `stepped` and `processpool` (in steps), `totals` (what all did
together).
"""
