"""Single events: DERControls, load controls, reservations, and what conflicts with them.

Read `dercontrols`, `drevents`, `reservations` with `reservationpolicy` and `evsessions`; `conflicts` (what an
operator should know before), `effectivecontrol` and `preview` (what a device follows), `responses` (what
devices answered).
"""
