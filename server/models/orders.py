"""Dispatch orders, and the share of each device in them."""
from __future__ import annotations

from peewee import AutoField, BigIntegerField, CompositeKey, FloatField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class DispatchOrder(Table):
    """What an operator or a plan (`plan_id`) asked of a virtual DER.

    `quantity` is one of allocation.WISHES, or the way in which a plan is told (see setpoints). Power is
    injection, in W.
    """
    id = AutoField()
    vder_id: int
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    quantity = TextField()
    value = FloatField()
    addressing = TextField()
    start = BigIntegerField()
    duration_s = BigIntegerField()
    target_w = FloatField(null=True)
    planned_w = FloatField(null=True)
    reason = TextField(default="")
    warnings = JSON(default=list)
    requested_by = TextField(default="")
    plan_id = BigIntegerField(null=True, index=True)
    created_at = BigIntegerField()
    cancelled_at = BigIntegerField(null=True)


class Share(Table):
    """The share of one device in an order: the control that tells it, and the reason for its size."""
    order = ForeignKeyField(DispatchOrder, on_delete="CASCADE")
    lfdi = TextField(index=True)
    event_href = TextField()
    mrid = TextField(index=True)
    planned_w = FloatField(null=True)
    baseline_w = FloatField(null=True)
    reason = TextField(default="")

    class Meta:
        primary_key = CompositeKey("order", "lfdi")
