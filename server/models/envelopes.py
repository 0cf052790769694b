"""Operating envelopes: schedules of the limits of connection points."""
from __future__ import annotations

from peewee import BigIntegerField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class PointEnvelope(Table):
    """The limits of a connection point, which is a virtual DER, often that of a single device.

    `segments` are lists of start, end (UTC, s), and the limits of import, export, generation and load (W,
    magnitudes, null for none), in order, from when it was issued on. `events` are those that are published:
    lists of start, end, the four limits, and the href of the control. The worker has something to do at
    `due_at`.
    """
    vder_id: int
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    segments = JSON(default=list)
    events = JSON(default=list)
    source = TextField(default="")
    issued_at = BigIntegerField()
    until = BigIntegerField()
    due_at = BigIntegerField(index=True, null=True)

    class Meta:
        table_name = "envelope"
