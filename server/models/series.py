"""What the balance keeps: signals and forecasts as they were said, what was measured, and plans."""
from __future__ import annotations

from peewee import (AutoField, BigIntegerField, CompositeKey, DoubleField, ForeignKeyField, SmallIntegerField,
                    TextField)

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class Series(Table):
    """A signal or a forecast for a virtual DER, as `source` said it at `issued_at`: a value for each `step_s`
    seconds from `start` until `until`, null where nothing was said. `quantity` is one of signals.KINDS or of
    outlook.GIVEN, `quantiles` has values likewise by probability. `issue_interval_s` is in how many seconds
    the next issue was promised. Nothing is ever changed: who says it anew adds a row, and a replay sees what
    was known at its time."""
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    quantity = TextField()
    issued_at = BigIntegerField()
    start = BigIntegerField()
    step_s = BigIntegerField()
    until = BigIntegerField()
    values = JSON()
    quantiles = JSON(default=dict)
    source = TextField(default="")
    tolerance = DoubleField(default=0.0)
    priority = SmallIntegerField(default=0)
    issue_interval_s = BigIntegerField(null=True)

    class Meta:
        indexes = ((("vder", "quantity", "issued_at"), False), (("vder", "quantity", "until"), False))


class Measurement(Table):
    """What was measured of a virtual DER, or reckoned from that, for the STEP seconds from `start` on:
    `value` in W, or what `quantity` says; `devices_read` is of how many members."""
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    quantity = TextField()
    start = BigIntegerField()
    value = DoubleField(null=True)
    devices_read = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("vder", "quantity", "start")
