"""The database of the benchmark: a device that is a copy is as one that has reported."""
from __future__ import annotations

import re
from typing import Any

import pytest
from peewee import SqliteDatabase

from server.config import settings
from server.models import DerState, Device, Membership, Meter, is_postgres
from server.protocol.app import DeviceInterface
from server.resources import sql, store
from tests import peers
from tests.load.scale import population, requests
from tests.wsgi import Client


@pytest.fixture
def few(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine devices, of which three are the template."""
    settings.default_vder = "everyone"
    monkeypatch.setattr(population, "TEMPLATE", 3)
    population.build(9)


@pytest.mark.usefixtures("few")
def test_every_row_follows_from_the_documents() -> None:
    assert store.reindex() == 0
    assert [table.select().count() for table in (Device, DerState, Meter, Membership)] == [9, 9, 9, 27]
    assert len({device.sfdi for device in Device.select()}) == 9


@pytest.mark.usefixtures("few")
def test_every_device_is_answered(application: DeviceInterface) -> None:
    callers = requests.callers(30)
    assert {caller.number for caller in callers} <= set(range(1, 10))
    for caller in callers:
        peer = peers.Peer(Client(application), caller.lfdi)
        for name, ask in requests.CASES.items():
            assert ask(peer, caller, 1).status < 300, (name, caller)


@pytest.mark.usefixtures("few")
def test_the_next_device_gets_the_next_number() -> None:
    population._enrol(population.lfdi(77), 77)
    assert sql.row("SELECT max(id) FROM device")[0] == 10


@pytest.mark.usefixtures("few")
def test_no_statement_of_a_request_or_an_enrolment_reads_a_whole_table(
    application: DeviceInterface, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a whole list of all devices, with the statistics of ANALYZE, of which `few` has made some."""
    if is_postgres():
        pytest.skip("PostgreSQL scans small tables whatever the indexes; make bench-scale measures it")
    statements: dict[tuple[str, bool], Any] = {}  # by the text, and whether it asks for a list of all devices
    execute = SqliteDatabase.execute_sql

    def record(database: Any, statement: str, parameters: Any = None, *more: Any) -> Any:
        statements[statement, not {"/edev", "/mup", "/upt"}.isdisjoint(parameters or ())] = parameters
        return execute(database, statement, parameters, *more)

    monkeypatch.setattr(SqliteDatabase, "execute_sql", record)
    for caller in requests.callers(3):
        for ask in requests.CASES.values():
            assert ask(peers.Peer(Client(application), caller.lfdi), caller, 1).status < 300
    with store.transaction():
        population._enrol(population.lfdi(77), 77)
    monkeypatch.undo()
    looked = 0
    for (statement, of_all), parameters in statements.items():
        if not statement.startswith(("SELECT", "UPDATE")):
            continue
        looked += of_all
        plan = str(sql.rows(f"EXPLAIN QUERY PLAN {statement}", *(parameters or ())))
        assert not re.search(r"SCAN (document|device|audience|reading_set|reading|meter)", plan), statement
        assert not of_all or "audience_visibility (parent=?)" not in plan, (statement, plan)
    assert looked > 2
