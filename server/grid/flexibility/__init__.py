"""What a virtual DER can do, now and over a horizon.

Read `capability`, `horizon` (what each dispatch group can do, with `changes`, `responses` and
`blockpowers`), `rollup` (summed up the tree), `status`, `thermalgroups` (what was learned of thermal
loads), `equivalentder` (the virtual DER as one DER), and `results` (the rows that these return).
"""
