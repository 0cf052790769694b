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


def unread(allocated: GroupAllocation, request: OrderRequest) -> int:
    """Return how many members an order of more or less than now goes to of whom nobody knows what is now."""
    return sum(recorded_w(part, request) is None for part in _controlled(allocated))


def unread_warnings(allocated: GroupAllocation, request: OrderRequest) -> list[str]:
    """Return a warning where there are such members."""
    count = unread(allocated, request)
    if not count:
        return []
    return [f"what {count} of {len(_controlled(allocated))} members inject now is unknown: 0 W is used until "
            "their first readings, from which the order is reckoned again"]


def _controlled(allocated: GroupAllocation) -> list[Allocation]:
    return [part for part in allocated.parts if part.base is not None or allocated.base]
