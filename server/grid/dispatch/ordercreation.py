"""The creation of an order: a request becomes controls of a virtual DER's members, and their shares.

Injection is positive, in W.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server import actors, audit, clock
from server.grid.controls import conflicts, dercontrols, drevents, reservationdocuments
from server.grid.controls.results import DerControlSummary, DrEventSummary, ReservationSummary
from server.grid.dispatch import allocation, flexibleloads
from server.grid.dispatch.allocation import BROADCAST, GroupAllocation
from server.grid.dispatch.flexibleloads import FlexibleLoads
from server.grid.dispatch.ordercontrols import Progress, publish_controls
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.orders import describe, device_names
from server.grid.dispatch.results import AllocatedShare, CreatedOrder
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.dispatch.sharing import TIER, TURN
from server.grid.fleet import members, rotation
from server.grid.fleet.members import Member
from server.grid.groups import virtualders
from server.models import DispatchOrder, Document, VirtualDER
from server.resources import dryrun, sql, store
from server.units import Instant, Seconds, Watts

UNSERVED_W = 1.0  # a target missed by less is met


def create_order(request: OrderRequest, progress: Progress | None = None) -> CreatedOrder:
    """Create an order and return it with its controls and shares.

    `progress(done, total)` is called as controls of single devices are published. Refused (400) where the
    request makes no sense, (409) where no member can do it.
    """
    return _create(request.vder, request, progress, reason=request.reason, dry_run=request.dry_run)


def _audit_fields(result: CreatedOrder) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("shares", "controls", "dry_run")}


# The audit log looks for `reason` and `dry_run` among the arguments.
@audit.audited("dispatch", "{vder} order {id}", answer=_audit_fields)
def _create(
    name: str | int | VirtualDER,
    request: OrderRequest,
    progress: Progress | None,
    *,
    reason: str,
    dry_run: bool,
) -> CreatedOrder:
    vder, start = virtualders.find(name), clock.now() if request.start is None else request.start
    devices = members.read(virtualders.members(vder), request.options.hours)
    if request.policy in (TURN, TIER):
        devices = rotation.ranked(devices)
    loads = None
    if request.quantity in allocation.GROUP_QUANTITIES:
        loads = _flexible_loads(vder, devices, start, request.duration_s, request.addressing)
    if loads is None:
        allocated = allocation.allocate(request.quantity, request.value, devices, request.options)
    else:
        devices = [member for member in devices if member.lfdi not in loads.lfdis]
        allocated = allocation.allocate_with_flexible_loads(
            request.quantity, request.value, devices, request.options, loads.baseline_w
        )
    with dryrun.transaction(dry_run):
        result, documents = _carry_out(vder, start, request, devices, allocated, loads, progress)
        if dry_run:
            result["id"] = None
            result["xml"] = [dercontrols.xml(document) for document in documents]
    return result


def _carry_out(
    vder: VirtualDER,
    start: Instant,
    request: OrderRequest,
    devices: Sequence[Member],
    allocated: GroupAllocation,
    loads: FlexibleLoads | None,
    progress: Progress | None,
) -> tuple[CreatedOrder, list[Document]]:
    """Publish the controls and record the order, in the caller's transaction; the result and the controls."""
    hrefs = publish_controls(vder, allocated, request, start, progress)
    documents = _documents(hrefs.values())
    warnings = [*allocated.warnings]
    if allocated.base is not None:
        warnings += conflicts.control_conflicts(vder, documents[0], devices)
    else:
        warnings += conflicts.single_device_conflicts(vder, documents)
    load_shares: list[ShareRow] = []
    if loads is not None and abs(allocated.unserved_w) >= UNSERVED_W:
        load_shares = loads.dispatch(allocated.unserved_w, request.reason, request.randomize_s)
    load_change_w = flexibleloads.injection_change_w(load_shares)
    unserved_w = allocated.unserved_w - load_change_w
    load_baseline_w = loads.baseline_w if loads is not None else 0.0
    planned_w = allocated.planned_w + load_baseline_w + load_change_w
    if abs(unserved_w) >= UNSERVED_W:
        warnings.append(allocation.unserved_warning(unserved_w, planned_w))
    order = DispatchOrder.create(
        vder=vder,
        quantity=request.quantity,
        value=request.value,
        addressing=request.addressing,
        start=start,
        duration_s=request.duration_s,
        target_w=None if allocated.target_w is None else allocated.target_w + load_baseline_w,
        planned_w=planned_w,
        reason=request.reason,
        warnings=warnings,
        requested_by=actors.who(),
        created_at=clock.now(),
    )
    record_shares(order, [*_share_rows(allocated, hrefs, request.reason), *load_shares])
    documents += _documents(share.event_href for share in load_shares)
    result: CreatedOrder = {
        **describe(order),
        "baseline_w": allocated.baseline_w + load_baseline_w,
        "unserved_w": unserved_w,
        "dry_run": request.dry_run,
        "controls": [_describe_control(document) for document in documents],
        "shares": _allocated_shares(allocated, hrefs, load_shares),
    }
    return result, documents


def _share_rows(allocated: GroupAllocation, hrefs: Mapping[str, str], reason: str) -> list[ShareRow]:
    return [
        ShareRow(
            lfdi=part.member.lfdi,
            event_href=hrefs[part.member.lfdi],
            planned_w=part.planned_w,
            baseline_w=part.baseline_w,
            reason="; ".join(filter(None, (reason, part.reason))),
        )
        for part in allocated.parts
        if part.member.lfdi in hrefs
    ]


def _describe_control(document: Document) -> DerControlSummary | DrEventSummary | ReservationSummary:
    if document.kind == "DERControl":
        return dercontrols.describe(document)
    if document.kind == "EndDeviceControl":
        return drevents.describe(document)
    return reservationdocuments.describe(document)


def _documents(hrefs: Iterable[str]) -> list[Document]:
    return [document for document in map(store.get, dict.fromkeys(hrefs)) if document]


def _flexible_loads(
    vder: VirtualDER, devices: Sequence[Member], start: Instant, duration_s: Seconds, addressing: str
) -> FlexibleLoads | None:
    """The cars and thermal loads of a virtual DER that get no setpoint of power; None where it has none.

    Thermal loads that take a setpoint get one; cars that take one get it where it is broadcast to others too.
    """
    flexible = {lfdi: (device, kind) for device, lfdi, kind in sql.rows(
        "SELECT d.id, d.lfdi, n.kind FROM membership m JOIN device d ON d.id = m.device_id JOIN device_type "
        "n ON n.device_id = d.id "
        "WHERE m.vder_id = ? AND n.kind IN ('ev', 'thermal')", vder.id)}
    if not flexible:
        return None
    by_setpoint = {member.lfdi for member in devices if allocation.takes_power_setpoint(member)}
    cars = {lfdi for lfdi, (_, kind) in flexible.items() if kind == "ev"}
    if addressing != BROADCAST or by_setpoint <= cars:
        by_setpoint -= cars
    loads = FlexibleLoads.of(
        vder, start, duration_s, [flexible[lfdi][0] for lfdi in by_setpoint & flexible.keys()]
    )
    return loads if loads.lfdis else None


def _allocated_shares(
    allocated: GroupAllocation, hrefs: Mapping[str, str], load_shares: Sequence[ShareRow]
) -> list[AllocatedShare]:
    """The rows of the result: every member, with or without a control."""
    names = device_names([share.lfdi for share in load_shares])

    def row(
        lfdi: str, name: str, baseline_w: Watts, planned_w: Watts, base: Any, control: str | None
    ) -> AllocatedShare:
        return {
            "lfdi": lfdi,
            "name": name,
            "baseline_w": baseline_w,
            "planned_w": planned_w,
            "base": base,
            "control": control,
        }

    return [
        *(
            row(part.member.lfdi, part.member.name, part.baseline_w, part.planned_w, part.base,
                hrefs.get(part.member.lfdi))
            for part in allocated.parts
        ),
        *(
            row(share.lfdi, names.get(share.lfdi, ""), share.baseline_w, share.planned_w, None,
                share.event_href)
            for share in load_shares
        ),
    ]
