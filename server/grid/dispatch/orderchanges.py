"""Changes to an order: cancelled, or extended by another order of the same."""
from __future__ import annotations

from typing import Any

from server import audit, clock
from server.errors import Refused
from server.grid.controls import dercontrols, reservationanswers, reservations
from server.grid.dispatch.orders import controls_of, describe, find_order, status_of
from server.grid.dispatch.shares import ShareRow, record_shares
from server.models import DispatchOrder, Document, Share
from server.resources import store
from server.resources.codes import EventStatus


def _state(number: int) -> dict[str, Any]:
    return describe(find_order(number))


@audit.audited("dispatch cancel", "{vder} order {id}", state=_state, answer=dict)
def cancel(
    number: int, at: int | None = None, randomized: bool = False, reason: str | None = None
) -> dict[str, Any]:
    """Cancel an order's controls, now or from a later instant on. Refused (409) where none of them is left to
    cancel."""
    with store.transaction():
        row = find_order(number)
        live = [
            document
            for document in controls_of(row)
            if document.status["currentStatus"] <= EventStatus.ACTIVE
            and document.visibility != Document.EXPIRED
        ]
        if not live:
            raise Refused(409, f"order {number} is {describe(row)['status']}; nothing of it is left to "
                               "cancel")
        for document in live:
            if document.kind == "FlowReservationResponse" and at is None:
                reservationanswers.release(document)
            else:
                store.cancel(document.href, at, randomized, reason)
        row.cancelled_at = clock.now() if at is None else at
        row.save()
        return describe(row)


@audit.audited("dispatch extend", "{vder} order {id}", answer=dict)
def extend(number: int, duration: int, reason: str = "") -> dict[str, Any]:
    """Have an order go on for `duration` seconds more, by an order of the same from its end on: what was said
    is never changed. Refused (409) where it is over or cancelled, or was made by a plan."""
    with store.transaction():
        row = find_order(number)
        state, end = status_of(row), row.start + row.duration_s
        if state not in ("scheduled", "active") or row.plan_id is not None:
            raise Refused(409, f"order {number} "
                               "is " + (state if row.plan_id is None else "of a plan, which goes on by "
                                                                          "itself"))
        parents = {document.href: document for document in controls_of(row)}
        hrefs = {href: _repeat(document, end, duration) for href, document in parents.items()}
        new = DispatchOrder.create(
            vder=row.vder,
            quantity=row.quantity,
            value=row.value,
            addressing=row.addressing,
            start=end,
            duration_s=duration,
            target_w=row.target_w,
            planned_w=row.planned_w,
            reason=reason or row.reason,
            warnings=[],
            requested_by=audit.who(),
            created_at=clock.now(),
        )
        record_shares(
            new,
            [
                ShareRow(
                    lfdi=share.lfdi,
                    event_href=hrefs[share.event_href],
                    planned_w=share.planned_w or 0.0,
                    baseline_w=share.baseline_w or 0.0,
                    reason=share.reason,
                )
                for share in Share.select().where(Share.order == row)
            ],
        )
        return describe(new)


def _repeat(document: Document, start: int, duration: int) -> str:
    """Have an event's own words hold from `start` on too; the href of the event that says so."""
    if document.kind == "FlowReservationResponse":
        return reservations.repeat(document, start, duration).href
    said = dercontrols.event_fields(duration, start, description=document.submitted.get("description", ""))
    own = {key: value for key, value in document.submitted.items() if key not in (
        "mRID", "creationTime", "EventStatus", "randomizeStart", "randomizeDuration")}
    return store.add(document.kind, document.parent, {**own, **said})
