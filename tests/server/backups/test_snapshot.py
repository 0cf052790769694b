"""A backup has every row of one instant, says so, and is refused once that is no longer true."""
from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playhouse import migrations

from server import models
from server.backups import manifest, snapshot
from server.config import settings
from server.errors import Refused
from server.models import KeyValue, Reading, ReadingSet, db
from tests import tables
from tests.conftest import NOON
from tests.server.backups.conftest import MakeUrl, content, open_at

ENOUGH = 200  # transactions that a writer has committed


@pytest.mark.usefixtures("server")
def test_a_backup_has_every_row_and_says_what_it_is(tmp_path: Path) -> None:
    KeyValue.delete().execute()
    tables.fill()
    path = tmp_path / "a.backup"
    made = snapshot.write(settings.database, path)
    assert manifest.verify(path) == made
    assert {table: count["rows"] for table, count in made.tables.items()} == {
        table: counter.total() for table, counter in content().items()}
    assert (made.created_at, made.engine) == (NOON, "postgresql" if models.is_postgres() else "sqlite")
    assert made.schema == sorted(models.MIGRATIONS.glob("0*.py"))[-1].stem
    assert path.stat().st_mode & 0o777 == 0o600
    assert [name for name in os.listdir(tmp_path) if name.startswith((".", "a.")) and name != path.name] == []


@pytest.mark.usefixtures("server")
def test_what_was_acknowledged_before_a_backup_is_in_it_and_it_is_one_state(tmp_path: Path) -> None:
    """Each transaction adds a row, and one that refers to it."""
    acknowledged: list[int] = []
    progress, stop = threading.Semaphore(0), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with db.atomic():
                row = ReadingSet.create(meter="/m", number=number, mrid=f"{number}", start=0, duration_s=1)
                Reading.create(set=row, set_start=row.start, number=1, start=0, duration_s=1, value=number)
            acknowledged.append(number)
            progress.release()
        db.close()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(3):
            for _ in range(ENOUGH):
                progress.acquire()
            path, promised = tmp_path / f"{turn}.backup", set(acknowledged)
            snapshot.write(settings.database, path)
            manifest.verify(path)
            with closing(sqlite3.connect(path)) as file:
                sets = {number for number, in file.execute("SELECT number FROM reading_set")}
                values = {value for value, in file.execute("SELECT value FROM reading")}
            assert promised <= sets == values == set(range(1, len(sets) + 1))
    finally:
        stop.set()
        writer.join()


@pytest.mark.usefixtures("server")
def test_what_was_deleted_is_in_no_backup(tmp_path: Path) -> None:
    KeyValue.create(name="pin", value="SECRET-123455")
    KeyValue.delete().execute()
    path = tmp_path / "a.backup"
    snapshot.write(settings.database, path)
    assert b"SECRET-123455" not in path.read_bytes()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_an_older_schema_is_backed_up_as_it_is(url: MakeUrl, engine: str, tmp_path: Path) -> None:
    source, path = url(engine, "older"), tmp_path / "a.backup"
    open_at(source, "0002_balance")
    tables.fill()
    assert snapshot.write(source, path).schema == manifest.verify(path).schema == "0002_balance"
    assert migrations.Runner(db.obj, str(models.MIGRATIONS)).applied().keys() == {
        "0001_first", "0002_balance"}


@pytest.mark.usefixtures("server")
def test_a_newer_or_empty_database_is_refused(url: MakeUrl, tmp_path: Path) -> None:
    db.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
    try:
        with pytest.raises(Refused, match="is newer than this program"):
            snapshot.write(settings.database, tmp_path / "a.backup")
    finally:
        db.execute_sql("DELETE FROM schema_migration WHERE name = '9999_later'")
    engine = "postgres" if models.is_postgres() else "sqlite"
    empty = url(engine, "empty")
    if engine == "sqlite":
        with pytest.raises(Refused, match="there is no database"):
            snapshot.write(empty, tmp_path / "a.backup")
        (tmp_path / "empty.db").touch()
    with pytest.raises(Refused, match="is empty"):
        snapshot.write(empty, tmp_path / "a.backup")
    assert not list(tmp_path.glob("*.backup*")) + list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("server")
def test_a_copy_that_is_not_what_was_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(connection: sqlite3.Connection, name: str) -> None:
        connection.execute("DELETE FROM key_value")
    KeyValue.create(name="a", value="b")
    monkeypatch.setattr(manifest, "check_integrity", lose)
    path = tmp_path / "a.backup"
    with pytest.raises(Refused, match="the copy of the table key_value is not what was read"):
        snapshot.write(settings.database, path)
    assert not path.exists() and not list(tmp_path.glob(".*"))


@pytest.fixture
def backup(server: None, tmp_path: Path) -> Path:
    KeyValue.delete().execute()
    tables.fill()
    path = tmp_path / "a.backup"
    snapshot.write(settings.database, path)
    return path


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_existing_file_is_replaced_only_where_that_is_meant(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(Refused, match="there is a file .* already"):
        snapshot.write(settings.database, backup)
    assert backup.read_bytes() == before
    KeyValue.create(name="new", value="")
    snapshot.write(settings.database, backup, replace=True)
    assert backup.read_bytes() != before


def sql(*statements: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            for statement in statements:
                file.execute(statement)
    return damage


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def garble(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + bytes(5000))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("damage, why", [
    (sql("UPDATE key_value SET value = 'other' WHERE name = (SELECT min(name) FROM key_value)"),
     "the rows of key_value are not those of its manifest"),
    (sql("DELETE FROM reading"), "the rows of reading are not those"),
    (sql("PRAGMA foreign_keys = 0", "DELETE FROM reading_set"), "refers to a row of reading_set that"),
    (sql("DROP TABLE share"), "it lacks share"),
    (sql("PRAGMA application_id = 0"), "is not a backup"),
    (sql("DELETE FROM backup_manifest WHERE name = 'tables'"), "its manifest lacks tables"),
    (sql("UPDATE backup_manifest SET value = '2' WHERE name = 'format'"), "made by the later version"),
    (truncate, "is damaged"),
    (garble, "is damaged"),
    (Path.unlink, "there is no file"),
])
def test_a_file_that_is_not_what_it_says_is_refused(
    backup: Path, damage: Callable[[Path], None], why: str
) -> None:
    damage(backup)
    with pytest.raises(Refused, match=why):
        manifest.verify(backup)
