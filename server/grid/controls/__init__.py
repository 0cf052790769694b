"""Single events: DERControls, load controls, reservations, and what conflicts with them.

Read `dercontrols` with `defaultcontrols` (`modechecks` refuses what devices cannot follow,
`scheduledcontrols` warns of more than they store; `modewords` and `codewords` say what they mean), and
`drevents` (`actionwords` likewise; `eventlisting` lists both), `messages` (texts to owners), `tariffs` on
`tariffdocuments` (prices; `tariffresults` has their rows), `pricesignals` (those of an area). Flow
reservations: `reservationpolicy` (how much and when, pure), `reservationheadroom` (what limits leave),
`reservationdocuments`, `reservationanswers` (the policy at once), `reservations` (operators and plans),
`evsessions`. Then `conflicts` (warnings about an event), `effectivecontrol`, `preview` and `followed` (what a
device follows, now and next), `responses` (what devices responded) and `results` (the rows that all of these
return, `followresults` those of `followed`). Limits of connection points over time: `operatingenvelopes`
(put, show), `envelopemodes` (who is told by what, pure), `envelopepublication`.
"""
