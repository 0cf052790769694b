"""What a virtual DER can do, now and over a horizon.

Read `capability` and `status` (now), `horizon` and `rollup` (over a horizon, summed up the tree) and
`equivalentder` (a virtual DER as if it were one DER).
"""
