"""Tables of virtual DERs and their members."""
from __future__ import annotations

from typing import Any

from peewee import (AutoField, BigIntegerField, BooleanField, CompositeKey, DoubleField, ForeignKeyField,
                    SmallIntegerField, TextField)

from server.models.base import JSON, Table
from server.models.devices import Device


class VirtualDER(Table):
    """A node of the tree of virtual DERs.

    `rule` makes members of the devices that it matches; `program` is the href of the DERProgram.
    `import_limit_w` and `export_limit_w` are the greatest power (magnitudes, W) that the members together may
    consume and inject; NULL means no limit. `device` is set on a virtual DER of one device, by which the
    device is addressed alone; it is in no tree. `stopped` says that the program carries a stop (see
    dispatch/stops), and so has the strongest primacy until it is resumed; NULL is no. `deleting` says that it
    is to be deleted as soon as its members have left (see groups/membershipwork); NULL is no. `price_tariff`
    is the href of the tariff as which its price signal is published; NULL: it is not.
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
    import_limit_w = DoubleField(null=True)
    export_limit_w = DoubleField(null=True)
    device = ForeignKeyField(Device, null=True, on_delete="CASCADE", index=False)
    created_at = BigIntegerField()
    stopped = BooleanField(null=True)
    deleting = BooleanField(null=True)
    price_tariff = TextField(null=True)


VirtualDER.add_index(VirtualDER.device, unique=True, where=VirtualDER.device.is_null(False))
VirtualDER.add_index(VirtualDER.deleting, where=VirtualDER.deleting.is_null(False))


class Membership(Table):
    """A device in a virtual DER: added by name (`listed`), by the rule, or by a child."""
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    listed = BooleanField(default=False)

    class Meta:
        primary_key = CompositeKey("vder", "device")


class MembershipWork(Table):
    """A virtual DER whose rule or place in the tree has changed: devices whose numbers are greater than
    `after` have still to join and leave by it (see membershipwork)."""
    vder_id: int
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    after = BigIntegerField()


class MembershipChange(Table):
    """A device that is still to be listed in a virtual DER, or to be taken off its list, and what is to be
    changed of it before: `relabel` has labels (null removes one), name and kind (null: as it is)."""
    vder_id: int
    device_id: int
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    listed = BooleanField()
    relabel = JSON(null=True)

    class Meta:
        primary_key = CompositeKey("vder", "device")
