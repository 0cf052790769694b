"""The tree of virtual DERs, their members, and the programs that they publish.

Read `tree` (the walks), `membershiprules` (who is in one by rule), `virtualders` (create, change, show),
`assignments` (FunctionSetAssignments of members), `drprograms`, `dispatchgroups` (through which one a device
is dispatched), `memberfiles`.
"""
