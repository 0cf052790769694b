"""Areas kept in balance: plan, decide each step at least one poll ahead, publish, evaluate.

Read `controller` (what happens when), `netdemand` (what the area needs, as a plan takes it), `plans` (made,
approved, published), `publish` (a step becomes events and orders), `evaluation` (what came of a step) and
`unmetdemand` (what nobody can do, in words).
"""
