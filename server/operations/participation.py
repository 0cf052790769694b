"""`opt-out` and `contract`: which devices are excluded from dispatch, and how much of each may be used."""
from __future__ import annotations

import math
from typing import Annotated, TypedDict

from server.errors import BadArgument
from server.grid.fleet import participation
from server.grid.fleet.participation import ParticipationRow
from server.models.pages import Pages
from server.operations.declaration import Arg, DeviceName, Group, Role
from server.units import Instant, Lfdi

NO_LIMIT = "none"
MAX_LIMIT = 1e6
opt_out = Group("opt-out", """
    Exclude devices from dispatch as their owners wish. DEVICE is an LFDI, SFDI, number or name.
    """)
contract = Group(
    "contract", "What was agreed with a device's owner. DEVICE is an LFDI, SFDI, number or name.")
GROUPS = (opt_out, contract)


class OptOutRow(TypedDict):
    """A device that has opted out, until an instant or until an operator clears it ("cleared")."""
    device: str
    lfdi: Lfdi
    opted_out_until: Instant | str | None
    opt_out_reason: str


@opt_out.operation("set", role=Role.OPERATOR)
def set_opt_out(
    device: DeviceName,
    *,
    until: Annotated[Instant | None, Arg("Until this instant; until it is cleared if not given.")] = None,
    reason: Annotated[str, Arg("Why; shown with the device and in the audit log.")] = "",
) -> ParticipationRow:
    """Exclude a device from dispatch for a while."""
    return participation.opt_out(device, until, reason)


@opt_out.operation("list", role=Role.VIEWER)
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


@opt_out.operation("clear", role=Role.OPERATOR)
def clear(device: DeviceName) -> ParticipationRow:
    """Include a device in dispatch again."""
    return participation.opt_in(device)


@contract.operation("set", role=Role.OPERATOR)
def set_contract(
    device: DeviceName,
    *,
    events: Annotated[str | None, Arg("The most events a season.", metavar="N|none")] = None,
    hours: Annotated[str | None, Arg("The most hours a day.", metavar="N|none")] = None,
    tier: Annotated[int | None, Arg(
        "The lowest tier is used first.", least=-2 ** 15, most=2 ** 15 - 1)] = None,
) -> ParticipationRow:
    """Set limits; what is not given stays."""
    changes: dict[str, float | None] = {}
    for name, text in (("events", events), ("hours", hours)):
        if text is not None:
            changes[f"max_{name}"] = _limit(name, text)
    if tier is not None:
        changes["tier"] = tier
    return participation.set_contract(device, **changes)


def _limit(name: str, text: str) -> float | None:
    """A limit from text; None where it is to be none."""
    if text == NO_LIMIT:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0 <= limit <= MAX_LIMIT:
        raise BadArgument(name, f"{text} is neither {NO_LIMIT} nor between 0 and {MAX_LIMIT:.0f}")
    return limit


@contract.operation("show", role=Role.VIEWER)
def show(device: DeviceName) -> ParticipationRow:
    """Show a device's limits, its rate of response, and whether it is excluded."""
    return participation.show(device)


@contract.operation("list", role=Role.VIEWER)
def list_contracts() -> Pages[ParticipationRow]:
    """List devices with a limit or a tier."""
    return participation.contracts()
