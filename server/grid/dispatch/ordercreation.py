"""The creation of an order: a request becomes controls of a virtual DER's members, and their shares.

Injection is positive, in W.
"""
from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

from server import actors, audit, clock
from server.grid.controls import conflicts, dercontrols, drevents, reservationdocuments
from server.grid.controls.results import DerControlSummary, DrEventSummary, ReservationSummary
from server.grid.dispatch import (allocation, flexibleloads, orderbaselines, orderplanning, orderwork, ramps,
                                  reactive)
from server.grid.dispatch.allocation import GroupAllocation
from server.grid.dispatch.blockdispatch import CallableBlocks
from server.grid.dispatch.orderplanning import UNSERVED_W, PlannedOrder
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.orders import describe, device_names, find_order, status_of
from server.grid.dispatch.orderwork import Progress
from server.grid.dispatch.results import AllocatedShare, CreatedOrder, RecordedOrder
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import ratings
from server.grid.fleet.blockcalls import NewCall
from server.grid.groups import singledevices
from server.models import DispatchOrder, Document
from server.resources import documents, dryrun, sql, store
from server.units import Href, Lfdi, Vars, Watts

DESCRIPTION_CHARACTERS = 32  # String32


class _Sent(NamedTuple):
    """A share as it is recorded, of which there may be a hundred thousand."""
    lfdi: Lfdi
    event_href: Href
    planned_w: Watts | None
    baseline_w: Watts | None


def create_order(request: OrderRequest, progress: Progress | None = None) -> CreatedOrder:
    """Create an order and return it with its controls and shares.

    It is recorded in one transaction, and controls of single devices are published in further ones (see
    orderwork); `progress(done, total)` is called after each. Refused (400, 409) where nobody can do it.
    """
    planned = orderplanning.plan(request)
    planned = planned._replace(ramp_s=ramps.of_order(request, planned.allocated))
    with dryrun.transaction(True) if request.dry_run else nullcontext():
        record = _record_override if request.override else _record_order
        recorded = record(planned, request, reason=request.reason, dry_run=request.dry_run)
        orderwork.finish(recorded["id"] or 0, progress)
        result = _result(planned, recorded, request)
    return result


def _scopes(planned: PlannedOrder) -> set[Href]:
    return planned.scopes


# The audit log looks for `reason` and `dry_run` among the arguments.
@audit.audited("dispatch", "{vder} order {id}", answer=dict, scopes=_scopes)
def _record_order(
    planned: PlannedOrder, request: OrderRequest, *, reason: str, dry_run: bool
) -> RecordedOrder:
    return _record(planned, request)


@audit.audited("dispatch override", "{vder} order {id}", answer=dict, scopes=_scopes)
def _record_override(
    planned: PlannedOrder, request: OrderRequest, *, reason: str, dry_run: bool
) -> RecordedOrder:
    return _record(planned, request)


def _record(planned: PlannedOrder, request: OrderRequest) -> RecordedOrder:
    """Record an order with its shares, and publish what is sent to its members together."""
    vder, allocated, loads = planned.vder, planned.allocated, planned.loads
    event = dercontrols.event_fields(
        request.duration_s, planned.start, request.randomize_s, request.randomize_s,
        request.reason[:DESCRIPTION_CHARACTERS])
    with store.transaction(*planned.scopes):
        warnings = [
            *planned.limited.warnings, *orderbaselines.unread_warnings(allocated, request),
            *allocated.warnings,
            *ramps.warnings(allocated, planned.ramp_s, ratings.gradients(
                part.member.lfdi for part in allocated.parts))]
        href = ""
        if allocated.base is not None:
            href = dercontrols.publish(vder.program, allocated.base, event, ramp_s=planned.ramp_s)
            control = store.get(href)
            assert control is not None, href
            warnings += conflicts.control_conflicts(vder, control, planned.devices)
        else:
            singledevices.check_primacy(vder.primacy)
            warnings += conflicts.single_device_conflicts(vder, planned.base_of, event)
        load_shares: list[ShareRow] = []
        if loads is not None and abs(allocated.unserved_w) >= UNSERVED_W:
            load_shares = loads.dispatch(allocated.unserved_w, request.reason, request.randomize_s)
        load_change_w = flexibleloads.injection_change_w(load_shares)
        unserved_w = allocated.unserved_w - load_change_w
        calls: list[NewCall] = []
        events: dict[int, Href] = {}
        if planned.blocks is not None:
            nobody_else = not allocated.parts and loads is None
            calls, refusals = orderplanning.calls(planned.blocks, unserved_w, nobody_else)
            warnings += refusals
            events = planned.blocks.publish(calls, request.reason)
            load_shares = [*load_shares, *planned.blocks.shares(calls, events, request.reason)]
            unserved_w -= sum(call.called_w for call in calls)
        load_baseline_w = planned.others_w
        planned_w = allocated.planned_w + load_baseline_w + flexibleloads.injection_change_w(load_shares)
        if abs(unserved_w) >= UNSERVED_W:
            warnings.append(allocation.unserved_warning(unserved_w, planned_w))
        shares = [*_share_rows(allocated, href, request), *load_shares]
        order = DispatchOrder.create(
            vder=vder,
            quantity=request.quantity,
            value=planned.limited.value,
            clipped_w=planned.limited.clipped_w,
            asked=request.asked,
            addressing=request.addressing,
            start=planned.start,
            duration_s=request.duration_s,
            target_w=None if allocated.target_w is None else allocated.target_w + load_baseline_w,
            planned_w=planned_w,
            planned_var=reactive.total_var(allocated),
            reason=request.reason,
            warnings=warnings,
            requested_by=actors.who(),
            created_at=clock.now(),
            reckon_at=clock.now() if orderbaselines.unread(allocated, request) else None,
            work=orderwork.publication(event, planned.ramp_s, request.reason)
            if any(share.pending for share in shares) else None,
        )
        record_shares(order, shares)
        CallableBlocks.record(order, calls, events)
    return {**describe(order), "baseline_w": allocated.baseline_w + load_baseline_w,
            "unserved_w": unserved_w, "clipped_w": planned.limited.clipped_w}


def _result(planned: PlannedOrder, recorded: RecordedOrder, request: OrderRequest) -> CreatedOrder:
    order = find_order(recorded["id"] or 0)
    rows = sql.rows("SELECT lfdi, event_href, planned_w, baseline_w FROM share WHERE order_id = ? "
                    "ORDER BY lfdi", order.id)
    shares = {share.lfdi: share for share in map(_Sent._make, rows)}
    hrefs = dict.fromkeys(share.event_href for share in shares.values())
    controls = documents.among("href", hrefs)
    described = {control.href: (_describe_control(control),
                                dercontrols.xml(control) if request.dry_run else "") for control in controls}
    in_order = [described[href] for href in hrefs if href in described]
    result: CreatedOrder = {
        **recorded,
        "status": status_of(order),
        "dry_run": request.dry_run,
        "controls": [control for control, _ in in_order],
        "shares": _allocated_shares(planned.allocated, shares),
    }
    if request.dry_run:
        result["id"] = None
        result["xml"] = [xml for _, xml in in_order]
    return result


def _share_rows(allocated: GroupAllocation, href: Href, request: OrderRequest) -> list[ShareRow]:
    """The shares of members, whose control is at `href`, or pending where each gets its own. The baseline of
    who has never been read is unknown, where the order counts from it."""
    return [
        ShareRow(
            lfdi=part.member.lfdi,
            event_href=href,
            planned_w=part.planned_w,
            baseline_w=orderbaselines.recorded_w(part, request),
            reason="; ".join(filter(None, (request.reason, part.reason))),
            pending=None if href else orderwork.control(part.base or {}),
            planned_var=part.planned_var,
        )
        for part in allocated.parts
        if href or part.base is not None
    ]


def _describe_control(document: Document) -> DerControlSummary | DrEventSummary | ReservationSummary:
    if document.kind == "DERControl":
        return dercontrols.describe(document)
    if document.kind == "EndDeviceControl":
        return drevents.describe(document)
    return reservationdocuments.describe(document)


def _allocated_shares(allocated: GroupAllocation, shares: Mapping[Lfdi, _Sent]) -> list[AllocatedShare]:
    """The rows of the result: every member, with or without a control."""
    parts = {part.member.lfdi: part for part in allocated.parts}
    loads = [share for lfdi, share in shares.items() if lfdi not in parts]
    names = device_names([share.lfdi for share in loads])

    def row(
        lfdi: Lfdi, name: str, baseline_w: Watts | None, planned_w: Watts | None, base: Any,
        planned_var: Vars | None = None
    ) -> AllocatedShare:
        return {
            "lfdi": lfdi,
            "name": name,
            "baseline_w": baseline_w or 0.0,
            "planned_w": planned_w or 0.0,
            "planned_var": planned_var,
            "base": base,
            "control": shares[lfdi].event_href if lfdi in shares else None,
        }

    return [
        *(row(lfdi, part.member.name, part.baseline_w, part.planned_w, part.base, part.planned_var)
          for lfdi, part in parts.items()),
        *(row(share.lfdi, names.get(share.lfdi, ""), share.baseline_w, share.planned_w, None)
          for share in loads),
    ]
