"""Who is enrolled, and what each device may see and change.

Read `identity` (from a certificate to LFDI and SFDI), `trust` and `revocation` (which certificates are
accepted; `certificatecheck` says it of one, `issuing` makes some), `names` (names and kinds),
`devicelabels` (who has a label), `enddevices` (EndDevice and Registration), `aggregators` (who acts for which
devices), `enrolment` (what operators do with devices), `access` (who calls, and what the caller may do),
`requestcontext` (a request and its result, without HTTP), `methods` (what a method does to a resource),
`operatordocuments` (the same for an operator), `devicelogs` (LogEvents in words), `selfreports` (what devices
say of themselves), `mirrors` (the meters that devices mirror), `lastcontact` (when a device was last here),
`endingcertificates`, `exchanges` (the last ones, which `traces` shows), `processes` (that run) and
`processcounts`, `ratelimits` (how much it may send) and `personaldata` (what is stored of a device, exported
and erased).
"""
