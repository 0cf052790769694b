"""What businesses have agreed to: blocks of load, generators and storage of a site, and when each was called.

Calls keep the terms that held when they were made: they are settled by these, whatever is agreed later.
"""
from __future__ import annotations

from peewee import AutoField, BigIntegerField, DoubleField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.devices import Device


class Block(Table):
    """What is agreed about a part of a device that is called as a whole; `name` is unique in the device.

    `kind` is one of blockterms.KINDS, `terms` has the clauses that are agreed, by their names in
    blockterms.BlockTerms.
    """
    id = AutoField()
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE", index=True)
    name = TextField()
    kind = TextField()
    terms = JSON()

    class Meta:
        indexes = ((("device", "name"), True),)


class BlockCall(Table):
    """A call of a block from `start` to `until`, made at `called_at` by an order or a load control event.

    `called_w` is by how much more is to be injected, `terms` are those of the block at that time. A call that
    was cancelled before its start has an `until` equal to it and counts for nothing.
    """
    id = AutoField()
    device_id: int
    device = ForeignKeyField(Device, on_delete="CASCADE", index=True)
    block = TextField()
    order_id = BigIntegerField(null=True, index=True)
    event_href = TextField(default="", index=True)
    start = BigIntegerField(index=True)
    until = BigIntegerField()
    called_w = DoubleField()
    called_at = BigIntegerField()
    terms = JSON()
