"""What the grid room keeps: virtual DERs, orders on them, what became of those."""
from __future__ import annotations

from typing import Any

from peewee import (AutoField, BigIntegerField, BooleanField, CompositeKey, FloatField, ForeignKeyField,
                    SmallIntegerField, TextField)

from server.models.base import JSON, Table
from server.models.documents import Device


class VirtualDER(Table):
    """A node of the tree. `rule` makes members of the devices it fits, `program` is the href of its DERProgram.

    `import_limit` and `export_limit` are the most that its members may consume and inject together, in W; None for
    no limit. `device` is set for a virtual DER of one: it stands in no tree and exists so that one device can be addressed.
    """
    id = AutoField()
    parent_id: int | None
    device_id: int | None
    children: Any
    name = TextField(unique=True)
    purpose = TextField(default="")
    parent = ForeignKeyField("self", null=True, on_delete="RESTRICT", backref="children")
    primacy = SmallIntegerField()
    rule = TextField(default="")
    program = TextField(default="")
    import_limit = FloatField(null=True)
    export_limit = FloatField(null=True)
    device = ForeignKeyField(Device, null=True, on_delete="CASCADE", unique=True)
    created = BigIntegerField()


class Membership(Table):
    """A device that is in a virtual DER: put there by name (`listed`), or brought by its rule or by its children."""
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    listed = BooleanField(default=False)

    class Meta:
        primary_key = CompositeKey("vder", "device")


class Order(Table):
    """What an operator, or a plan (its number), asked of a virtual DER. `wish` is one of plan.WISHES, or how the plan asked (see
    translate); powers are W of injection."""
    id = AutoField()
    vder_id: int
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    wish = TextField()
    value = FloatField()
    addressing = TextField()
    start = BigIntegerField()
    duration = BigIntegerField()
    target_w = FloatField(null=True)
    planned_w = FloatField(null=True)
    reason = TextField(default="")
    warnings = JSON(default=list)
    requested_by = TextField(default="")
    plan = BigIntegerField(null=True, index=True)
    created = BigIntegerField()
    cancelled = BigIntegerField(null=True)


class Share(Table):
    """A device's part in an order, the control (by mRID) that tells it, and why it was asked for this much."""
    order = ForeignKeyField(Order, on_delete="CASCADE")
    lfdi = TextField(index=True)
    event = TextField()
    mrid = TextField(index=True)
    planned_w = FloatField(null=True)
    baseline_w = FloatField(null=True)
    reason = TextField(default="")

    class Meta:
        primary_key = CompositeKey("order", "lfdi")
