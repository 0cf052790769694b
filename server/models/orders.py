"""Dispatch orders, the share of each device in them, and what is kept of members that were erased."""
from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, CompositeKey, DoubleField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.changes import ORDER, NotedTable
from server.models.devices import vder_audience
from server.models.groups import VirtualDER


class DispatchOrder(NotedTable, Table):
    """What an operator or a plan (`plan_id`) asked of a virtual DER.

    `quantity` is one of allocation.QUANTITIES or reactive.QUANTITIES, `stop`, or the way in which a plan is
    told (see setpoints). Power is injection, in W and var. `work` is what remains to be done for its events
    (see orderwork), None where nothing does. `asked` is the request (OrderRequest.asked), `clipped_w` what
    limits of virtual DERs took of its change of injection (signed); NULL of a plan's order. `reckon_at` is
    when to look next whether members have been read that had not been (see orderreckoning), else NULL.
    """
    id = AutoField()
    vder_id: int
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    quantity = TextField()
    value = DoubleField()
    addressing = TextField()
    start = BigIntegerField(index=True)
    duration_s = BigIntegerField()
    target_w = DoubleField(null=True)
    planned_w = DoubleField(null=True)
    planned_var = DoubleField(null=True)
    reason = TextField(default="")
    warnings = JSON(default=list)
    requested_by = TextField(default="")
    plan_id = BigIntegerField(null=True, index=True)
    created_at = BigIntegerField()
    cancelled_at = BigIntegerField(null=True)
    work = JSON(null=True)
    asked = JSON(null=True)
    clipped_w = DoubleField(null=True)
    reckon_at = BigIntegerField(null=True)

    def state_change(self, created: bool, only: Any) -> tuple[str, str, str, dict[str, Any]] | None:
        """Return that it was created or cancelled, or that all its events are published."""
        if only and self.work is not None:
            return None  # a part of it
        change = "created" if created else "published" if only else "cancelled"
        if only and self.cancelled_at is not None:
            change = "cancelled"
        return ORDER, change, vder_audience(self.vder_id), {"vder": self.vder.name, "plan": self.plan_id}


class Share(Table):
    """The share of one device in an order: the control that tells it, and the reason for its size.

    While `pending` says what is to be published, `event_href` and `mrid` are empty. `planned_var` is the
    reactive power that it is to inject, NULL where the order says nothing of that.
    """
    order = ForeignKeyField(DispatchOrder, on_delete="CASCADE")
    lfdi = TextField(index=True)
    event_href = TextField()
    mrid = TextField(index=True)
    planned_w = DoubleField(null=True)
    baseline_w = DoubleField(null=True)
    reason = TextField(default="")
    pending = JSON(null=True)
    planned_var = DoubleField(null=True)

    class Meta:
        primary_key = CompositeKey("order", "lfdi")


# the stops in force (fleet/stops)
DispatchOrder.add_index(
    DispatchOrder.vder, name="dispatch_order_stop",
    where=(DispatchOrder.quantity == "stop") & DispatchOrder.cancelled_at.is_null())
DispatchOrder.add_index(
    DispatchOrder.start, where=DispatchOrder.work.is_null(False), name="dispatch_order_work")
DispatchOrder.add_index(
    DispatchOrder.reckon_at, where=DispatchOrder.reckon_at.is_null(False), name="dispatch_order_reckon_at")


class ErasedMember(Table):
    """The figures of an event for a device that was erased, so that the report still adds up.

    `event` is as EvaluatedEvent.name, `lfdi` the name that stands for the device in all its events, `figures`
    a results.DevicePerformance. `baseline_error_w` is the standard deviation of its baseline.
    """
    event = TextField()
    lfdi = TextField()
    ended_at = BigIntegerField(index=True)
    figures = JSON()
    baseline_error_w = DoubleField(default=0.0)

    class Meta:
        primary_key = CompositeKey("event", "lfdi")
