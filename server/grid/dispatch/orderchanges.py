"""Changes to an order: cancel it, or extend it by another order of the same."""
from __future__ import annotations

from typing import Any

from server import actors, audit, clock
from server.errors import Refused
from server.grid.controls import dercontrols, eventlisting, reservations
from server.grid.dispatch import allocation, orderlimits, orderwork
from server.grid.dispatch.ordercreation import DESCRIPTION_CHARACTERS
from server.grid.dispatch.orderplanning import UNSERVED_W
from server.grid.dispatch.orders import ACTIVE, SCHEDULED, describe, find_order, status_of
from server.grid.dispatch.orderwork import Progress
from server.grid.dispatch.results import OrderSummary
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import blockcalls, members
from server.grid.fleet.stops import STOP
from server.grid.groups import virtualders
from server.models import DispatchOrder, Document, Share
from server.models.base import CHUNK, chunked
from server.resources import documents, sql, store, table
from server.resources.schema import PUBLISHED
from server.units import Href, Instant, Seconds

_RESERVATION = "FlowReservationResponse"
_NOT_REPEATED = ("mRID", "creationTime", PUBLISHED, "EventStatus", "randomizeStart", "randomizeDuration")


def _state(number: int) -> OrderSummary:
    return describe(find_order(number))


def cancel(
    number: int, at: Instant | None = None, randomized: bool = False, reason: str | None = None,
    progress: Progress | None = None
) -> OrderSummary:
    """Cancel an order's events now, or from the instant `at` on, and those that are still to be published.

    Cars whose reservation is cancelled now are granted anew by the policy what they need. Refused (409) where
    every event is cancelled, superseded or over.
    """
    summary = _cancel(number, at, randomized, reason)
    orderwork.finish(number, progress)
    return summary


@audit.audited("dispatch cancel", "{vder} order {id}", state=_state, answer=dict)
def _cancel(number: int, at: Instant | None, randomized: bool, reason: str | None) -> OrderSummary:
    """Record that an order is cancelled, and cancel its events where they are few; else that remains to be
    done (see orderwork)."""
    _check_no_stop(find_order(number))
    with store.transaction():
        order = orderwork.locked(number)
        assert order is not None, number
        hrefs = [href for href, in sql.rows(
            "SELECT DISTINCT event_href FROM share WHERE order_id = ? AND event_href <> ''", number)]
        pending = sql.execute("DELETE FROM share WHERE order_id = ? AND event_href = ''", number).rowcount
        if not pending and not any(eventlisting.live(chunk) for chunk in chunked(hrefs, CHUNK)):
            raise Refused(409, f"order {number} is {status_of(order)}; nothing of it is left to cancel")
        order.cancelled_at = clock.now() if at is None else at
        blockcalls.end(at, order=number)
        order.work = orderwork.cancellation(at, randomized, reason)
        if len(hrefs) <= orderwork.TOGETHER:  # as of an order to all members together
            orderwork.cancel_events(hrefs, order.work)
            order.work = None
        order.save()
        return describe(order)


def _check_no_stop(order: DispatchOrder) -> None:
    if order.quantity == STOP:
        raise Refused(409, f"order {order.id} is a stop: `counterpoise resume {order.vder.name}` ends it")


def extend(number: int, duration_s: Seconds, reason: str = "") -> OrderSummary:
    """Extend an order by another order of the same, from its end on; events are never edited.

    Refused (409) where it is over, cancelled or not published yet, was made by a plan, or would break a limit
    of a virtual DER by then.
    """
    extension = _extend(number, duration_s, reason)
    orderwork.finish(extension["id"] or 0)
    return describe(find_order(extension["id"] or 0))


@audit.audited("dispatch extend", "{vder} order {id}", answer=dict)
def _extend(number: int, duration_s: Seconds, reason: str) -> OrderSummary:
    """Record the extension; events of single devices remain to be published (see orderwork)."""
    with store.transaction():
        order = find_order(number)
        _check_no_stop(order)
        status, end = status_of(order), order.start + order.duration_s
        if order.plan_id is not None:
            raise Refused(409, f"order {number} is part of plan {order.plan_id}, which decides each step")
        if status not in (SCHEDULED, ACTIVE):
            raise Refused(409, f"order {number} is {status}")
        calls = blockcalls.extended(number, end, duration_s)
        recorded = list(Share.select().where(Share.order == order))
        _check_limits(order, recorded, end, duration_s)
        events = {document.href: document for document in documents.among(
            "href", (share.event_href for share in recorded))}
        single = {href for href, document in events.items() if document.kind == _RESERVATION
                  or document.kind == "DERControl" and table.parent(document.parent) != order.vder.program}
        repeated = {href: _repeat(document, end, duration_s) for href, document in events.items()
                    if href not in single}
        shares = [
            ShareRow(
                lfdi=share.lfdi,
                event_href=repeated.get(share.event_href, ""),
                planned_w=share.planned_w or 0.0,
                baseline_w=share.baseline_w,
                reason=share.reason,
                pending=_pending(events[share.event_href], end, duration_s)
                if share.event_href in single else None,
                planned_var=share.planned_var,
            )
            for share in recorded
        ]
        event = dercontrols.event_fields(duration_s, end, description=order.reason[:DESCRIPTION_CHARACTERS])
        extension = DispatchOrder.create(
            vder=order.vder,
            quantity=order.quantity,
            value=order.value,
            addressing=order.addressing,
            start=end,
            duration_s=duration_s,
            target_w=order.target_w,
            planned_w=order.planned_w,
            planned_var=order.planned_var,
            asked=order.asked,
            clipped_w=order.clipped_w,
            reason=reason or order.reason,
            warnings=_reach_warnings(order, end + duration_s),
            requested_by=actors.who(),
            created_at=clock.now(),
            work=orderwork.publication(event, None, order.reason) if single else None,
        )
        record_shares(extension, shares)
        blockcalls.record(calls, extension.id, {})
        return describe(extension)


def _check_limits(order: DispatchOrder, shares: list[Share], start: Instant, duration_s: Seconds) -> None:
    if (order.asked or {}).get("override"):
        return
    rooms, _ = orderlimits.node_rooms(order.vder, start, duration_s)
    change_of = {share.lfdi: (share.planned_w or 0.0) - (share.baseline_w or 0.0) for share in shares}
    for excess in orderlimits.excesses(rooms, change_of):
        raise Refused(409, f"{excess.limit} would be exceeded by {abs(excess.excess_w):.0f} W: make a new "
                           "order for that time, which is clipped")


def _pending(document: Document, start: Instant, duration_s: Seconds) -> dict[str, Any]:
    """What is pending of a device that gets an event of the same content from `start` on."""
    if document.kind == _RESERVATION:
        return orderwork.reservation(reservations.repetition(document, start, duration_s))
    return orderwork.control(document.submitted["DERControlBase"])


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
    fields = dercontrols.event_fields(
        duration_s, start, description=document.submitted.get("description", "")
    )
    content = {key: value for key, value in document.submitted.items() if key not in _NOT_REPEATED}
    return store.add(document.kind, document.parent, {**content, **fields})
