"""Migrations that cannot be applied change nothing and say why; processes started together upgrade once."""
from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server import models
from server.cli import main
from server.config import settings
from server.errors import Refused
from server.models import db
from tests import tables
from tests.server.migrations.conftest import NAMES, OpenAt
from tests.server.migrations.test_migrations import follow

PROCESSES = 4
START = """
import sys
from server import models
print("ready", flush=True)
sys.stdin.readline()
models.connect(sys.argv[1])
models.db.close()
"""
FAILING = """
def up(migrator, db):
    db.execute_sql("DELETE FROM share")
    db.execute_sql("DELETE FROM nothing_of_this_name")
"""
SPOILING = """
def up(migrator, db):
    db.execute_sql('DELETE FROM "order" WHERE id = (SELECT min(id) FROM "order")')
"""


def state() -> tuple[Any, ...]:
    """All tables, all rows and the migrations that were applied."""
    content = {table: tables.read(table, [column.name for column in db.get_columns(table)])
               for table in tables.names()}
    return tables.describe(), content, tables.read(tables.HISTORY, ["name"])


@pytest.mark.parametrize("last", ["", NAMES[0]])
def test_processes_that_start_together_upgrade_once(open_at: OpenAt, blank: str, last: str) -> None:
    content = {}
    if last:  # else not even the file is there
        open_at(last)
        content = tables.fill()
        db.close()
    started = [subprocess.Popen([sys.executable, "-c", START, blank], text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(PROCESSES)]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [(*process.communicate(), process.returncode) for process in started] == [("", "", 0)] * PROCESSES
    open_at(None)
    assert sorted(tables.read(tables.HISTORY, ["name"]).elements()) == [(name,) for name in NAMES]
    for table, rows in content.items():
        name, columns = follow(table, list(rows[0]), last)
        assert name is not None
        assert tables.read(name, list(columns.values())) >= Counter(
            tuple(row[column] for column in columns) for row in rows
        )


def test_a_database_that_is_newer_than_the_program_is_refused(open_at: OpenAt) -> None:
    open_at(None)
    tables.fill()
    before = state()
    with pytest.raises(Refused, match=f"newer than this program: .* migrations {', '.join(NAMES[1:])}"):
        open_at(NAMES[0])
    assert state() == before
    with pytest.raises(Refused, match="a later one, or restore a backup"):
        open_at("", **{"0000_other": "def up(migrator, db): pass"})
    assert state() == before


def test_the_operator_reads_it_in_one_line(
        open_at: OpenAt, blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_at(None)
    tables.insert(tables.HISTORY, {"id": 9999, "name": "9999_future", "applied": "2030-01-01 00:00:00"})
    monkeypatch.setattr(settings, "database", blank)
    for words in (["device", "list"], ["work", "--once"], ["serve"]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 1 and result.stderr.startswith("Error: The database ")
        assert "9999_future" in result.stderr


def test_a_migration_that_fails_leaves_everything_as_it_was(open_at: OpenAt) -> None:
    open_at(NAMES[0])
    tables.fill()
    before = state()
    with pytest.raises(Exception, match="nothing_of_this_name"):
        open_at(NAMES[0], **{"0002_failing": FAILING})
    assert state() == before
    if not models.is_postgres():
        assert db.pragma("foreign_keys") == 1 and db.pragma("busy_timeout") == settings.busy_timeout_s * 1000
    open_at(None)


@pytest.mark.parametrize("blank", ["sqlite"], indirect=True)
def test_a_migration_that_would_leave_rows_without_what_they_refer_to_is_taken_back(open_at: OpenAt) -> None:
    open_at(NAMES[0])
    content = tables.fill()
    before = state()
    with pytest.raises(Refused) as refused:
        open_at(NAMES[0], **{"0002_spoiling": SPOILING})
    order, lfdi = (content["share"][0][column] for column in ("order_id", "lfdi"))
    assert refused.value.why.startswith(
        "The upgrade by 0002_spoiling was rolled back, since it damages the database. Number of rows that "
        "refer to a row that does not exist: 1. First: table share, row with "
        f"order_id = {order!r}, lfdi = {lfdi!r}: its order_id is not in table order. ")
    assert state() == before and db.pragma("foreign_keys") == 1


@pytest.mark.parametrize("blank", ["sqlite"], indirect=True)
def test_a_damaged_database_is_not_upgraded_until_it_is_mended(open_at: OpenAt) -> None:
    open_at(NAMES[0])
    tables.fill()
    db.pragma("foreign_keys", 0)
    db.execute_sql("DELETE FROM device")
    before = state()
    with pytest.raises(Refused, match="is damaged and .* exist: 6. First: table "):
        open_at(None)
    assert state() == before
    db.execute_sql("DELETE FROM membership")
    db.execute_sql("UPDATE virtual_der SET device_id = NULL")
    open_at(None)


@pytest.mark.parametrize("blank", ["sqlite"], indirect=True)
def test_inside_a_transaction_nothing_is_migrated(open_at: OpenAt, monkeypatch: pytest.MonkeyPatch) -> None:
    open_at(NAMES[0])
    monkeypatch.undo()
    with db.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        models.migrate()


def test_a_statement_waits_no_longer_than_it_is_told(blank: str) -> None:
    models.connect(blank, wait_s=3, statement_s=7)
    if models.is_postgres():
        names = ("lock_timeout", "statement_timeout")
        assert [db.execute_sql(f"SHOW {name}").fetchone()[0] for name in names] == ["3s", "7s"]
    else:
        assert db.pragma("busy_timeout") == 3000


def test_a_database_without_tables_counts_as_not_there(blank: str) -> None:
    if blank.startswith("sqlite"):
        path = Path(blank.partition(":///")[2])
        path.parent.mkdir()
        path.touch()
    with pytest.raises(Refused, match="is empty .*counterpoise init"):
        models.connect(blank, create=False)
