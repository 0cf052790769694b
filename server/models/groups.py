"""What the grid room keeps: virtual DERs, orders on them, what became of those."""
from __future__ import annotations

from typing import Any

from peewee import (AutoField, BigIntegerField, BooleanField, CompositeKey, FloatField, ForeignKeyField,
                    SmallIntegerField, TextField)

from server.models.base import Table
from server.models.devices import Device


class VirtualDER(Table):
    """A node of the tree. `rule` makes members of the devices it fits, `program` is the href of its
    DERProgram.

    `import_limit_w` and `export_limit_w` are the most that its members may consume and inject together, in W;
    None for no limit. `device` is set for a virtual DER of one: it stands in no tree and exists so that one
    device can be addressed.

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
    import_limit_w = FloatField(null=True)
    export_limit_w = FloatField(null=True)
    device = ForeignKeyField(Device, null=True, on_delete="CASCADE", unique=True)
    created_at = BigIntegerField()


class Membership(Table):
    """A device that is in a virtual DER: put there by name (`listed`), or brought by its rule or by its
    children."""
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    listed = BooleanField(default=False)

    class Meta:
        primary_key = CompositeKey("vder", "device")
