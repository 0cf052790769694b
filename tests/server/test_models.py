"""The tables and the connection."""
from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import pytest
from peewee import fn

from server import models
from server.config import settings
from server.errors import Refused
from server.models import Counter, Device, DispatchOrder, Document, Membership, Share, db


@pytest.mark.parametrize("count, sizes", [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3])])
def test_chunks_have_all_values_in_their_order(count: int, sizes: list[int]) -> None:
    chunks = list(models.chunked((number for number in range(count)), 3))
    assert [len(chunk) for chunk in chunks] == sizes and sum(chunks, []) == list(range(count))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("query", [
    lambda select: select(Document).where(Document.href == "/x").order_by(Document.sort).limit(3),
    lambda select: select(Share, Share, DispatchOrder).join(DispatchOrder),
    lambda select: select(Share).join(DispatchOrder).where(DispatchOrder.start > 3),
    lambda select: select(Device).where(Device.id.in_(select(Membership))),
    lambda select: select(Device).where(fn.EXISTS(select(Membership).where(Membership.device == Device.id))),
    lambda select: select(Device) | select(Device).where(Device.id == 1)])
def test_a_select_is_what_peewee_makes_of_it(query: Callable[[Callable[..., Any]], Any]) -> None:
    def ours(table: type[models.Table], *fields: Any) -> Any:
        return table.select(*fields)

    def theirs(table: type[models.Table], *fields: Any) -> Any:
        return super(models.Table, table).select(*fields)
    assert query(ours).sql() == query(theirs).sql()


@pytest.mark.usefixtures("server")
def test_json_comes_back() -> None:
    document = {"a": [1, None, "é"], "b": {"c": True}}
    Document.create(
        href="/x", kind="X", parent="", audience="*", submitted=document, body=b"\x00\xff", sort=b"\xff"
    )
    stored = Document.get(Document.href == "/x")
    assert (stored.submitted, bytes(stored.body), bytes(stored.sort), stored.status) == (
        document,
        b"\x00\xff",
        b"\xff",
        None,
    )


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("table, condition", [
    ("document", "parent = '/derp' ORDER BY sort"), ("document", "mrid = 'AB'"),
    ("document", "fresh_until <= 5"), ("device", "name = 'elm'"), ("virtual_der", "name = 'street'"),
    ("device", "lfdi = 'A' OR sfdi = 1 OR id = 1"),
    ("alarm_record", "kind = 'quota' AND source = 'device 1' ORDER BY id DESC"),
    ("alarm_record", "source > '' ORDER BY since DESC, id DESC")])
def test_what_is_asked_often_has_an_index(table: str, condition: str) -> None:
    if models.is_postgres():
        db.execute_sql("SET enable_seqscan = off")
    plan = repr(db.execute_sql(("EXPLAIN " if models.is_postgres() else "EXPLAIN QUERY PLAN ")
                               + f"SELECT * FROM {table} WHERE {condition}").fetchall())
    if models.is_postgres():
        db.execute_sql("RESET enable_seqscan")
    assert f"{table}_" in plan and "TEMP B-TREE" not in plan


def test_sqlite_waits_its_turn_and_keeps_foreign_keys(tmp_path: Path) -> None:
    models.connect(f"sqlite:///{tmp_path}/deep/test.db")
    try:
        asked = [
            db.execute_sql(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
        assert asked[:2] == ["wal", 1] and asked[2] > 0
    finally:
        db.close()


def test_a_database_that_another_process_is_creating_is_waited_for(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(time, "sleep", lambda seconds: other.execute("COMMIT"))
    try:
        models.connect(f"sqlite:///{tmp_path}/test.db")
        assert not other.in_transaction and db.pragma("journal_mode") == "wal"
    finally:
        db.close()
        other.close()


def test_a_database_that_is_not_there_is_made_only_where_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "none" / "c.db"
    with pytest.raises(Refused, match=f"there is no database {path} .*counterpoise init"):
        models.connect(f"sqlite:///{path}", create=False)
    assert not path.parent.exists()
    models.connect(f"sqlite:///{path}")
    models.connect(f"sqlite:///{path}", create=False)
    assert models.Device.select().count() == 0
    models.db.close()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("promise, sqlite, postgres", [("full", 2, "on"), ("normal", 1, "off")])
def test_what_a_2xx_promises_is_a_setting(promise: str, sqlite: int, postgres: str) -> None:
    settings.synchronous = promise
    database = models.open_database(settings.database)
    name, value = ("synchronous_commit", postgres) if models.is_postgres() else ("synchronous", sqlite)
    statement = f"SHOW {name}" if models.is_postgres() else f"PRAGMA {name}"
    assert database.execute_sql(statement).fetchone() == (value,)
    database.close()


def test_no_column_has_fewer_digits_on_postgresql_than_on_sqlite() -> None:
    """A FloatField is REAL on PostgreSQL, with seven digits; use a DoubleField."""
    assert not [f"{table.__name__}.{field.name}" for table in models.tables()
                for field in table._meta.sorted_fields  # type: ignore[attr-defined]
                if type(field) is peewee.FloatField]


def test_any_number_of_values_may_be_asked_for(server: None) -> None:
    Counter.create(name="a", value=1)
    Counter.create(name="b", value=2)
    names = ["b", *(f"none {number}" for number in range(70_000)), "a", "b"]
    assert [row.value for row in models.among(Counter.select(), Counter.name, names)] == [2, 1]
    assert not list(models.among(Counter.select(), Counter.name, []))
