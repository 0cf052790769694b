"""Alarms: what is wrong and not over, or was until recently."""
from __future__ import annotations

from peewee import SQL, AutoField, BigIntegerField, TextField

from server.models.base import Table


class AlarmRecord(Table):
    """An alarm of one kind from one source. Instants are seconds since 1970, UTC.

    While it stands, `cleared_at` is null, and there is one row of its kind and source. `lapses_at` is when it
    clears by itself; null where something clears it.
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


AlarmRecord.add_index(AlarmRecord.kind, AlarmRecord.source, AlarmRecord.id)
AlarmRecord.add_index(AlarmRecord.since, AlarmRecord.id)
AlarmRecord.add_index(
    AlarmRecord.index(AlarmRecord.kind, AlarmRecord.source, unique=True, where=SQL("cleared_at IS NULL")))
