"""An order is created: a request becomes controls of a virtual DER's members, and the shares of each.

Injection is positive, in W.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import chunked

from server import audit, clock
from server.errors import Refused
from server.grid.controls import conflicts, dercontrols, drevents, reservationdocuments
from server.grid.dispatch import allocation, flexibleloads
from server.grid.dispatch.allocation import (BROADCAST, HEADROOM, TIER, TURN, Allocation, DispatchOptions,
                                             GroupAllocation)
from server.grid.dispatch.flexibleloads import FlexibleLoads
from server.grid.dispatch.orders import describe, device_names
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import members, rotation
from server.grid.fleet.members import Member
from server.grid.groups import singledevices, virtualders
from server.models import Device, DispatchOrder, Document, VirtualDER
from server.resources import sql, store
from server.resources.dryrun import RolledBack

Progress = Callable[[int, int], None]
_CHUNK = 200
_UNSERVED_W = 1.0  # a target missed by less is met


@dataclass(frozen=True, kw_only=True)
class OrderRequest:
    """What an operator orders of a virtual DER: a `quantity` (one of `allocation.QUANTITIES`) and its
    `value`.

    It lasts `duration_s` seconds from `start` (UTC seconds; None is now) on. `addressing` is "broadcast" or
    "device", `policy` one of `sharing.POLICIES`. Devices get there in `ramp_s` seconds; `randomize_s`
    (signed) spreads start and end. With `dry_run` all is done and rolled back, and the answer has the XML.
    """
    vder: str | int | VirtualDER
    quantity: str
    value: float
    duration_s: int
    start: int | None = None
    addressing: str = BROADCAST
    policy: str = HEADROOM
    ramp_s: float | None = None
    randomize_s: int = 0
    reason: str = ""
    dry_run: bool = False

    @property
    def options(self) -> DispatchOptions:
        return DispatchOptions(self.addressing, self.policy, max(self.duration_s, 1) / 3600)


def single_quantity(values: Mapping[str, float | bool | None]) -> tuple[str, float]:
    """The quantity that has a value, and its value. Refused (400) unless it is exactly one."""
    given = {name: float(value) for name, value in values.items() if value is not None}
    if len(given) != 1:
        raise Refused(
            400, f"specify exactly one of {', '.join(values)}; given: {', '.join(given) or 'none'}"
        )
    return next(iter(given.items()))


def create_order(request: OrderRequest, progress: Progress | None = None) -> dict[str, Any]:
    """Create an order; what it is, its controls and shares. Refused (400) where the request makes no sense,
    (409) where no member can do it. `progress(done, all)` is called as controls of single devices are
    made."""
    return _create(request.vder, request, progress, reason=request.reason, dry_run=request.dry_run)


def _audit_fields(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in ("shares", "controls", "dry_run")}


# `reason` and `dry_run` are what the audit log looks for among the arguments.
@audit.audited("dispatch", "{vder} order {id}", answer=_audit_fields)
def _create(
    name: str | int | VirtualDER,
    request: OrderRequest,
    progress: Progress | None,
    *,
    reason: str,
    dry_run: bool,
) -> dict[str, Any]:
    vder, start = virtualders.find(name), clock.now() if request.start is None else request.start
    every = members.read(virtualders.members(vder), request.options.hours)
    if request.policy in (TURN, TIER):
        every = rotation.ranked(every)
    loads = None
    if request.quantity in allocation.GROUP_QUANTITIES:
        loads = _flexible_loads(vder, every, start, request.duration_s, request.addressing)
    if loads is None:
        allocated = allocation.allocate(request.quantity, request.value, every, request.options)
    else:
        every = [member for member in every if member.lfdi not in loads.lfdis]
        allocated = allocation.allocate_with_flexible_loads(
            request.quantity, request.value, every, request.options, loads.baseline
        )
    try:
        with store.transaction():
            answer, documents = _carry_out(vder, start, request, every, allocated, loads, progress)
            if dry_run:
                raise RolledBack(
                    {**answer, "id": None, "xml": [dercontrols.xml(document) for document in documents]}
                )
    except RolledBack as rolled_back:
        return rolled_back.answer
    return answer


def _carry_out(
    vder: VirtualDER,
    start: int,
    request: OrderRequest,
    every: Sequence[Member],
    allocated: GroupAllocation,
    loads: FlexibleLoads | None,
    progress: Progress | None,
) -> tuple[dict[str, Any], list[Document]]:
    """Publish the controls and record the order; the answer, and the controls. In the caller's
    transaction."""
    fields = {
        "start": start,
        "duration_s": request.duration_s,
        "ramp_s": request.ramp_s,
        "randomize_start": request.randomize_s,
        "randomize_duration": request.randomize_s,
        "description": request.reason[:32],
    }
    hrefs = _publish(vder, allocated, fields, progress)
    documents = _distinct(hrefs.values())
    warnings = [
        *allocated.warnings,
        *(
            conflicts.control_conflicts(vder, documents[0], every)
            if allocated.base is not None
            else conflicts.single_device_conflicts(vder, documents)
        ),
    ]
    load_shares: list[ShareRow] = []
    if loads is not None and abs(allocated.missed) >= _UNSERVED_W:
        load_shares = loads.ask(allocated.missed, request.reason, request.randomize_s)
    missed = allocated.missed - flexibleloads.injection_change_w(load_shares)
    load_baseline = loads.baseline if loads is not None else 0.0
    planned = allocated.planned + load_baseline + allocated.missed - missed
    if abs(missed) >= _UNSERVED_W:
        warnings.append(allocation.unserved_warning(missed, planned))
    row = DispatchOrder.create(
        vder=vder,
        quantity=request.quantity,
        value=request.value,
        addressing=request.addressing,
        start=start,
        duration_s=request.duration_s,
        target_w=None if allocated.target is None else allocated.target + load_baseline,
        planned_w=planned,
        reason=request.reason,
        warnings=warnings,
        requested_by=audit.who(),
        created_at=clock.now(),
    )
    record_shares(row, [*_share_rows(allocated, hrefs, request.reason), *load_shares])
    documents += _distinct(share.event_href for share in load_shares)
    return {
        **describe(row),
        "baseline_w": allocated.baseline + load_baseline,
        "missed_w": missed,
        "dry_run": request.dry_run,
        "controls": [_DESCRIBED[document.kind](document) for document in documents],
        "shares": [
            *(_describe_allocation(part, hrefs) for part in allocated.parts),
            *_describe_shares(load_shares),
        ],
    }, documents


def _share_rows(allocated: GroupAllocation, hrefs: dict[str, str], reason: str) -> list[ShareRow]:
    return [
        ShareRow(
            lfdi=part.member.lfdi,
            event_href=hrefs[part.member.lfdi],
            planned_w=part.planned,
            baseline_w=part.baseline,
            reason="; ".join(filter(None, (reason, part.why))),
        )
        for part in allocated.parts
        if part.member.lfdi in hrefs
    ]


_DESCRIBED: dict[str, Callable[[Document], Mapping[str, Any]]] = {
    "DERControl": dercontrols.describe,
    "EndDeviceControl": drevents.describe,
    "FlowReservationResponse": reservationdocuments.describe,
}


def _distinct(hrefs: Iterable[str]) -> list[Document]:
    return [document for document in map(store.get, dict.fromkeys(hrefs)) if document]


def _flexible_loads(
    vder: VirtualDER, every: Sequence[Member], start: int, duration: int, addressing: str
) -> FlexibleLoads | None:
    """The cars and thermal loads of a virtual DER, as far as there are any that are not told a set point of
    power: loads that take one are, and cars that take one where it is broadcast to others."""
    inside = {lfdi: (device, what) for device, lfdi, what in sql.rows(
        "SELECT d.id, d.lfdi, n.kind FROM membership m JOIN device d ON d.id = m.device_id JOIN device_type "
        "n ON n.device_id = d.id "
        "WHERE m.vder_id = ? AND n.kind IN ('ev', 'thermal')", vder.id)}
    if not inside:
        return None
    takers = {member.lfdi for member in every if allocation.takes_power_setpoint(member)}
    cars = {lfdi for lfdi, (_, what) in inside.items() if what == "ev"}
    if addressing != BROADCAST or takers <= cars:
        takers -= cars
    found = flexibleloads.FlexibleLoads.of(
        vder, start, duration, [inside[lfdi][0] for lfdi in takers & inside.keys()]
    )
    return found if found.lfdis else None


def _describe_shares(shares: Sequence[ShareRow]) -> list[dict[str, Any]]:
    names = device_names([share.lfdi for share in shares])
    return [
        {
            "lfdi": share.lfdi,
            "name": names.get(share.lfdi, ""),
            "baseline_w": share.baseline_w,
            "planned_w": share.planned_w,
            "base": None,
            "control": share.event_href,
        }
        for share in shares
    ]


def _publish(
    vder: VirtualDER, made: GroupAllocation, said: dict[str, Any], progress: Progress | None
) -> dict[str, str]:
    """Make the controls; by LFDI, the href of each member's."""
    if made.base is not None:
        href = dercontrols.publish(vder.program, made.base, **said)
        return {part.member.lfdi: href for part in made.parts}
    own = [part for part in made.parts if part.base is not None]
    found: dict[str, str] = {}
    for some in chunked(own, _CHUNK):
        devices = list(Device.select().where(Device.lfdi.in_([part.member.lfdi for part in some])))
        single = singledevices.ensure(devices, vder.primacy)
        programs = {device.lfdi: single[device.id].program for device in devices}
        for part in some:
            found[part.member.lfdi] = dercontrols.publish(programs[part.member.lfdi], part.base or {}, **said)
            if progress is not None:
                progress(len(found), len(own))
    return found


def _describe_allocation(part: Allocation, hrefs: dict[str, str]) -> dict[str, Any]:
    return {
        "lfdi": part.member.lfdi,
        "name": part.member.name,
        "baseline_w": part.baseline,
        "planned_w": part.planned,
        "base": part.base,
        "control": hrefs.get(part.member.lfdi),
    }
