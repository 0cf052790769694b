"""Changes to an order: cancel it, or extend it by another order of the same."""
from __future__ import annotations

from server import actors, audit, clock
from server.errors import Refused
from server.grid.controls import dercontrols, reservationanswers, reservations
from server.grid.dispatch import allocation
from server.grid.dispatch.ordercreation import UNSERVED_W
from server.grid.dispatch.orders import ACTIVE, SCHEDULED, controls_of, describe, find_order, status_of
from server.grid.dispatch.results import OrderSummary
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import members
from server.grid.groups import virtualders
from server.models import DispatchOrder, Document, Share
from server.resources import store
from server.resources.codes import EventStatus
from server.units import Href, Instant, Seconds

_RESERVATION = "FlowReservationResponse"
_NOT_REPEATED = ("mRID", "creationTime", "EventStatus", "randomizeStart", "randomizeDuration")


def _state(number: int) -> OrderSummary:
    return describe(find_order(number))


@audit.audited("dispatch cancel", "{vder} order {id}", state=_state, answer=dict)
def cancel(
    number: int, at: Instant | None = None, randomized: bool = False, reason: str | None = None
) -> OrderSummary:
    """Cancel an order's events now, or from the instant `at` on.

    Cars whose reservation is cancelled now are granted anew by the policy what they need. Refused (409) where
    every event is cancelled, superseded or over.
    """
    with store.transaction():
        order = find_order(number)
        live = [
            document
            for document in controls_of(order)
            if document.status["currentStatus"] <= EventStatus.ACTIVE
            and document.visibility != Document.EXPIRED
        ]
        if not live:
            raise Refused(409, f"order {number} is {status_of(order)}; nothing of it is left to cancel")
        for document in live:
            if document.kind == _RESERVATION and at is None:
                reservationanswers.release(document)
            else:
                store.cancel(document.href, at, randomized, reason)
        order.cancelled_at = clock.now() if at is None else at
        order.save()
        return describe(order)


@audit.audited("dispatch extend", "{vder} order {id}", answer=dict)
def extend(number: int, duration_s: Seconds, reason: str = "") -> OrderSummary:
    """Extend an order by another order of the same, from its end on; events are never edited.

    Refused (409) where it is over or cancelled, or was made by a plan.
    """
    with store.transaction():
        order = find_order(number)
        status, end = status_of(order), order.start + order.duration_s
        if order.plan_id is not None:
            raise Refused(409, f"order {number} is part of plan {order.plan_id}, which decides each step")
        if status not in (SCHEDULED, ACTIVE):
            raise Refused(409, f"order {number} is {status}")
        hrefs = {document.href: _repeat(document, end, duration_s) for document in controls_of(order)}
        extension = DispatchOrder.create(
            vder=order.vder,
            quantity=order.quantity,
            value=order.value,
            addressing=order.addressing,
            start=end,
            duration_s=duration_s,
            target_w=order.target_w,
            planned_w=order.planned_w,
            reason=reason or order.reason,
            warnings=_reach_warnings(order, end + duration_s),
            requested_by=actors.who(),
            created_at=clock.now(),
        )
        record_shares(
            extension,
            [
                ShareRow(
                    lfdi=share.lfdi,
                    event_href=hrefs[share.event_href],
                    planned_w=share.planned_w or 0.0,
                    baseline_w=share.baseline_w or 0.0,
                    reason=share.reason,
                )
                for share in Share.select().where(Share.order == order)
            ],
        )
        return describe(extension)


def _reach_warnings(order: DispatchOrder, end: Instant) -> list[str]:
    """Return a warning where members cannot hold their shares of a power until the end, as an order would."""
    if order.quantity not in allocation.GROUP_QUANTITIES:
        return []
    hours = (end - max(clock.now(), order.start)) / 3600
    shares = {share.lfdi: share.planned_w or 0.0 for share in Share.select().where(Share.order == order)}
    devices = [member for member in members.read(virtualders.members(order.vder), hours)
               if member.lfdi in shares and allocation.takes_power_setpoint(member)]
    planned_w = sum(shares[member.lfdi] for member in devices)
    try:
        options = allocation.DispatchOptions(order.addressing, hours=hours)
        allocated = allocation.allocate("target", planned_w, devices, options)
    except Refused as refused:
        return [refused.why] if devices else []
    if abs(allocated.unserved_w) < UNSERVED_W:
        return []
    return [allocation.unserved_warning(allocated.unserved_w, allocated.planned_w)]


def _repeat(document: Document, start: Instant, duration_s: Seconds) -> Href:
    """Add an event of the same content from `start` on; its href."""
    if document.kind == _RESERVATION:
        return reservations.repeat(document, start, duration_s)
    fields = dercontrols.event_fields(
        duration_s, start, description=document.submitted.get("description", "")
    )
    content = {key: value for key, value in document.submitted.items() if key not in _NOT_REPEATED}
    return store.add(document.kind, document.parent, {**content, **fields})
