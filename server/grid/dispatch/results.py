"""What the operations on orders return: rows with fixed keys, from which tables and JSON are made."""
from __future__ import annotations

from typing import NotRequired, TypedDict

from server.grid.controls.results import DerControlSummary, DrEventSummary, ReservationSummary
from server.units import Elements, Href, Instant, Lfdi, Seconds, Vars, Watts, Xml


class OrderSummary(TypedDict):
    """An order; power is positive for injection.

    `quantity` is one of `allocation.QUANTITIES` or `reactive.QUANTITIES`, `stop`, or names how a plan
    dispatches; `value` is in its unit. `planned_var` is None where the order says nothing of reactive power.
    `status` is publishing (some controls are not yet), scheduled, active, cancelled, superseded (all its
    controls are) or over. `id` is None in a dry run.
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
    planned_var: Vars | None
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
    planned_var: Vars | None
    base: Elements | None
    control: Href | None


class RecordedOrder(OrderSummary):
    """An order as it is recorded.

    `unserved_w` is the part of it that members cannot do, `clipped_w` what limits of virtual DERs take of its
    change of injection; both have the order's sign.
    """
    baseline_w: Watts
    unserved_w: Watts
    clipped_w: Watts


class OrderBounds(TypedDict):
    """The least and the most that an order to each device can have a virtual DER inject for an hour, None
    where nobody takes one, and the limits that stand in the way."""
    low_w: Watts | None
    high_w: Watts | None
    limits: list[str]


class CreatedOrder(RecordedOrder):
    """An order that was created, with its events and shares; `xml` only in a dry run."""
    dry_run: bool
    controls: list[DerControlSummary | DrEventSummary | ReservationSummary]
    shares: list[AllocatedShare]
    xml: NotRequired[list[Xml]]


class ReactiveDelivery(TypedDict):
    """The reactive power delivered so far, where an order says something of it.

    `delivered_var` is the mean reactive injection of the `devices_read_var`, `expected_var` what was planned
    for the same devices; None where nothing was read.
    """
    devices_read_var: int
    delivered_var: Vars | None
    expected_var: Vars | None


class StoppedKind(TypedDict):
    """Members of one kind that are stopped by the same modes.

    `addressing` is as of an order; `offline` of them have not been in contact, so they stop when they are.
    `injection_w` is what they inject now, as far as it is read.
    """
    kind: str
    modes: str
    addressing: str
    members: int
    offline: int
    injection_w: Watts


class UnstoppedDevice(TypedDict):
    """A device that may generate and cannot be stopped, and why."""
    name: str
    lfdi: Lfdi
    kind: str
    reason: str


class RecordedStop(TypedDict):
    """A stop of a virtual DER with so many `members`, of which some generate and are `stopped` by it, and
    some were before. `reservations` are the grants to discharge that end. `id` is the number of its order,
    None in a dry run."""
    id: int | None
    vder: str
    reason: str
    members: int
    stopped: int
    already_stopped: int
    reservations: int
    warnings: list[str]


class StoppedVder(RecordedStop):
    """A stop, with the number of its `controls`; `xml` (of those that are broadcast) only in a dry run."""
    dry_run: bool
    controls: int
    kinds: list[StoppedKind]
    not_stopped: list[UnstoppedDevice]
    xml: NotRequired[list[Xml]]


class ResumedVder(TypedDict):
    """The end of the stops of a virtual DER (the numbers of their `orders`), which held `resumed` members.

    They begin again at once, or over `staggered_s`. `reservations` are the offers to discharge that are
    answered anew.
    """
    vder: str
    orders: list[int]
    resumed: int
    reservations: int
    since: Instant
    staggered_s: Seconds
    reason: str
    dry_run: bool


class StopRow(TypedDict):
    """A stop in force, and how many devices it holds."""
    id: int
    vder: str
    since: Instant
    stopped: int
    status: str
    reason: str
    requested_by: str


class RecordedShare(TypedDict):
    """The share of a device in an order, as it was recorded."""
    lfdi: Lfdi
    name: str
    baseline_w: Watts | None
    planned_w: Watts | None
    planned_var: Vars | None
    control: Href
    reason: str
