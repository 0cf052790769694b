"""`opt-out`: which devices are excluded from dispatch as their owners wish."""
from __future__ import annotations

from typing import Annotated, TypedDict

from server.grid.fleet import participation
from server.grid.fleet.participation import ParticipationRow
from server.operations.declaration import Arg, DeviceName, Group, Role
from server.units import Instant, Lfdi

opt_out = Group("opt-out", """
    Exclude devices from dispatch as their owners wish. DEVICE is an LFDI, SFDI, number or name.
    """)
GROUPS = (opt_out,)


class OptOutRow(TypedDict):
    """A device that has opted out, until an instant or until an operator clears it ("cleared")."""
    device: str
    lfdi: Lfdi
    opted_out_until: Instant | str | None
    opt_out_reason: str


@opt_out.operation("set", role=Role.OPERATOR, in_subtree=True)
def set_opt_out(
    device: DeviceName,
    *,
    until: Annotated[Instant | None, Arg("Until this instant; until it is cleared if not given.")] = None,
    reason: Annotated[str, Arg("Why; shown with the device and in the audit log.")] = "",
) -> ParticipationRow:
    """Exclude a device from dispatch for a while."""
    return participation.opt_out(device, until, reason)


@opt_out.operation("list", role=Role.VIEWER, in_subtree=True)
def list_opt_outs() -> list[OptOutRow]:
    """List devices that have opted out, by themselves or by an operator."""
    return [
        {
            "device": row["device"],
            "lfdi": row["lfdi"],
            "opted_out_until": row["opted_out_until"],
            "opt_out_reason": row["opt_out_reason"],
        }
        for row in participation.opted_out()
    ]


@opt_out.operation("clear", role=Role.OPERATOR, in_subtree=True)
def clear(device: DeviceName) -> ParticipationRow:
    """Include a device in dispatch again."""
    return participation.opt_in(device)
