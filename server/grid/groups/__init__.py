"""The tree of virtual DERs, their members, and the programs that they publish.

Read `tree` (the walks), `membershiprules` (members by rule; `rulehints` warns of what was probably not meant,
`rulematch` shows who would be in), `virtualders` (create, change, show; `vdervalidation` checks their
fields), `splitting`, `membershipwork` (members join and leave some at a time), `assignments` (what they are
in; `programaudiences`: what they and their aggregators may read of it), `deviceassignments` (their
FunctionSetAssignments; `assignmentlimits` warns of what clients do not follow), `programs` and `drprograms`
(what is published), `dispatchgroups` (through which virtual DER a device is dispatched), `activeareas` (by
which area), `powerlimits` (what one person may order), `singledevices`, `memberfiles`, and `results` (what
operator functions return).
"""
