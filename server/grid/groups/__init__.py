"""Virtual DERs: a tree of groups of devices, and what each of them publishes.

Read `tree` (the walks), `membershiprules` (who is in one by rule), `virtualders` (create, change, show), `assignments`
(FunctionSetAssignments of members), `drprograms`, `dispatchgroups` (through which one a device is dispatched),
`memberfiles`.
"""
