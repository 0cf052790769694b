"""What belongs to devices, partitioned by the hash of the device, on plain PostgreSQL.

The distribution key is the LFDI of the device whose tree a row is in. It is a column of each of these tables
and of their primary keys: the audience of a document, the `lfdi` of a share or response; readings get it. The
LFDI is a hash itself, the first 160 bits of a SHA-256, so partitions are ranges of it, as the shards of Citus
are ranges of a hash; PostgreSQL's own hash would leave no partition out for a condition with OR. A device's
rows are in partitions of one number in all tables. Documents of no single device (programs and events of
groups, what everyone sees) are in one more table, which is small, and would be on every node. Readings, which
are partitioned by day, are so below their partition.

Statements stay as they are. A policy of row security adds the key to those of a request: the caller's rows,
and what is shared. So the planner leaves out the partitions of others, whatever a statement looks for.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from server.models import db

BOUNDS = ["0", "4", "8", "C", "G"]  # of the partitions, in the collation C
PARTITIONS = range(len(BOUNDS) - 1)
CALLER = "counterpoise.caller"  # the parameter that has the LFDI of the caller
_CALLER = f"current_setting('{CALLER}')"
OPTIONS = "TEMPLATE template0 LC_COLLATE 'C'"  # of a database that is to be laid out
SHARED = "document_shared"  # with the audiences *, - and vder:ID, which are outside the bounds
ROLE = "pg_write_all_data"  # of requests: one that every PostgreSQL has, and to which policies apply


# How a table is partitioned already, and its partitions: their names and bounds.
_DAYS = """SELECT pg_get_partkeydef(inhparent), relname, pg_get_expr(relpartbound, oid)
    FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = %s::regclass"""


class Layout(NamedTuple):
    """How a table is laid out: its key, from where rows without it get it, and what refers to what."""
    key: str
    source: str = ""
    foreign: str = ""


TABLES = {
    "document": Layout("audience"),
    "reading_set": Layout("lfdi", "SELECT audience FROM document WHERE href = old.meter"),
    "reading": Layout("lfdi", "SELECT lfdi FROM reading_set WHERE id = old.set_id",
                      "FOREIGN KEY (lfdi, set_id) REFERENCES reading_set (lfdi, id) ON DELETE CASCADE"),
    "share": Layout("lfdi", foreign="FOREIGN KEY (order_id) REFERENCES dispatch_order ON DELETE CASCADE"),
    "response_record": Layout("lfdi"),
    "audience": Layout("lfdi"),
}


def lay_out() -> None:
    """Lay the tables of the open database out anew, with their rows."""
    for name, layout in TABLES.items():
        _lay_out(name, layout)
    for what in ("TABLES", "SEQUENCES"):
        db.execute_sql(f"GRANT ALL ON ALL {what} IN SCHEMA public TO {ROLE}")
    db.execute_sql("ANALYZE")


def _lay_out(name: str, layout: Layout) -> None:
    key, before = layout.key, f"{name}_before"
    (primary,), = db.execute_sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' "
                                 f"AND conrelid = '{name}'::regclass")
    indexes = [definition for definition, in db.execute_sql(
        f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{name}'::regclass "
        "AND NOT indisprimary")]
    columns = f"LIKE {before} INCLUDING DEFAULTS"
    if layout.source:
        columns += f", {key} TEXT NOT NULL DEFAULT {_CALLER}"
    visible = f"{key} = {_CALLER}"
    statements = [
        f"ALTER TABLE {name} RENAME TO {before}",
        f"CREATE TABLE {name} ({columns}) PARTITION BY RANGE ({key})"]
    days = list(db.execute_sql(_DAYS, (name,)))
    by_day = f"PARTITION BY {days[0][0]}" if days else ""
    for number in PARTITIONS:
        own = f"{name}_{number}"
        statements.append(f"CREATE TABLE {own} PARTITION OF {name} FOR VALUES FROM ('{BOUNDS[number]}') "
                          f"TO ('{BOUNDS[number + 1]}') {by_day}")
        statements += [f"CREATE TABLE {own}{day.removeprefix(name)} PARTITION OF {own} {bound}"
                       for _, day, bound in days]
    if name == "document":
        visible += f" OR {key} < '{BOUNDS[0]}' OR {key} >= '{BOUNDS[-1]}'"
        statements.append(f"CREATE TABLE {SHARED} PARTITION OF {name} DEFAULT")
    source = f", ({layout.source})" if layout.source else ""
    statements += [
        f"INSERT INTO {name} SELECT old.*{source} FROM {before} AS old",
        *(f"ALTER SEQUENCE {sequence} OWNED BY NONE" for sequence in _sequences(name)),
        f"DROP TABLE {before} CASCADE",
        f"ALTER TABLE {name} ADD CONSTRAINT {name}_pkey {_with_key(primary, key)}",
        *(_with_key(index, key) if "UNIQUE" in index else index for index in indexes),
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY owned ON {name} USING ({visible})"]
    if layout.foreign:
        statements.append(f"ALTER TABLE {name} ADD {layout.foreign}")
    for statement in statements:
        db.execute_sql(statement)


def _sequences(name: str) -> list[str]:
    return [sequence for sequence, in db.execute_sql(
        "SELECT objid::regclass::text FROM pg_depend JOIN pg_class c ON c.oid = objid AND c.relkind = 'S' "
        f"WHERE refobjid = '{name}'::regclass")]


def _with_key(definition: str, key: str) -> str:
    """Return the definition of a unique index with the key as its first column, unless it has it."""
    before, columns = definition.split("(")
    names = [name for name in columns.rstrip(")").split(", ") if name != key]
    return f"{before}({', '.join([key, *names])})"


@contextmanager
def request(lfdi: str) -> Iterator[None]:
    """What follows is a request of this device: one transaction, in which the policies hold."""
    with db.atomic():
        db.execute_sql(f"SET LOCAL {CALLER} = '{lfdi}'")
        db.execute_sql(f"SET LOCAL ROLE {ROLE}")
        yield
        db.execute_sql("RESET ROLE")
