"""What limits of virtual DERs leave to an order, and the order clipped to it. Injection is positive, in W.

All limits count that hold over any member of the order: those of its virtual DER, above and below it, and of
virtual DERs beside it that have members in common.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import NamedTuple

from server import clock, scopes
from server.errors import Refused
from server.grid.dispatch import allocation, reactive
from server.grid.dispatch.allocation import Allocation, GroupAllocation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.fleet import reactivecapability
from server.grid.fleet.members import Member
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import np
from server.grid.series import nodelimits
from server.grid.series.intervals import STEP, Span
from server.models import VirtualDER
from server.resources import sql
from server.units import Instant, Lfdi, Seconds, Watts

TOLERANCE_W = 1.0  # a limit that is exceeded by less is kept
_ROUNDING_W = 1e-3
_HALVINGS = 30  # of the interval in which the greatest order within the limits is sought
_COMMON = (
    "SELECT m.vder_id, d.lfdi FROM membership m JOIN device d ON d.id = m.device_id JOIN membership o "
    "ON o.device_id = m.device_id WHERE m.vder_id IN ({}) AND o.vder_id = ?"
)


class NodeRoom(NamedTuple):
    """By how much the injection of a virtual DER may fall (`least_w` ≤ 0) and rise (`most_w` ≥ 0) by an
    order; `lfdis` are the members of the order that are in it."""
    name: str
    lfdis: Collection[Lfdi]
    least_w: Watts
    most_w: Watts

    def excess_w(self, change_w: Watts) -> Watts:
        """What of a change of injection is beyond the room (signed)."""
        return change_w - min(max(change_w, self.least_w), self.most_w)


class LimitBreach(NamedTuple):
    """By how much (signed) an order would take a virtual DER beyond its limit."""
    room: NodeRoom
    excess_w: Watts

    @property
    def limit(self) -> str:
        return f"the {'export' if self.excess_w > 0 else 'import'} limit of {self.room.name}"


def node_rooms(vder: VirtualDER, start: Instant, duration_s: Seconds) -> tuple[list[NodeRoom], list[str]]:
    """Return the room of each virtual DER with a limit over members of this one while an order lasts, and
    which of them are reckoned without knowing their load."""
    begin = start - start % STEP
    span = Span(begin, max(-(-(start + duration_s - begin) // STEP), 1), STEP, clock.now())
    limits = list(nodelimits.limited(Tree.read(include=[vder]).vders.values(), span))
    members: dict[int, set[Lfdi]] = {}
    for number, lfdi in sql.among(_COMMON, [limit.vder.id for limit in limits], vder.id):
        members.setdefault(number, set()).add(lfdi)
    rooms, warnings = [], []
    for node, import_w, export_w in limits:
        if node.id not in members:
            continue
        injection_w, known = nodelimits.uncontrolled_w(node, span)
        if not known:
            warnings.append(nodelimits.unknown_load(scopes.name_of(node)))
        injection_w = injection_w + nodelimits.charging_w(node, span.at)
        rooms.append(NodeRoom(
            scopes.name_of(node), members[node.id],
            least_w=min(float(np.max(-import_w - injection_w)), 0.0),
            most_w=max(float(np.min(export_w - injection_w)), 0.0)))
    return rooms, warnings


def excesses(
    rooms: Sequence[NodeRoom], change_of: Mapping[Lfdi, Watts], others_w: Watts = 0.0,
    tolerance_w: Watts = TOLERANCE_W
) -> list[LimitBreach]:
    """Return where an order goes beyond limits, the worst first. `change_of` is the change of injection of
    each member, `others_w` that of members that are not known one by one."""
    found = []
    for room in rooms:
        change_w = fsum(change_of[lfdi] for lfdi in room.lfdis if lfdi in change_of) + others_w
        excess_w = room.excess_w(change_w)
        if abs(excess_w) > tolerance_w:
            found.append(LimitBreach(room, excess_w))
    return sorted(found, key=lambda excess: -abs(excess.excess_w))


class LimitedOrder(NamedTuple):
    """The value that limits leave of an order, and its allocation. `clipped_w` is what they take of its
    change of injection (signed), `limit` the one that takes most."""
    value: float
    allocated: GroupAllocation
    clipped_w: Watts
    warnings: list[str]
    limit: str = ""


Allocate = Callable[[float, Sequence[Allocation]], GroupAllocation]  # of a value, beside parts that stand


class OrderLimits(NamedTuple):
    """The limits over an order: the rooms, and which were reckoned without knowing the load. With `has_loads`
    the order has flexible loads, which do what its allocation leaves unserved. With `single`, each member is
    told by itself, so those under a limit can do less than others."""
    rooms: Sequence[NodeRoom]
    warnings: list[str]
    has_loads: bool
    single: bool = False

    def clip(
        self, asked: float, idle: float | None, allocate: Allocate, override: bool
    ) -> LimitedOrder:
        """Return the order clipped: its value from `idle`, which changes nothing, as far towards `asked` as
        limits leave; with `override`, or where a quantity has no `idle` value, as asked with a warning.

        Refused (409) where limits leave nothing of it.
        """
        allocated = allocate(asked, ())
        beyond = self._excesses(allocated)
        warnings = list(self.warnings)
        if not beyond:
            return LimitedOrder(asked, allocated, 0.0, warnings)
        worst = beyond[0]
        if override or idle is None:
            why = "as ordered by override" if override else "this quantity is not clipped"
            warnings.append(f"{worst.limit} is exceeded by {abs(worst.excess_w):.0f} W: {why}")
            return LimitedOrder(asked, allocated, 0.0, warnings)
        value, left = self._within(asked, idle, allocate)
        clipped_w = self._change_w(allocated) - self._change_w(left)
        if abs(self._change_w(left)) < TOLERANCE_W <= abs(self._change_w(allocated)):
            raise Refused(409, f"{worst.limit} leaves nothing of the order: it would be exceeded by "
                               f"{abs(worst.excess_w):.0f} W")
        if abs(clipped_w) < TOLERANCE_W:
            warnings.append(f"{worst.limit} would be exceeded by {abs(worst.excess_w):.0f} W: "
                            "members under it do less and others more")
            return LimitedOrder(asked, left, 0.0, warnings)
        warnings.append(
            f"{worst.limit} would be exceeded by {abs(worst.excess_w):.0f} W: {abs(clipped_w):.0f} W of the "
            f"order are clipped, {value:.6g} is ordered instead of {asked:.6g}")
        return LimitedOrder(value, left, clipped_w, warnings, worst.limit)

    def _within(self, asked: float, idle: float, allocate: Allocate) -> tuple[float, GroupAllocation]:
        """Return the greatest value towards `asked` that keeps all limits, and its allocation.

        Where members can be told apart, those under a limit that is reached stay as they are, and the others
        go on.
        """
        held: list[Allocation] = []
        value = idle
        while True:
            value, reached = self._greatest(asked, value, allocate, held)
            left = allocate(value, held)
            if held:  # what others cannot do in their place is clipped
                value, left = value - left.unserved_w, replace(
                    left, target_w=left.planned_w, unserved_w=0.0)
            done = {part.member.lfdi for part in held}
            below = {lfdi for breach in reached for lfdi in breach.room.lfdis} - done
            under = [part for part in left.parts if part.member.lfdi in below]
            others = any(allocation.takes_power_setpoint(part.member) for part in left.parts
                         if part.member.lfdi not in below | done)
            if not self.single or not under or not others:
                return value, left
            held += under

    def _greatest(
        self, asked: float, begin: float, allocate: Allocate, held: Sequence[Allocation]
    ) -> tuple[float, list[LimitBreach]]:
        """The greatest value from `begin` towards `asked` that keeps all limits, and which of them stand in
        the way of more."""
        reached = self._excesses(allocate(asked, held), _ROUNDING_W)
        if not reached:
            return asked, []
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = self._excesses(allocate(begin + middle * (asked - begin), held), _ROUNDING_W)
            if beyond:
                high, reached = middle, beyond
            else:
                low = middle
        return begin + low * (asked - begin), reached

    def _excesses(self, allocated: GroupAllocation, tolerance_w: Watts = TOLERANCE_W) -> list[LimitBreach]:
        change_of = {part.member.lfdi: part.planned_w - part.baseline_w for part in allocated.parts}
        others_w = allocated.unserved_w if self.has_loads else 0.0
        return excesses(self.rooms, change_of, others_w, tolerance_w)

    def _change_w(self, allocated: GroupAllocation) -> Watts:
        return (allocated.planned_w - allocated.baseline_w
                + (allocated.unserved_w if self.has_loads else 0.0))


def limited(
    vder: VirtualDER, start: Instant, devices: Sequence[Member], request: OrderRequest, others_w: Watts | None
) -> LimitedOrder:
    """Return the allocation of an order to its members, clipped to the limits over them.

    `others_w` is what flexible loads and businesses inject without it, which do what it leaves unserved; None
    where it has none. Reactive power is not limited: active power stays what it is.
    """
    if request.quantity in reactive.QUANTITIES:
        ders = reactivecapability.read(member.lfdi for member in devices)
        allocated = reactive.allocate(request.quantity, request.value, devices, ders, request.options)
        return LimitedOrder(request.value, allocated, 0.0, [])

    def allocate(value: float, held: Sequence[Allocation]) -> GroupAllocation:
        if others_w is None:
            return _beside(held, request.quantity, value, devices, request.options)
        return allocation.allocate_with_flexible_loads(
            request.quantity, value, devices, request.options, others_w)

    rooms, warnings = node_rooms(vder, start, request.duration_s)
    idle = {"watts": 0.0, "percent": 0.0, "target": (others_w or 0.0) + allocation.baseline_w(devices)}
    single = others_w is None and request.options.addressing == allocation.DEVICE
    return OrderLimits(rooms, warnings, others_w is not None, single).clip(
        request.value, idle.get(request.quantity), allocate, request.override)


def _beside(
    held: Sequence[Allocation], quantity: str, value: float, members: Sequence[Member],
    options: allocation.DispatchOptions
) -> GroupAllocation:
    """Return the allocation of one of GROUP_QUANTITIES to these members, of whom some are `held` at a
    part."""
    if not held:
        return allocation.allocate(quantity, value, members, options)
    lfdis = {part.member.lfdi for part in held}
    planned_w = fsum(part.planned_w for part in held)
    held_w = planned_w if quantity == "target" else planned_w - fsum(part.baseline_w for part in held)
    others = allocation.allocate(
        quantity, value - held_w, [member for member in members if member.lfdi not in lfdis], options)
    return replace(others, parts=[*held, *others.parts], target_w=(others.target_w or 0.0) + planned_w)
