"""`ev`: chargers that request energy, and what they are granted."""
from __future__ import annotations

from typing import Annotated

from server.devices import enrolment
from server.grid.controls import evsessions, reservations
from server.grid.controls.results import CancelledReservations, GrantedReservation, SessionRow
from server.models.pages import Pages
from server.operations import orderedpower
from server.operations.controls import CancelReason, Description, OptionalVder, Start
from server.operations.declaration import Arg, DeviceName, DryRun, Group, Role
from server.operators.approvals import WaitingApproval
from server.units import Href, Seconds, WattHours, Watts

ev = Group("ev", """
    Flow reservations of chargers and storage. Power and energy are positive for charging, negative for
    discharging.
    """)
GROUPS = (ev,)
Request = Annotated[Href | None, Arg("Which request (its href); the newest that is open if not given.")]


@ev.operation("sessions", role=Role.VIEWER, in_subtree=True)
def sessions(
    vder: OptionalVder = None,
    *,
    device: Annotated[str | None, Arg("Only those of this device.", metavar="DEVICE")] = None,
) -> Pages[SessionRow]:
    """List charging sessions of a virtual DER's members, of a device, or of all.

    Each has the energy requested, until when, what is granted, and how much has flowed.
    """
    return evsessions.list_sessions(vder, device)


@ev.operation("grant", role=Role.OPERATOR, power=orderedpower.of_grant)
def grant(
    device: DeviceName,
    *,
    charge_w: Annotated[Watts, Arg("+ charging, - discharging, 0 for nothing.", option="power")],
    charge_wh: Annotated[WattHours | None, Arg(
        "Likewise; what flows at that power in that time if not given.", option="energy")] = None,
    start: Start = None,
    duration_s: Seconds,
    request: Request = None,
    description: Description = "",
    dry_run: DryRun = False,
) -> GrantedReservation | WaitingApproval:
    """Grant a device what it requests, or revise what it was granted."""
    href = request or evsessions.request_of(enrolment.find(device))
    return reservations.grant(
        href, charge_w, duration_s, start, charge_wh, description=description, dry_run=dry_run)


@ev.operation("cancel", role=Role.OPERATOR)
def cancel(
    device: DeviceName, *, request: Request = None, reason: CancelReason = None
) -> CancelledReservations:
    """Cancel everything that a device is granted; its request stays open."""
    href = request or evsessions.request_of(enrolment.find(device))
    return reservations.cancel(href, reason)
