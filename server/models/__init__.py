"""The tables, and the connection to the database.

Read `base` (what every table has), `documents` (resources, readings, responses), `devices`, `groups` (virtual
DERs), `orders`, `contracts` (of businesses), `envelopes` (limits of connection points), `feeders` (as the map
shows them), `fleet` (what is known of members), `series` (signals, measurements), `plans`, `subscriptions`
(and what is due to them), `files` (that devices load), `exchanges` (with devices), `operators` (who uses the
operator interface), `requests` (of theirs that are not done twice), `alarms`, `changes` (of state, for
streams and `webhooks`) and `auditlog`; `pages` reads long lists; `statements` tells those that are wrong;
`diskfull` and `unavailable` tell the errors of a full disk, and of a database that does not answer, from
others; `postgres` does not wait for a frozen PostgreSQL, and keeps nothing in a session where a pooler lends
it; `inuse` and `turns` are locks beside SQLite, whose transactions `groupcommit` has on the disk before they
are answered.
`Document` holds what was submitted and what is served, by href. Most other tables can be rebuilt from it;
readings, orders, signals, plans and what operators set are the truth themselves.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import peewee

from server import drivers
from server.config import settings
from server.config.checks import masked
from server.errors import Refused
from server.migrations import runner
from server.models import statements
from server.models.alarms import AlarmNotice, AlarmRecord
from server.models.auditlog import AuditEntry
from server.models.base import CHUNK, EVERYONE, JSON, NOBODY, Table, among, chunked, db
from server.models.changes import StateChange
from server.models.contracts import Block, BlockCall
from server.models.devices import Audience, Device, vder_audience, vder_of_audience
from server.models.documents import Counter, Document, KeyValue, Rate, Reading, ReadingSet, ResponseRecord
from server.models.envelopes import PointEnvelope
from server.models.exchanges import DeviceExchange, DeviceTrace
from server.models.feeders import FeederLine
from server.models.files import FileContent, FilePart, FileProgress
from server.models.fleet import (ChargingSession, DefaultBehaviour, DerState, DeviceType, Meter,
                                 Participation, RatingOverride, ThermalParameters, ThermalState)
from server.models.groups import Membership, MembershipChange, MembershipWork, VirtualDER
from server.models.operators import (Approval, BalanceLimit, OperatorSession, OperatorToken, OperatorUser,
                                     PowerLimit, SignInFailure)
from server.models.orders import DispatchOrder, ErasedMember, Share
from server.models.plans import Balance, Plan
from server.models.requests import KeyedRequest, OperatorJob
from server.models.series import Measurement, QuarterHours, Series
from server.models.subscriptions import ResourceChange, Subscription
from server.models.unavailable import DATABASE_ERRORS
from server.models.webhooks import Webhook

T = TypeVar("T")
MIGRATIONS = runner.DIRECTORY
# SQLite's names of errors that last: a folder, another kind of file, no right to open or write it.
_LASTING = "SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_PERM", "SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY"
RETRY_S = 0.05  # until the next attempt to open a SQLite database that another process is creating
# So that a PostgreSQL that is gone without a word is noticed (libpq's names; s, and ms for the last).
_TCP = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
        "tcp_user_timeout": 20_000, "application_name": "counterpoise"}


def connect(
    url: str | None = None, wait_s: int | None = None, statement_s: int = 0, create: bool = True,
    upgrade: bool = True, keep_plans: bool = False
) -> list[str]:
    """Open the database at this URL (default: the setting) and, if `upgrade`, bring its tables up to date.

    Returns the names of the migrations that it has applied, or would apply: none where everything is there.

    A database that is not there, or has no tables, is made if `create`; else it is refused (503), and so is
    a file that cannot be opened. LoginRefused where PostgreSQL answers and refuses the login.

    A statement waits up to `wait_s` for the locks of others (default: the setting `busy_timeout_s`) and, on
    PostgreSQL, takes up to `statement_s` (0 for any time); beyond, it fails with an OperationalError. With
    `keep_plans` PostgreSQL may plan a statement once for any values: for who runs the same few all the time.

    SQLite runs in WAL mode and takes its write lock at the start of a transaction, so that a writer waits for
    its turn instead of failing half-way.
    """
    url = url or settings.database
    if db.obj is not None and not db.is_closed():
        db.close()
    path = Path(url.partition(":///")[2])
    if url.startswith("sqlite") and not create and not path.exists():
        raise _not_there(f"there is no database {path.absolute()}")
    db.initialize(open_database(url, wait_s, statement_s, keep_plans))
    if not create and not db.get_tables():
        raise _not_there(f"the database {masked(url)} is empty")
    return migrate() if upgrade else pending()


def open_database(
    url: str, wait_s: int | None = None, statement_s: int = 0, keep_plans: bool = False
) -> peewee.Database:
    """Return the database at this URL, as `connect` opens it, but as it is: not as that of the models, and
    without migrations."""
    wait_s = settings.busy_timeout_s if wait_s is None else wait_s
    if url.startswith("sqlite"):
        return _open_sqlite(url.partition(":///")[2], wait_s)
    session = {"lock_timeout": f"{wait_s}s"}
    if not keep_plans:  # of a statement about many, the plan for any values is often a bad one
        session["plan_cache_mode"] = "force_custom_plan"
    if settings.synchronous == "normal":  # else it is for the server to say, which may wait for replicas too
        session["synchronous_commit"] = "off"
    try:
        drivers.load_psycopg()
        from server.models import postgres
    except ImportError:
        raise Refused(503, f"the driver of PostgreSQL is missing, which {masked(url)} needs ("
                           f"{settings.place('database')}): pip install 'counterpoise[postgres]'") from None
    return postgres.open_database(url, statement_s, session, **_TCP)


def _not_there(what: str) -> Refused:
    return Refused(503, f"{what} ({settings.place('database')}). Name another one in the setting database, "
                        "or make it: counterpoise init")


def _open_sqlite(path: str, wait_s: int) -> peewee.SqliteDatabase:
    """Connect to a SQLite database, which is created where there is none.

    Where two processes create a file at once, SQLite refuses one of them the change to WAL without waiting:
    try again.
    """
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it contains PINs
    database = statements.Sqlite(
        path, timeout=wait_s, lock_type="IMMEDIATE", group_commit=settings.synchronous == "full",
        pragmas={"journal_mode": "wal", "synchronous": settings.synchronous, "foreign_keys": 1,
                 "cache_size": -8000,
                 "case_sensitive_like": 1})  # as in PostgreSQL, and so LIKE can use an index
    deadline = time.monotonic() + settings.busy_timeout_s
    while True:
        try:
            database.connect()
            return database
        except peewee.DatabaseError as error:
            if getattr(getattr(error, "orig", None), "sqlite_errorname", "") in _LASTING:
                raise Refused(503, f"{Path(path).absolute()} cannot be opened as a database: {error}. "
                              f"Correct the setting database ({settings.place('database')})") from None
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(RETRY_S)


def discard_connection() -> None:
    """Close this thread's connection to the database, which did not answer; the next statement opens a new
    one."""
    if db.obj is None:
        return
    try:
        db.close()
    except peewee.PeeweeException:
        db.dispose()  # it cannot even be closed


def first_statement(read: Callable[[], T]) -> T:
    """Return what this reads, as the first statement of a request.

    If it fails, the connection may have died since the last request, so it is tried once more on a new one.
    """
    try:
        return read()
    except DATABASE_ERRORS:
        discard_connection()
        return read()


def hold_open() -> None:
    """Connect this thread, so that who wants the database alone sees that this process uses it."""
    if db.obj is not None:
        with suppress(*DATABASE_ERRORS):
            db.connect(reuse_if_open=True)


def migrate() -> list[str]:
    """Apply the migrations that the database has not seen; returns their names. Raises as the runner."""
    global _known
    _known = runner.known(MIGRATIONS)
    return runner.migrate(db.obj, MIGRATIONS)


def pending() -> list[str]:
    """Return the names of the migrations that `migrate` would apply. Refused as there."""
    return runner.pending(db.obj, MIGRATIONS)


_known: frozenset[str] = frozenset()
_SELECT_REQUIREMENT = ("SELECT value, EXISTS (SELECT 1 FROM subscription) FROM key_value "
                       f"WHERE name = '{runner.REQUIREMENT}'")


def check_schema() -> bool:
    """Refuse (503) to go on where a newer version has changed the tables in a way that this one cannot share.
    Return whether anybody subscribes to anything, which every writer has to know (see resources.changes).

    Within a transaction that excludes migrations, nothing that follows meets other tables.
    """
    row = db.obj.execute_sql(_SELECT_REQUIREMENT).fetchone()
    required = row[0].split()[0] if row is not None else ""
    if required and required not in _known:
        raise Refused(503, "a newer version of this program has upgraded the database, and this one cannot "
                           f"share it: it does not know {required}. Stop this one, and start the newer",
                      Retry_After="60")
    return row is None or bool(row[1])


def is_postgres() -> bool:
    """Whether the database is PostgreSQL (else SQLite)."""
    return isinstance(db.obj, peewee.PostgresqlDatabase)


def tables() -> list[type[Table]]:
    """Every table, those that others refer to first."""
    return list(peewee.sort_models(Table.__subclasses__()))  # type: ignore[attr-defined]


__all__ = [
    "AlarmNotice", "AlarmRecord", "Approval", "Audience", "AuditEntry", "Balance", "BalanceLimit", "Block",
    "BlockCall", "CHUNK", "ChargingSession", "Counter", "DefaultBehaviour", "DerState", "Device",
    "DeviceExchange", "DeviceTrace", "DeviceType", "DispatchOrder", "Document", "EVERYONE", "ErasedMember",
    "FeederLine", "FileContent", "FilePart", "FileProgress", "JSON", "KeyValue", "KeyedRequest",
    "Measurement", "Membership", "MembershipChange", "MembershipWork", "Meter", "NOBODY",
    "OperatorJob", "OperatorSession",
    "OperatorToken", "OperatorUser", "Participation", "Plan", "PointEnvelope", "PowerLimit", "QuarterHours",
    "Rate", "RatingOverride", "Reading", "ReadingSet", "ResourceChange", "ResponseRecord", "Series", "Share",
    "SignInFailure", "StateChange", "Subscription", "Table", "ThermalParameters", "ThermalState",
    "VirtualDER", "Webhook", "among", "check_schema", "chunked", "connect", "db", "discard_connection",
    "first_statement", "hold_open", "is_postgres", "migrate", "open_database", "pending", "tables",
    "vder_audience", "vder_of_audience"]
