"""The last exchanges of devices with the server, and whose are kept whole for a while."""
from __future__ import annotations

from peewee import BigAutoField, BigIntegerField, BooleanField, DoubleField, SmallIntegerField, TextField

from server.models.base import Table


class DeviceExchange(Table):
    """A request of a device and its answer. `number` counts those of a process; `at` is in seconds UTC,
    with the part that puts exchanges of one second in order.

    `size` is that of the answer's body in bytes, `reason` why it was refused. Bodies are NULL unless they
    were asked for.
    """
    id = BigAutoField()
    process = TextField()
    number = BigIntegerField()
    lfdi = TextField()
    at = DoubleField()
    method = TextField()
    href = TextField()
    status = SmallIntegerField()
    size = BigIntegerField()
    duration_ms = DoubleField()
    reason = TextField(default="")
    request_body = TextField(null=True)
    answer_body = TextField(null=True)

    class Meta:
        table_name = "exchange"
        indexes = ((("process", "number"), True), (("lfdi", "at", "id"), False), (("at",), False))


class DeviceTrace(Table):
    """A device whose exchanges are all kept `until` an instant, with `bodies` or without. `asked_at` is when
    somebody asked last for those that processes have in memory."""
    lfdi = TextField(primary_key=True)
    until = BigIntegerField(default=0)
    bodies = BooleanField(default=False)
    asked_at = BigIntegerField(default=0)

    class Meta:
        indexes = ((("until",), False),)
