"""Alarms: what is wrong and not over, or was until recently; and what people are still to be told of them."""
from __future__ import annotations

from peewee import SQL, AutoField, BigAutoField, BigIntegerField, ForeignKeyField, TextField

from server.models.base import Table


class AlarmRecord(Table):
    """An alarm of one kind from one source. Instants are seconds since 1970, UTC.

    While it stands, `cleared_at` is null, and there is one row of its kind and source. `lapses_at` is when it
    clears by itself; null where something clears it. Who has acknowledged it, when and why is null until
    somebody does.
    """
    id = AutoField()
    kind = TextField()
    source = TextField()
    severity = TextField()
    detail = TextField()
    remedy = TextField()
    since = BigIntegerField()
    last_at = BigIntegerField()
    times = BigIntegerField(default=1)
    lapses_at = BigIntegerField(null=True)
    cleared_at = BigIntegerField(null=True, index=True)
    acknowledged_at = BigIntegerField(null=True)
    acknowledged_by = TextField(null=True)
    acknowledged_reason = TextField(null=True)


AlarmRecord.add_index(AlarmRecord.kind, AlarmRecord.source, AlarmRecord.id)
AlarmRecord.add_index(AlarmRecord.since, AlarmRecord.id)
AlarmRecord.add_index(
    AlarmRecord.index(AlarmRecord.kind, AlarmRecord.source, unique=True, where=SQL("cleared_at IS NULL")))


class AlarmNotice(Table):
    """A change of an alarm that somebody is to be told of through a channel (see alarmchannels).

    It is written with the change, and removed once it is delivered. `due_at` is when to try next,
    `failing_since` when it failed first, `last_error` why it failed last.
    """
    RAISED, CLEARED = "raised", "cleared"
    alarm_id: int
    id = BigAutoField()
    alarm = ForeignKeyField(AlarmRecord, on_delete="CASCADE")
    change = TextField()
    channel = TextField()
    at = BigIntegerField()
    due_at = BigIntegerField()
    failing_since = BigIntegerField(null=True)
    last_error = TextField(null=True)


AlarmNotice.add_index(AlarmNotice.channel, AlarmNotice.due_at, AlarmNotice.id)
