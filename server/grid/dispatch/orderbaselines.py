"""What members inject without an order, where an order counts from it. Injection is positive, in W."""
from __future__ import annotations

from dataclasses import replace

from server.grid.dispatch.allocation import Allocation, GroupAllocation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.fleet.members import Member
from server.units import Watts

RELATIVE = "watts"  # the quantity that is more or less than now


def with_baseline(member: Member, request: OrderRequest) -> Member:
    """Return the member with what a request knows of its injection from before."""
    injection_w = request.baselines.get(member.lfdi, member.injection_w)
    return member if injection_w == member.injection_w else replace(member, injection_w=injection_w)


def recorded_w(part: Allocation, request: OrderRequest) -> Watts | None:
    """Return the baseline that is recorded of a member; None where an order counts from what is unknown."""
    unknown = request.quantity == RELATIVE and part.member.injection_w is None
    return None if unknown else part.baseline_w


def unread_warnings(allocated: GroupAllocation, request: OrderRequest) -> list[str]:
    """Return a warning where an order of more or less than now goes to members of whom nobody knows what is
    now."""
    controlled = [part for part in allocated.parts if part.base is not None or allocated.base]
    unread = sum(recorded_w(part, request) is None for part in controlled)
    if not unread:
        return []
    return [f"what {unread} of {len(controlled)} members inject now is unknown: 0 W is used until their "
            "first readings, from which the order is reckoned again"]
