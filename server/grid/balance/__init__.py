"""Keeping an area in balance: plan, decide each step at least one poll ahead, publish it, learn from what came of it.

Read `controller`, `netdemand` (what is asked, as a plan wants it), `plans`, `publish`, `evaluation`, `unmetdemand`.
"""
