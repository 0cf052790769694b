"""The events that can be evaluated: orders and load control events, in one form."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from server import clock
from server.grid.controls import drevents
from server.grid.dispatch import orders
from server.grid.fleet.stops import STOP
from server.models import ResponseRecord, Share
from server.resources import store
from server.resources.codes import EventStatus

_DAY = 86400


class Expectation(NamedTuple):
    """What a device was sent: the mRID of its event, and planned and baseline injection (None: not
    estimated)."""
    mrid: str
    planned_w: float | None
    baseline_w: float | None


@dataclass(frozen=True, kw_only=True)
class EvaluatedEvent:
    """An event over [start, end), published at `published_at`, and what each device (LFDI) was sent.

    `continuous` is whether it is one of the automatic balance, which dispatches in every step.
    """
    name: str
    vder: str
    start: int
    end: int
    published_at: int
    kind: str
    expectations: dict[str, Expectation] = field(repr=False)
    continuous: bool = False


def find(name: str | int) -> EvaluatedEvent:
    """Return the order of this number, or the load control event of this href.

    Refused (404) where there is none.
    """
    text = str(name)
    return of_order(int(text)) if text.isdecimal() and len(text) < 19 else _of_load_event(text)


def of_order(number: int) -> EvaluatedEvent:
    """Return an order as an event, until it was cancelled; of a stop, which may last for weeks, the last day
    so far. Refused (404) where there is none."""
    order = orders.find_order(number)
    start, end = order.start, orders.end_of(order)
    if order.quantity == STOP:
        end = min(end, clock.now())
        start = max(start, end - _DAY)
    shares = Share.select().where(Share.order == order).order_by(Share.lfdi)
    return EvaluatedEvent(
        name=f"order {number}",
        vder=order.vder.name,
        start=start,
        end=max(end, start),
        published_at=order.created_at,
        kind=order.quantity,
        expectations={
            share.lfdi: Expectation(share.mrid, share.planned_w, share.baseline_w) for share in shares
        },
        continuous=order.plan_id is not None,
    )


def _of_load_event(href: str) -> EvaluatedEvent:
    """Return a load control event, for the devices that it is for and those that responded."""
    event = drevents.show(href)
    document = store.get(href)
    assert document is not None
    mrid = document.submitted["mRID"]
    end = event["start"] + event["duration_s"]
    if document.status["currentStatus"] > EventStatus.ACTIVE:
        end = min(end, document.status["dateTime"])
    responses = ResponseRecord.select(ResponseRecord.lfdi).where(ResponseRecord.subject == mrid)
    lfdis = {response.lfdi for response in responses} | {device["lfdi"] for device in event["devices"]}
    return EvaluatedEvent(
        name=href,
        vder=event["vder"],
        start=event["start"],
        end=max(end, event["start"]),
        published_at=document.submitted["creationTime"],
        kind=" ".join(event["action"]),
        expectations={lfdi: Expectation(mrid, None, None) for lfdi in sorted(lfdis)},
    )
