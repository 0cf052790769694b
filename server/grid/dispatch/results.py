"""What the operations on orders return: rows with fixed keys, from which tables and JSON are made."""
from __future__ import annotations

from typing import NotRequired, TypedDict

from server.grid.controls.results import DerControlSummary, DrEventSummary, ReservationSummary
from server.units import Elements, Href, Instant, Lfdi, Seconds, Watts, Xml


class OrderSummary(TypedDict):
    """An order; power is positive for injection.

    `quantity` is one of `allocation.QUANTITIES`, or names how a plan dispatches; `value` is in its unit.
    `status` is publishing (some controls are not yet), scheduled, active, cancelled, superseded (all its
    controls are) or over. `id` is None in a dry
    run.
    """
    id: int | None
    vder: str
    quantity: str
    value: float
    addressing: str
    start: Instant
    duration_s: Seconds
    target_w: Watts | None
    planned_w: Watts | None
    status: str
    reason: str
    requested_by: str
    plan: int | None
    created_at: Instant
    warnings: list[str]


class AllocatedShare(TypedDict):
    """The share of a device in an order as it is created; `base` is the DERControlBase that is its own."""
    lfdi: Lfdi
    name: str
    baseline_w: Watts
    planned_w: Watts
    base: Elements | None
    control: Href | None


class RecordedOrder(OrderSummary):
    """An order as it is recorded. `unserved_w` is the part of it that members cannot do."""
    baseline_w: Watts
    unserved_w: Watts


class CreatedOrder(RecordedOrder):
    """An order that was created, with its events and shares; `xml` only in a dry run."""
    dry_run: bool
    controls: list[DerControlSummary | DrEventSummary | ReservationSummary]
    shares: list[AllocatedShare]
    xml: NotRequired[list[Xml]]


class RecordedShare(TypedDict):
    """The share of a device in an order, as it was recorded."""
    lfdi: Lfdi
    name: str
    baseline_w: Watts | None
    planned_w: Watts | None
    control: Href
    reason: str
