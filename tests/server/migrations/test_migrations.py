"""Migrations: from nothing and from every earlier schema to the present, with every row, on both engines."""
from __future__ import annotations

import json
import tomllib
from collections import Counter
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playhouse.migrations import Migration
from playhouse.schema_diff import diff_models

from server import clock, models
from server.migrations import runner
from server.models import db
from server.resources import hooks, store
from tests import tables
from tests.server.migrations.conftest import NAMES, OpenAt, clear

NEIGHBOURHOOD = Path(__file__).parents[2] / "data/neighbourhood.json"  # rows as the program itself wrote them
WRITTEN = json.loads(NEIGHBOURHOOD.read_text())["schema"]
# tables without rows in it
YOUNGER = {"alarm_record", "rating_override", "erased_member", "quarter_hours", "block", "block_call",
           "default_behaviour", "envelope", "thermal_parameters", "membership_work", "membership_change",
           "subscription", "resource_change", "file_content", "file_part", "file_progress", "alarm_notice",
           "operator_user", "operator_token", "operator_session", "sign_in_failure",
           "approval", "power_limit", "balance_limit", "exchange", "device_trace", "state_change", "feeder",
           "keyed_request", "operator_job", "webhook"}
FLOATS = {"virtual_der": ("import_limit_w", "export_limit_w"), "share": ("planned_w", "baseline_w"),
          "dispatch_order": ("value", "target_w", "planned_w")}
BODIES = {"body", "body_2023"}  # what is rendered; it changes with the program, and the file has none


def test_an_empty_database_gets_every_table_once(open_at: OpenAt) -> None:
    open_at(None)
    declared = {table._meta.table_name for table in models.tables()}  # type: ignore[attr-defined]
    assert declared == set(tables.names())
    assert models.migrate() == []


def test_no_migration_that_a_database_may_have_applied_is_renamed_changed_or_removed() -> None:
    """A new one is added to tests/data/migrations.toml with its digest."""
    applied = tomllib.loads(NEIGHBOURHOOD.with_name("migrations.toml").read_text())
    assert {path.stem: sha256(path.read_bytes()).hexdigest()[:16]
            for path in runner.DIRECTORY.glob("0*.py")} == applied


def test_what_the_migrations_made_is_what_the_models_say(open_at: OpenAt, blank: str) -> None:
    open_at("")
    db.create_tables(models.tables())
    declared = tables.describe()
    db.close()
    clear(blank)
    open_at(None)
    for name in ("document", "meter", "reading_set", "quarter_hours", "subscription"):  # no model's
        db.execute_sql(f"DROP INDEX IF EXISTS {name}_below")
    assert tables.describe() == declared
    # peewee sees no index of a table that has partitions; `describe` does.
    assert not diff_models(db.obj, [table for table in models.tables() if table is not models.Reading])


def later(last: str) -> list[ModuleType]:
    """The migrations after this one."""
    migrations = Migration.load_directory(str(runner.DIRECTORY))
    return [migration.load() for migration in migrations if migration.name > last]


def follow(table: str, columns: list[str], last: str) -> tuple[str | None, dict[str, str]]:
    """A table's newest name (None: it is dropped), and those of its columns by their names after `last`."""
    names = {column: column for column in columns}
    for module in later(last):
        dropped = getattr(module, "DROPPED", {}).get(table, set())
        if dropped is None:
            return None, {}
        renamed = getattr(module, "COLUMNS", {}).get(table, {})
        names = {old: renamed.get(name, name) for old, name in names.items() if name not in dropped}
        table = getattr(module, "TABLES", {}).get(table, table)
    return table, names


@pytest.mark.parametrize("last", NAMES)
def test_every_row_of_every_earlier_schema_is_kept_with_all_its_digits(open_at: OpenAt, last: str) -> None:
    """On PostgreSQL there were seven. What an earlier schema has kept becomes the number that was meant."""
    open_at(last)
    content = tables.fill()
    assert all(len(rows) == tables.ROWS for rows in content.values())
    row = content["virtual_der"][0]
    limit = "import_limit_w" if "import_limit_w" in row else "import_limit"
    row[limit] = 0.1
    db.execute_sql(f"UPDATE virtual_der SET {limit} = 0.1 WHERE id = {row['id']}")
    open_at(None)
    for table, rows in content.items():
        name, columns = follow(table, list(rows[0]), last)
        if name is not None:
            written = Counter(tuple(row[column] for column in columns) for row in rows)
            assert not written - tables.read(name, list(columns.values())), f"{table} of {last}"
    if not models.is_postgres():
        assert db.pragma("foreign_keys") == 1 and not db.execute_sql("PRAGMA foreign_key_check").fetchall()
    for table, names in FLOATS.items():
        for column in names:
            db.execute_sql(f"UPDATE {table} SET {column} = 123456789.125")
        assert tables.read(table, list(names)) == {(123456789.125,) * len(names): tables.ROWS}


@pytest.mark.parametrize("last", [*(name for name in NAMES if name <= WRITTEN), NAMES[-2]])
def test_a_neighbourhood_of_an_earlier_schema_needs_no_reindex(open_at: OpenAt, last: str) -> None:
    """Later ones start with the same rows: those of the program when it had WRITTEN."""
    written = json.loads(NEIGHBOURHOOD.read_text())
    clock.turn_to(written["now"])
    open_at(min(last, written["schema"]))
    tables.load(NEIGHBOURHOOD)
    open_at(last)
    open_at(None)
    hooks.run_seeds()
    assert not models.KeyValue.select().where(models.KeyValue.name == "reindex").exists(), (
        "it was done at the start"
    )
    before = rows()
    assert all(before[table] for table in before.keys() - YOUNGER) or last < written["schema"]
    store.reindex()
    assert rows() == before
    assert store.reindex() == 0


def rows() -> dict[str, Any]:
    """Every row of every table, without BODIES."""
    columns = {table: [column.name for column in db.get_columns(table)] for table in tables.names()}
    return {table: tables.read(table, [name for name in names if name not in BODIES])
            for table, names in columns.items()}
