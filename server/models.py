"""The tables, and the connection to them.

`Document` holds what is said and what is served, by href. The other tables hold what is asked by value; they can be
rebuilt from the documents, save for readings and people's settings, which are the truth themselves.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peewee
from peewee import (AutoField, BigIntegerField, BlobField, BooleanField, CompositeKey, FloatField, ForeignKeyField,
                    IntegerField, Model, SmallIntegerField, TextField)
from playhouse import db_url, migrations

from server.config import settings

db = peewee.DatabaseProxy()
EVERYONE = "*"


class JSON(TextField):
    """A value kept as JSON text."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)


class Table(Model):
    class Meta:
        database = db
        legacy_table_names = False


class Document(Table):
    """A resource, by href.

    `stated` is what was said, null where a resource stands there only so that its link resolves; `body` the inner
    XML that is served (see codec), `body_2023` the same for clients of the 2023 edition where it differs. `audience`
    is EVERYONE (that is enrolled), an LFDI or a virtual DER's `vder:ID`. `fresh_until` is the instant at which time
    alone changes the body. `sort` orders a list bytewise as the table says, `at` is what the list parameter `a`
    compares, `until` the end of an interval, `standing` one of LISTED, ACTIVE and GONE, `status` an event's EventStatus.
    """
    LISTED, ACTIVE, GONE = 0, 1, 2
    href = TextField(primary_key=True)
    kind = TextField()
    parent = TextField()
    audience = TextField()
    stated = JSON(null=True)
    body = BlobField()
    body_2023 = BlobField(null=True)
    mrid = TextField(null=True)
    sort = BlobField()
    at = BigIntegerField(null=True)
    until = BigIntegerField(null=True)
    standing = SmallIntegerField(default=LISTED)
    fresh_until = BigIntegerField(null=True)
    status = JSON(null=True)


# The first is for a list in its order, the second for one of which each caller sees a part (reading.Selection.mixed).
# Partial ones are small, and cost nothing to those whom they do not concern.
_LISTED = Document.standing < Document.GONE
Document.add_index(Document.parent, Document.sort, Document.audience, Document.standing)
for _columns, _where in (
        ((Document.parent, Document.audience, Document.sort, Document.standing), _LISTED),
        ((Document.parent, Document.standing), Document.standing == Document.ACTIVE),
        ((Document.parent, Document.at, Document.until), _LISTED & Document.status.is_null(False)),
        ((Document.mrid,), Document.mrid.is_null(False)),
        ((Document.fresh_until,), Document.fresh_until.is_null(False))):
    Document.add_index(*_columns, where=_where)


class Counter(Table):
    """The last number given in a list; numbers are never given again."""
    name = TextField(primary_key=True)
    value = BigIntegerField()


class Device(Table):
    """An enrolled EndDevice. `id` is its number in /edev; `manager` the LFDI of the aggregator that acts for it."""
    ENROLLED, SUSPENDED = "enrolled", "suspended"
    id = BigIntegerField(primary_key=True)
    lfdi = TextField(unique=True)
    sfdi = BigIntegerField(unique=True)
    name = TextField(default="")
    kind = TextField(default="")
    labels = JSON(default=dict)
    state = TextField(default=ENROLLED)
    manager = TextField(default="", index=True)
    enrolled_at = BigIntegerField()
    seen_at = BigIntegerField(null=True)


class Audience(Table):
    """Who may see what: a caller's LFDI, and an audience it belongs to."""
    lfdi = TextField()
    audience = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("lfdi", "audience")


class ReadingSet(Table):
    """Readings of one MeterReading (`meter` is its href) that were taken together."""
    id = AutoField()
    meter = TextField()
    number = BigIntegerField()
    mrid = TextField()
    start = BigIntegerField()
    duration = BigIntegerField()
    stated = JSON(default=dict)

    class Meta:
        indexes = ((("meter", "number"), True), (("meter", "mrid"), False), (("meter", "start"), False))


class Reading(Table):
    """One value. `stated` keeps what else was said of it (consumptionBlock, touTier, qualityFlags, localID …), `sort`
    its place in its list: localID, consumptionBlock and touTier, 16 and twice 8 bits."""
    set = ForeignKeyField(ReadingSet, on_delete="CASCADE", index=False)
    number = BigIntegerField()
    start = BigIntegerField()
    duration = BigIntegerField()
    value = BigIntegerField(null=True)
    stated = JSON(default=dict)
    sort = BigIntegerField(default=0)

    class Meta:
        indexes = ((("set", "number"), True), (("set", "start"), False))


class Answer(Table):
    """A Response to an event: which (`subject` is its mRID), by whom, what, and when by the device's and our clock."""
    href = TextField(primary_key=True)
    subject = TextField()
    lfdi = TextField()
    status = SmallIntegerField(null=True)
    created = BigIntegerField(null=True)
    received = BigIntegerField()

    class Meta:
        indexes = ((("subject", "lfdi"), False),)


class Rate(Table):
    """A poll or post rate that was set, in seconds: for a kind of resource, for one device, or for both."""
    what = TextField()
    kind = TextField(default="")
    lfdi = TextField(default="")
    seconds = IntegerField()

    class Meta:
        primary_key = CompositeKey("what", "kind", "lfdi")


class Note(Table):
    """What processes tell each other: the pace of the clock, the schema's revision."""
    name = TextField(primary_key=True)
    text = TextField()


# --- the grid room: virtual DERs, orders on them, what became of those ---------------------------------------------

class VirtualDER(Table):
    """A node of the tree. `rule` makes members of the devices it fits, `program` is the href of its DERProgram.

    `import_limit` and `export_limit` are the most that its members may consume and inject together, in W; None for
    no limit. `device` is set for a virtual DER of one: it stands in no tree and exists so that one device can be addressed.
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
    import_limit = FloatField(null=True)
    export_limit = FloatField(null=True)
    device = ForeignKeyField(Device, null=True, on_delete="CASCADE", unique=True)
    created = BigIntegerField()


class Membership(Table):
    """A device that is in a virtual DER: put there by name (`listed`), or brought by its rule or by its children."""
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    device = ForeignKeyField(Device, on_delete="CASCADE")
    listed = BooleanField(default=False)

    class Meta:
        primary_key = CompositeKey("vder", "device")


class Order(Table):
    """What an operator asked of a virtual DER. `wish` is one of plan.WISHES, powers are W of injection."""
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    wish = TextField()
    value = FloatField()
    addressing = TextField()
    start = BigIntegerField()
    duration = BigIntegerField()
    target_w = FloatField(null=True)
    planned_w = FloatField(null=True)
    reason = TextField(default="")
    warnings = JSON(default=list)
    created = BigIntegerField()
    cancelled = BigIntegerField(null=True)


class Share(Table):
    """A device's part in an order, and the control (by mRID) that tells it."""
    order = ForeignKeyField(Order, on_delete="CASCADE")
    lfdi = TextField()
    event = TextField()
    mrid = TextField(index=True)
    planned_w = FloatField(null=True)
    baseline_w = FloatField(null=True)

    class Meta:
        primary_key = CompositeKey("order", "lfdi")


def connect(url: str | None = None) -> None:
    """Open the database at this URL (default: the setting) and bring its tables up to date.

    SQLite runs in WAL mode and takes its write lock at the start of a transaction, so that a writer waits for its turn
    instead of failing half-way.
    """
    url = url or settings.database
    if db.obj is not None and not db.is_closed():
        db.close()
    if url.startswith("sqlite"):
        path = url.partition(":///")[2]
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # PINs are nobody else's
        database: peewee.Database = peewee.SqliteDatabase(
            path, timeout=settings.busy_timeout, lock_type="IMMEDIATE",
            pragmas={"journal_mode": "wal", "synchronous": "normal", "foreign_keys": 1, "cache_size": -8000,
                               "case_sensitive_like": 1})  # as in PostgreSQL, and so LIKE can use an index
    else:
        database = db_url.connect(url.replace("postgresql://", "psycopg3://", 1), connect_timeout=5)
    db.initialize(database)
    migrate()


def migrate() -> list[str]:
    """Apply the migrations that the database has not seen; their names. Two processes may try at once."""
    runner = migrations.Runner(db.obj, str(Path(__file__).with_name("migrations")))
    if all(row.applied for row in runner.status()):
        return []
    with db.atomic():
        if is_postgres():
            db.execute_sql("SELECT pg_advisory_xact_lock(2030, 5)")
        return runner.up()


def is_postgres() -> bool:
    """Whether the database is PostgreSQL (else SQLite)."""
    return isinstance(db.obj, peewee.PostgresqlDatabase)


def tables() -> list[type[Table]]:
    """Every table, those that others refer to first."""
    return list(peewee.sort_models(Table.__subclasses__()))  # type: ignore[attr-defined]


__all__ = ["Answer", "Audience", "Counter", "Device", "Document", "EVERYONE", "Membership", "Note", "Order", "Rate",
           "Reading", "ReadingSet", "Share", "Table", "VirtualDER", "connect", "db", "is_postgres", "migrate", "tables"]
