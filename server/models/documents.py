"""Tables of the device interface: documents, readings, responses, rates."""
from __future__ import annotations

from peewee import (SQL, BigAutoField, BigIntegerField, BlobField, CompositeKey, ForeignKeyField,
                    IntegerField, SmallIntegerField, TextField)

from server.models.base import JSON, Table


class Document(Table):
    """A resource, by href.

    `submitted` is the content as it was submitted, null for a placeholder that exists only so that its link
    resolves. `body` is the XML fragment that is served (see codec), in the variant of the profile of the
    server (see profiles). `audience` is EVERYONE (every enrolled device), NOBODY, an LFDI, or
    a virtual DER as `vder:ID`. `fresh_until` is the instant (UTC seconds) at which time alone changes the
    body.

    `sort` orders a list bytewise in the order of the resource table; `at` is the time that the list parameter
    `a` is compared with; `until` is the end of the interval. `visibility` is LISTED, ACTIVE, EXPIRED
    (found by its href alone) or WITHDRAWN (not found by those that are served). `status` is the EventStatus
    of an event.
    """
    LISTED, ACTIVE, EXPIRED, WITHDRAWN = 0, 1, 2, 3
    href = TextField(primary_key=True)
    kind = TextField()
    parent = TextField()
    audience = TextField()
    submitted = JSON(null=True)
    body = BlobField()
    mrid = TextField(null=True)
    sort = BlobField()
    at = BigIntegerField(null=True)
    until = BigIntegerField(null=True)
    visibility = SmallIntegerField(default=LISTED)
    fresh_until = BigIntegerField(null=True)
    status = JSON(null=True)


# The first is for a list in its order, the second for one of which each caller sees a part
# (retrieve.Selection.mixed). Partial indexes are small, and other documents do not slow down.
_LISTED = Document.visibility < Document.EXPIRED
Document.add_index(Document.parent, Document.sort, Document.audience, Document.visibility)
for _columns, _where in (
        ((Document.parent, Document.audience, Document.sort, Document.visibility), _LISTED),
        ((Document.parent, Document.visibility), Document.visibility == Document.ACTIVE),
        ((Document.until,), Document.visibility == Document.EXPIRED),  # retention
        ((Document.parent, Document.audience), Document.visibility == Document.WITHDRAWN),
        ((Document.parent, Document.at, Document.until), _LISTED & Document.status.is_null(False)),
        ((Document.mrid,), Document.mrid.is_null(False)),
        ((Document.fresh_until,), Document.fresh_until.is_null(False)),
        ((Document.parent, Document.fresh_until), Document.fresh_until.is_null(False)),
        ((Document.audience,), SQL("length(submitted) >= 4096")),  # quotas.check_bytes
        # controls.reservationheadroom
        ((Document.until, Document.at, Document.audience),
         (Document.kind == "FlowReservationResponse") & _LISTED & Document.status.is_null(False))):
    Document.add_index(*_columns, where=_where)


class Counter(Table):
    """The last number of a list. No number is given to two documents."""
    name = TextField(primary_key=True)
    value = BigIntegerField()


class ReadingSet(Table):
    """Readings of one MeterReading (`meter` is its href) that were taken together, from `start` (UTC seconds)
    for `duration_s` seconds.
    """
    id = BigAutoField()
    meter = TextField()
    number = BigIntegerField()
    mrid = TextField()
    start = BigIntegerField(index=True)
    duration_s = BigIntegerField()
    submitted = JSON(default=dict)

    class Meta:
        indexes = ((("meter", "number"), True), (("meter", "mrid"), False), (("meter", "start"), False))


class Reading(Table):
    """One value of a reading set. On PostgreSQL the table is partitioned by days of `set_start`, the start of
    the set (see resources/readingdays).

    `submitted` holds the other elements of the Reading (consumptionBlock, touTier, qualityFlags, localID, …).
    `sort` is its position in its list: localID, consumptionBlock and touTier as 16, 8 and 8 bits.
    """
    set = ForeignKeyField(ReadingSet, on_delete="CASCADE", index=False)
    set_start = BigIntegerField()
    number = BigIntegerField()
    start = BigIntegerField()
    duration_s = BigIntegerField()
    value = BigIntegerField(null=True)
    submitted = JSON(default=dict)
    sort = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("set", "number", "set_start")
        indexes = ((("set", "start"), False),)


class ResponseRecord(Table):
    """A Response to an event.

    `subject` is the mRID of the event, `lfdi` the device that responded, `created_at` the time by the
    device's clock and `received_at` the time by the server's (UTC seconds).
    """
    href = TextField(primary_key=True)
    subject = TextField()
    lfdi = TextField()
    status = SmallIntegerField(null=True)
    created_at = BigIntegerField(null=True)
    received_at = BigIntegerField(index=True)

    class Meta:
        indexes = ((("subject", "lfdi"), False),)


class Rate(Table):
    """A poll rate or post rate that an operator set: for a kind of resource, for one device, or for both."""
    purpose = TextField()
    kind = TextField(default="")
    lfdi = TextField(default="")
    interval_s = IntegerField()

    class Meta:
        primary_key = CompositeKey("purpose", "kind", "lfdi")


class KeyValue(Table):
    """Values that processes share: the pace of the clock, the head of the audit log, pending work of a
    migration.
    """
    name = TextField(primary_key=True)
    value = TextField()
