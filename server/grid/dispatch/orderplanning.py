"""What an order would do, before anything of it is recorded or published.

Injection is positive, in W.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from server import clock
from server.errors import Refused
from server.grid.dispatch import allocation, flexibleloads, orderbaselines, orderlimits
from server.grid.dispatch.allocation import GroupAllocation
from server.grid.dispatch.blockdispatch import CallableBlocks
from server.grid.dispatch.flexibleloads import FlexibleLoads
from server.grid.dispatch.orderlimits import LimitedOrder
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.sharing import TIER, TURN
from server.grid.fleet import members, rotation, stops
from server.grid.fleet.blockcalls import NewCall
from server.grid.fleet.members import Member
from server.grid.groups import drprograms, virtualders
from server.models import VirtualDER
from server.units import Href, Instant, Lfdi, SecondsExact, Watts

UNSERVED_W = 1.0  # a target missed by less is met
NOTHING_ORDERED = LimitedOrder(0.0, GroupAllocation([]), 0.0, [])


class PlannedOrder(NamedTuple):
    """An order as it is about to be recorded, from `start` on: what members do within limits, and which loads
    and blocks are asked for the rest (None: none). Members reach their power in `ramp_s` (None: by their own
    ramp)."""
    vder: VirtualDER
    start: Instant
    devices: Sequence[Member]
    limited: LimitedOrder
    loads: FlexibleLoads | None
    blocks: CallableBlocks | None = None
    ramp_s: SecondsExact | None = None

    @property
    def others_w(self) -> Watts:
        """What flexible loads and businesses inject without the order."""
        return sum(group.baseline_w for group in (self.loads, self.blocks) if group is not None)

    @property
    def allocated(self) -> GroupAllocation:
        return self.limited.allocated

    @property
    def base_of(self) -> dict[Lfdi, Any]:
        """The DERControlBases of members that get a control of their own."""
        if self.allocated.base is not None:
            return {}
        return {part.member.lfdi: part.base for part in self.allocated.parts if part.base is not None}

    @property
    def scopes(self) -> set[Href]:
        """The programs to which controls are added as the order is recorded; none where all are locked."""
        if self.blocks is not None:
            return set()
        groups = self.loads.state.dispatch_groups if self.loads is not None else []
        return {self.vder.program, *map(drprograms.href, groups)}

    @property
    def planned_w(self) -> Watts:
        """What all members inject with the order, as it will be recorded."""
        remaining_w = self.allocated.unserved_w
        change_w = 0.0
        if self.loads is not None and abs(remaining_w) >= UNSERVED_W:
            change_w = self.loads.change_w(remaining_w)
        if self.blocks is not None:
            change_w += sum(call.called_w for call in calls(self.blocks, remaining_w - change_w, False)[0])
        return self.allocated.planned_w + self.others_w + change_w


def present(request: OrderRequest) -> list[Member]:
    """Return the members that an order is about as they are now."""
    start = clock.now() if request.start is None else request.start
    return members.read(virtualders.members(virtualders.find(request.vder)), request.options.hours, start)


def plan(request: OrderRequest, known: Sequence[Member] | None = None) -> PlannedOrder:
    """Return what an order would do. Refused (400, 409) where nobody can do it.

    `known` is what `present` has just returned for a like order, so that they are not read again.
    """
    vder = virtualders.find(request.vder)
    stops.check(vder)
    start = clock.now() if request.start is None else request.start
    devices = [orderbaselines.with_baseline(member, request)
               for member in (present(request) if known is None else known)]
    if request.policy in (TURN, TIER):
        devices = rotation.ranked(devices)
    blocks = CallableBlocks.of(vder, start, request.duration_s)
    loads = None
    if request.quantity in allocation.GROUP_QUANTITIES:
        loads = flexibleloads.of_order(vder, devices, start, request.duration_s, request.addressing)
    elif blocks is not None:  # limits and switches ask for nothing that a contract is about
        if request.quantity == "percent":
            blocks.check_broadcast(devices, {"opModFixedW": request.value})
        blocks = None
    everyone = devices
    apart = (loads.lfdis if loads else set()) | (blocks.lfdis if blocks else set())
    devices = [member for member in devices if member.lfdi not in apart]
    planned = PlannedOrder(vder, start, devices, NOTHING_ORDERED, loads, blocks)
    limited = orderlimits.limited(
        vder, start, devices, request, planned.others_w if loads is not None or blocks is not None else None)
    if blocks is not None:
        blocks.check_broadcast(everyone, limited.allocated.base)
    return planned._replace(limited=limited)


def calls(
    blocks: CallableBlocks, needed_w: Watts, nobody_else: bool
) -> tuple[list[NewCall], list[str]]:
    """Return the calls of blocks for what is needed still, and why others are not called.

    Refused (409), with the clauses, where an order asks nobody else.
    """
    if needed_w < UNSERVED_W:
        return [], []
    selection = blocks.select(needed_w)
    if nobody_else and not selection.called:
        raise Refused(409, "; ".join(blocks.refusals(selection)) or "no block has any power to give")
    return blocks.calls(selection), blocks.refusals(selection)
