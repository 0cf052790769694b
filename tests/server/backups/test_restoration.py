"""A backup is restored whole, on either engine, or not at all; and so is a database that moves."""
from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import BooleanField

from server import models, worker
from server.backups import restoration, rows, sessions, snapshot
from server.config import settings
from server.errors import Refused
from server.models import AlarmRecord, Device, KeyValue, ReadingSet, VirtualDER, db, inuse
from tests import tables
from tests.server.backups.conftest import Content, MakeUrl, content, open_at

ENGINES = ("sqlite", "postgres")
FIRST = "0001_first"
NEIGHBOURHOOD = Path(__file__).parents[2] / "data/neighbourhood.json"


def filled(url: str) -> Content:
    """Fill a database and leave it; its rows."""
    open_at(url)
    KeyValue.delete().execute()
    tables.fill()
    for table in models.tables():
        for field in table._meta.sorted_fields:
            if isinstance(field, BooleanField) and not models.is_postgres():
                table.update({field: field % 2}).execute()  # type: ignore[operator]
    written = content()
    db.close()
    return written


def opened(url: str) -> Content:
    """The rows of a database, which becomes that of the models."""
    models.connect(url, create=False)
    return content()


def seven_digits(rows: Content) -> Content:
    """The same with numbers as PostgreSQL keeps them in a column of the type real."""
    def kept(value: Any) -> Any:
        return float(f"{value:.6g}") if isinstance(value, float) else value
    return {table: Counter([tuple(map(kept, row)) for row in counter.elements()])
            for table, counter in rows.items()}


@pytest.mark.parametrize("source, target", list(itertools.product(ENGINES, ENGINES)))
def test_every_row_comes_back(url: MakeUrl, source: str, target: str, tmp_path: Path) -> None:
    origin, copy, path = url(source, "origin"), url(target, "copy"), tmp_path / "a.backup"
    written = filled(origin)
    snapshot.write(origin, path)
    restoration.restore(path, copy, dry_run=True)
    assert not (tmp_path / "copy.db").exists()
    restoration.restore(path, copy)
    assert opened(copy) == written
    if target == "sqlite":
        assert db.pragma("application_id") == 0 and db.pragma("journal_mode") == "wal"
        assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("engine", ENGINES)
def test_numbers_go_on_after_the_greatest(url: MakeUrl, engine: str, tmp_path: Path) -> None:
    origin, copy, path = url("sqlite", "origin"), url(engine, "copy"), tmp_path / "a.backup"
    open_at(origin)
    ReadingSet.create(id=41, meter="/m", number=1, mrid="", start=0, duration_s=1)
    db.close()
    snapshot.write(origin, path)
    restoration.restore(path, copy)
    opened(copy)
    assert ReadingSet.create(meter="/m", number=2, mrid="", start=0, duration_s=1).id == 42
    alarm = AlarmRecord.create(
        kind="a", source="b", severity="c", detail="", remedy="", since=0, last_at=0)
    assert alarm.id == 1


@pytest.mark.parametrize("source, target", [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_a_backup_of_an_earlier_schema_is_upgraded(
    url: MakeUrl, source: str, target: str, tmp_path: Path
) -> None:
    origin, copy, path = url(source, "origin"), url(target, "copy"), tmp_path / "a.backup"
    open_at(origin, FIRST)
    tables.load(NEIGHBOURHOOD)
    db.close()
    snapshot.write(origin, path)
    restoration.restore(path, copy)
    restored = seven_digits(opened(copy))
    db.close()
    assert seven_digits(opened(origin)) == restored and restored["device"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_database_that_is_used_is_replaced_only_where_that_is_meant(
    url: MakeUrl, engine: str, tmp_path: Path
) -> None:
    origin, copy, path = url("sqlite", "origin"), url(engine, "copy"), tmp_path / "a.backup"
    written = filled(origin)
    snapshot.write(origin, path)
    open_at(copy)
    Device.create(id=99, lfdi="F" * 40, sfdi=1, enrolled_at=0)
    db.close()
    for dry_run in (False, True):
        with pytest.raises(Refused, match="has 1 rows of device. Name an empty one, or replace it"):
            restoration.restore(path, copy, dry_run=dry_run)
    restoration.restore(path, copy, replace=True, dry_run=True)
    opened(copy)
    assert [device.id for device in Device.select()] == [99]
    db.close()
    restoration.restore(path, copy, replace=True)
    assert opened(copy) == written


@pytest.fixture
def nul(url: MakeUrl, tmp_path: Path) -> Iterator[Path]:
    """A backup with a text that PostgreSQL does not take, in the last but one of the tables."""
    origin = url("sqlite", "origin")
    open_at(origin)
    vder = VirtualDER.create(name="a", primacy=1, created_at=0)
    models.Series.create(vder=vder, quantity="a\0b", issued_at=0, start=0, step_s=1, until=1, values=[])
    db.close()
    snapshot.write(origin, tmp_path / "a.backup")
    yield tmp_path / "a.backup"


def test_what_cannot_be_restored_leaves_the_database_as_it_was(url: MakeUrl, nul: Path) -> None:
    copy = url("postgres", "copy")
    written = filled(copy)
    with pytest.raises(Refused, match="does not take a row of the table series: .*NUL.* Nothing was changed"):
        restoration.restore(nul, copy, replace=True)
    assert opened(copy) == written


def test_a_loss_on_the_way_is_seen(
    url: MakeUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, copy, path = url("sqlite", "origin"), url("postgres", "copy"), tmp_path / "a.backup"
    filled(origin)
    snapshot.write(origin, path)
    write = rows.write_postgres

    def lose(connection: object, table: rows.TableShape, batches: rows.Batches) -> None:
        write(connection, table, (batch[:-1] if table.name == "share" else batch for batch in batches))
    monkeypatch.setattr(rows, "write_postgres", lose)
    with pytest.raises(Refused, match=r"share is not as in the backup .*\(2 rows, 3 expected\)"):
        restoration.restore(path, copy)
    assert not any(opened(copy)[table] for table in ("device", "share"))


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_else_may_use_the_database(url: MakeUrl, engine: str, tmp_path: Path) -> None:
    origin, copy, path = url("sqlite", "origin"), url(engine, "copy"), tmp_path / "a.backup"
    filled(origin)
    snapshot.write(origin, path)
    open_at(copy)
    models.hold_open()  # as a process of the server does
    why = "counterpoise on .* uses" if engine == "postgres" else "another process has .* open"
    with pytest.raises(Refused, match=f"{why}.*Stop serve, work"):
        restoration.restore(path, copy)
    with pytest.raises(Refused, match=why):
        restoration.move(copy, url("sqlite", "third"))
    db.close()
    restoration.restore(path, copy)


def test_a_service_without_a_connection_uses_the_database_too(url: MakeUrl, tmp_path: Path) -> None:
    """As `work` between its turns; with its forked processes, as those of `serve`."""
    origin, path = url("sqlite", "origin"), tmp_path / "a.backup"
    filled(origin)
    snapshot.write(origin, path)
    db.close()
    with inuse.hold(origin), inuse.hold(origin):
        for put in (lambda: restoration.restore(path, origin, replace=True),
                    lambda: restoration.move(origin, url("sqlite", "third"))):
            with pytest.raises(Refused, match=rf"origin\.db is in use by .*\(process {os.getpid()}\)\. Stop"):
                put()
    restoration.restore(path, origin, replace=True)


def test_no_service_starts_while_its_database_is_restored(url: MakeUrl, tmp_path: Path) -> None:
    origin = url("sqlite", "origin")
    filled(origin)
    with sessions.sqlite_alone(tmp_path / "origin.db"), pytest.raises(Refused, match="is being restored"):
        inuse.hold(origin)
    inuse.hold(origin).__exit__(None, None, None)


def test_the_worker_uses_its_database_between_turns(
    url: MakeUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = url("sqlite", "origin")
    filled(origin)
    monkeypatch.setattr(settings, "database", origin)
    monkeypatch.setattr(worker, "turn", lambda: 0)
    monkeypatch.setattr(worker, "purge", lambda: 0)

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            db.close()
            with pytest.raises(Refused, match="is in use by"), sessions.sqlite_alone(tmp_path / "origin.db"):
                pass
            return True
    worker.run(lambda: open_at(origin), Stop())
    with sessions.sqlite_alone(tmp_path / "origin.db"):
        pass


def test_a_sqlite_database_is_left_alone_until_it_is_restored(url: MakeUrl, tmp_path: Path) -> None:
    origin = url("sqlite", "origin")
    filled(origin)
    with sessions.sqlite_alone(tmp_path / "origin.db"):
        other = sessions.open_sqlite(tmp_path / "origin.db")
        with pytest.raises(Exception, match="database is locked"):
            other.execute("SELECT * FROM device")
        other.close()


def test_a_newer_backup_is_refused(url: MakeUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin, path = url("sqlite", "origin"), tmp_path / "a.backup"
    filled(origin)
    snapshot.write(origin, path)
    older = tmp_path / "migrations"
    older.mkdir()
    (older / f"{FIRST}.py").write_bytes((models.MIGRATIONS / f"{FIRST}.py").read_bytes())
    monkeypatch.setattr(models, "MIGRATIONS", older)
    with pytest.raises(Refused, match="is of a later version .*Install that version"):
        restoration.restore(path, url("sqlite", "copy"))
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("source, target", [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_a_database_moves_and_the_source_stays(url: MakeUrl, source: str, target: str) -> None:
    origin, copy = url(source, "origin"), url(target, "copy")
    written = filled(origin)
    restoration.move(origin, copy, dry_run=True)
    made = restoration.move(origin, copy)
    assert made.rows == sum(counter.total() for counter in written.values())
    assert opened(copy) == written
    db.close()
    assert opened(origin) == written
    db.close()
    with pytest.raises(Refused, match="Name an empty one"):
        restoration.move(origin, copy)
    with pytest.raises(Refused, match="both source and target"):
        restoration.move(origin, origin)
