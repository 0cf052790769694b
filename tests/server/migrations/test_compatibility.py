"""Versions N and N+1 share a database, where the migration of N+1 says that they can, and else N stops."""
from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import peewee
import pytest
from flask import Flask

from server import alarms, clock, models, worker
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.migrations import runner
from server.models import db
from server.protocol import app
from server.resources import hooks, store
from tests import peers
from tests.conftest import NOON
from tests.server.migrations.conftest import NAMES, OpenAt
from tests.wsgi import Client

# As a next version might: a table, columns that may be left out, an index; and a column that is renamed.
ADDING = f'''
COMPATIBLE_FROM = "{NAMES[-1]}"


def up(migrator, db):
    db.execute_sql("CREATE TABLE tariff (id BIGINT PRIMARY KEY, device_id BIGINT)")
    for table in ("device", "document", "reading_set", "response_record", "audit_entry", "share"):
        db.execute_sql(f"ALTER TABLE {{table}} ADD COLUMN of_the_next_version TEXT")
        db.execute_sql(f"ALTER TABLE {{table}} ADD COLUMN with_default BIGINT NOT NULL DEFAULT 7")
    db.execute_sql("CREATE INDEX device_of_the_next_version ON device (of_the_next_version)")
'''
BREAKING = '''
def up(migrator, db):
    db.execute_sql("ALTER TABLE device RENAME COLUMN name TO title")
'''
# Columns whose values another type keeps as well. Statements with them that are prepared fail from then on.
WIDENING = f'''
COMPATIBLE_FROM = "{NAMES[-1]}"


def up(migrator, db):
    for table, column in (("device", "name"), ("document", "kind"), ("virtual_der", "name")):
        db.execute_sql(f"ALTER TABLE {{table}} ALTER COLUMN {{column}} TYPE VARCHAR(1000)")
'''
STATUS = {"readingTime": NOON, "stateOfChargeStatus": {"dateTime": NOON, "value": 5000}}


@pytest.fixture
def version(open_at: OpenAt, tmp_path: Path, blank: str) -> Any:
    """Lets another process of the next version upgrade the database, while this one has it open."""
    clock.turn_to(NOON)
    saved = dict(settings.__dict__)
    settings.database = blank
    open_at(None)
    hooks.run_seeds()
    directory = tmp_path / "next"
    directory.mkdir()
    for file in runner.DIRECTORY.glob("[0-9]*.py"):
        (directory / file.name).write_text(file.read_text())

    def upgrade(text: str) -> None:
        (directory / "9999_next.py").write_text(text)
        own = db.obj
        other: peewee.Database = type(own)(own.database, **own.connect_params)
        if isinstance(other, peewee.SqliteDatabase):
            other.pragma("foreign_keys", 1, permanent=True)
        other.connect(reuse_if_open=True)
        assert runner.migrate(other, directory) == ["9999_next"]
        other.close()
    yield upgrade
    settings.__dict__.clear()
    settings.__dict__.update(saved)


def serve(number: int, application: Flask) -> peers.Peer:
    """Enrol a device, let it read and write, and let the worker do its turn."""
    enrolment.enrol(peers.lfdi(number), name=f"d{number}")
    client = peers.Peer(Client(application), peers.lfdi(number))
    assert client.get("/dcap").status == 200 and client.get(f"/edev/{number}").status == 200
    assert client.put(f"/edev/{number}/der/1/ders", "DERStatus", STATUS).status == 204
    worker.turn()
    worker.purge()
    return client


def test_a_program_that_runs_goes_on_after_a_compatible_upgrade(version: Any, application: Flask) -> None:
    serve(1, application)
    version(ADDING)
    client = serve(2, application)
    assert client.get("/edev/2/der/1/ders").status == 200
    assert db.execute_sql("SELECT count(*), min(with_default) FROM device").fetchone() == (2, 7)
    assert store.reindex() == 0


@pytest.mark.parametrize("blank", ["postgres"], indirect=True)
def test_a_program_that_runs_goes_on_after_columns_have_got_another_type(
    version: Any, application: Flask
) -> None:
    """SQLite has no such migration: its columns take values of any type."""
    virtualders.create("street")
    client = serve(1, application)
    for _ in range(9):  # so often that the statements are prepared
        assert read(client) == ("street", "d1", 200)
    version(WIDENING)
    assert read(client) == ("street", "d1", 200)
    assert client.put("/edev/1/der/1/ders", "DERStatus", STATUS).status == 204
    worker.turn()
    assert not alarms.rows()


def read(client: peers.Peer) -> tuple[str, str, int]:
    """Read from the tables that WIDENING changes."""
    return models.VirtualDER.get().name, models.Device.get().name, client.get("/edev/1").status


@pytest.mark.parametrize("blank", ["postgres"], indirect=True)
def test_a_transaction_that_meets_another_type_may_be_tried_again(version: Any) -> None:
    virtualders.create("street")
    for _ in range(9):
        assert models.VirtualDER.get().name == "street"
    version(WIDENING)
    with pytest.raises(peewee.OperationalError, match="has changed meanwhile"), db.atomic():
        models.VirtualDER.get()
    with db.atomic():
        assert models.VirtualDER.get().name == "street"


def test_a_program_that_starts_then_works_as_well(version: Any, open_at: OpenAt, application: Flask) -> None:
    version(ADDING)
    db.close()
    open_at(None)
    serve(1, application)
    assert store.reindex() == 0 and models.migrate() == []


@pytest.mark.parametrize("text, why", [
    (BREAKING, "9999_next"), (ADDING.replace(NAMES[-1], "9998_between"), "9999_next")])
def test_a_program_that_starts_on_what_it_cannot_share_is_refused(
    version: Any, open_at: OpenAt, text: str, why: str
) -> None:
    version(text)
    db.close()
    with pytest.raises(Refused, match=f"newer than this program: it has the migrations {why}"):
        open_at(None)


def test_a_program_that_runs_notices_and_writes_nothing(
    version: Any, application: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(1, application)
    version(BREAKING)
    before = db.execute_sql("SELECT count(*) FROM document").fetchone()
    with pytest.raises(Refused, match="cannot share it: it does not know 9999_next") as refused:
        enrolment.enrol(peers.lfdi(2))
    assert refused.value.status == 503
    with pytest.raises(Refused, match="Stop this one, and start the newer"):
        worker.run(lambda: None, threading.Event())
    monkeypatch.setattr(app, "_check_at", 0.0)
    reply = client.get("/dcap")
    assert reply.status == 503 and reply.headers["Retry-After"] == "60"
    assert client.put("/edev/1/der/1/ders", "DERStatus", STATUS).status == 503
    assert db.execute_sql("SELECT count(*) FROM document").fetchone() == before


def test_what_is_required_is_the_last_that_is_not_compatible() -> None:
    required = runner.requirement(runner.DIRECTORY, NAMES[-1])
    assert required in NAMES and required <= NAMES[-1]


def test_a_program_with_migrations_of_its_own_is_refused(version: Any, open_at: OpenAt) -> None:
    version(ADDING)
    db.close()
    with pytest.raises(Refused, match="newer than this program"):
        open_at(None, **{"9000_branch": "def up(migrator, db): pass"})
