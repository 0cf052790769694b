"""Tables of time series: signals and forecasts as they were issued, and what was measured."""
from __future__ import annotations

from peewee import (AutoField, BigIntegerField, CompositeKey, DoubleField, ForeignKeyField, SmallIntegerField,
                    TextField)

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class Series(Table):
    """A signal or forecast for a virtual DER, as `source` issued it at `issued_at`.

    It has one value for each `step_s` seconds from `start` until `until`, null where there is none.
    `quantity` is one of signalkinds.KINDS or forecastvalues.QUANTITIES; `quantiles` has values of the same
    shape by probability. The next issue is expected within `issue_interval_s` seconds. Rows never change: a
    new issue adds a row, so a replay sees what was known at its time.
    """
    vder_id: int
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    quantity = TextField()
    issued_at = BigIntegerField()
    start = BigIntegerField()
    step_s = BigIntegerField()
    until = BigIntegerField(index=True)
    values = JSON()
    quantiles = JSON(default=dict)
    source = TextField(default="")
    tolerance = DoubleField(default=0.0)
    priority = SmallIntegerField(default=0)
    issue_interval_s = BigIntegerField(null=True)

    class Meta:
        indexes = ((("vder", "quantity", "issued_at"), False), (("vder", "quantity", "until"), False))


class QuarterHours(Table):
    """What one MeterReading (`meter` is its href) said of the quarter-hours of a day, in place of readings.

    `day` is its start (UTC). `injection_w` is the mean injection in W of each, null where nothing was read;
    `seconds` of how many seconds each is, null where of all that were read at all.
    """
    meter = TextField()
    day = BigIntegerField(index=True)
    injection_w = JSON()
    seconds = JSON(null=True)

    class Meta:
        primary_key = CompositeKey("meter", "day")


class Measurement(Table):
    """What was measured of a virtual DER, or calculated from that, in the intervals.STEP seconds from `start`
    on.

    `value` is in W of injection, unless `quantity` says otherwise; it comes from `devices_read` devices.
    """
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    quantity = TextField()
    start = BigIntegerField(index=True)
    value = DoubleField(null=True)
    devices_read = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("vder", "quantity", "start")
