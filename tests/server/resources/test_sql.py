"""What is below an href is found by a range of an index, on both engines."""
from __future__ import annotations

import re
from pathlib import Path

import peewee
import pytest

from server.grid.groups import virtualders
from server.models import DispatchOrder, Document, ReadingSet, db, is_postgres
from server.resources import meterreadings, sql, store
from tests import peers

HREFS = ["/upt/1", "/upt/1/mr/1", "/upt/1/mr/10", "/upt/1/mr/2", "/upt/1-a", "/upt/10", "/upt/10/mr/1",
         "/upt/1é", "/upt/2/mr/1", "/Upt/1/mr/1", "/upt/%/mr/1"]
BELOW = ["/upt/1/mr/1", "/upt/1/mr/10", "/upt/1/mr/2"]
SERVER = Path(__file__).parents[3] / "server"


@pytest.fixture
def sets(server: None) -> None:
    for number, href in enumerate(HREFS):
        ReadingSet.create(meter=href, number=number, mrid=str(number), start=0, duration_s=900, submitted={})


def meters() -> list[str]:
    return sorted(href for href, in sql.rows("SELECT meter FROM reading_set"))


def test_below_is_what_an_href_is_a_whole_prefix_of(sets: None) -> None:
    def found(href: str) -> list[str]:
        return sorted(row.meter for row in ReadingSet.select().where(sql.is_below(ReadingSet.meter, href)))
    rows = sql.rows(f"SELECT meter FROM reading_set WHERE {sql.below('meter')}", *sql.bounds("/upt/1"))
    assert found("/upt/1") == sorted(href for href, in rows) == BELOW
    assert found("/upt/%") == ["/upt/%/mr/1"] and found("/upt/_") == []


def test_readings_below_a_usage_point_are_removed_and_no_others(sets: None) -> None:
    meterreadings.remove_below("/upt/1")
    assert meters() == sorted(set(HREFS) - {"/upt/1", *BELOW})
    meterreadings.remove_below("/upt/10/mr/1")
    assert "/upt/10/mr/1" not in meters() and "/upt/10" in meters()


def test_a_document_is_removed_with_what_is_below_it(device: peers.Peer) -> None:
    store.remove("/edev/1")
    hrefs = [row.href for row in Document.select(Document.href)]
    assert not [href for href in hrefs if re.match(r"/edev/1(/|$)", href)]


@pytest.mark.parametrize("table, column", [("document", "href"), ("reading_set", "meter"),
                                           ("meter", "href"), ("quarter_hours", "meter")])
def test_a_range_is_searched_by_an_index(server: None, table: str, column: str) -> None:
    statement = f"SELECT {column} FROM {table} WHERE {sql.below(column)}"
    if is_postgres():
        # In an empty table any index is as cheap, so the plan says little but the operators, the index's.
        index, = sql.row("SELECT indexdef FROM pg_indexes WHERE indexname = ?", f"{table}_below")
        assert f"({column} text_pattern_ops)" in index
        plan = str(sql.rows(f"EXPLAIN {statement}", *sql.bounds("/upt/1")))
        assert "~>=~" in plan and "~<~" in plan
    else:
        plan = sql.rows(f"EXPLAIN QUERY PLAN {statement}", *sql.bounds("/upt/1"))
        assert "SEARCH" in plan[0][-1] and f"({column}>? AND {column}<?)" in plan[0][-1]


def test_rows_are_inserted_as_they_are(server: None) -> None:
    rows = [("/a", 1, "tab\t and \\N", 5), ("/b\n", 1 << 62, "é'\"", -5)]
    with db.atomic():
        sql.insert("reading_set", ("meter", "number", "mrid", "start", "duration_s", "submitted"),
                   [(*row, 0, "{}") for row in rows])
    assert sql.rows("SELECT meter, number, mrid, start FROM reading_set ORDER BY meter") == rows


def test_bodies_are_the_rows(device: peers.Peer) -> None:
    statement = ("SELECT href, body, sort, visibility, submitted, mrid FROM document WHERE kind = ? "
                 "ORDER BY href")
    bodies = [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
              for row in sql.bodies(statement, "EndDevice")]
    assert bodies == [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                      for row in sql.rows(statement, "EndDevice")] and bodies
    with pytest.raises(peewee.ProgrammingError):
        sql.bodies("SELECT body FROM nothing")


def test_errors_of_many_rows_are_those_of_one(server: None) -> None:
    with pytest.raises(peewee.IntegrityError), db.atomic():
        sql.insert("counter", ("name", "value"), [("a", 1), ("a", 2)])
    with pytest.raises(peewee.IntegrityError), db.atomic():
        sql.many("INSERT INTO counter (name, value) VALUES (?, ?)", [("a", 1), ("a", 2)])
    with db.atomic():
        sql.insert("counter", ("name", "value"), [])
    assert sql.row("SELECT count(*) FROM counter WHERE name = 'a'") == (0,)


def test_no_statement_looks_for_hrefs_by_like() -> None:
    """By its words, so that the next one uses `below`."""
    like = re.compile(r"\b(href|meter|parent)\b\"? LIKE|\b[A-Z]\w*\.(href|meter|parent)\.startswith")
    files = (path for path in SERVER.rglob("*.py") if path.parent.name != "migrations")
    assert not [path.name for path in files if like.search(path.read_text())]


def test_rows_are_updated_by_their_keys_alone(order: int) -> None:
    with db.atomic():
        sql.insert("share", ("order_id", "lfdi", "event_href", "mrid", "reason", "planned_w", "pending"),
                   [(order, lfdi, "", "", "why", 0.1, "{}") for lfdi in "ABC"])
        sql.update("share", ("order_id", "lfdi"), ("event_href", "planned_w", "pending"), (
            (order, lfdi, lfdi * 2, 1e-300, None) for lfdi in "AB"))
        sql.update("share", ("order_id", "lfdi"), ("mrid",), [])
    assert sql.rows("SELECT lfdi, event_href, planned_w, pending, reason FROM share ORDER BY lfdi") == [
        ("A", "AA", 1e-300, None, "why"), ("B", "BB", 1e-300, None, "why"), ("C", "", 0.1, "{}", "why")]


@pytest.fixture
def order(server: None) -> int:
    vder = virtualders.create("town")["id"]
    return int(DispatchOrder.create(vder=vder, quantity="watts", value=1.0, addressing="device", start=0,
                                    duration_s=1, created_at=0).id)


def test_texts_go_through_arrays_as_they_are(server: None) -> None:
    odd = ['{"a", "b\\c"}', "NULL", "", "\u00e9'\" \\N\n,"]
    with db.atomic():
        sql.insert("key_value", ("name", "value"), [(f"n{number}", "-") for number in range(len(odd))])
        sql.update("key_value", ("name",), ("value",),
                   [(f"n{number}", text) for number, text in enumerate(odd)])
    assert [value for value, in sql.rows(
        "SELECT value FROM key_value WHERE name LIKE 'n_' ORDER BY name")] == odd
    assert {value for value, in sql.among(
        "SELECT value FROM key_value WHERE value IN ({}) AND name < ?", [*odd, "-"], "n3")} == set(odd[:3])


def test_counters_that_are_there_are_raised(server: None) -> None:
    conflict = ("ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value "
                "RETURNING name, value")
    for values in ([("a", 1), ("b", 2)], [("b", 3), ("c", 4)]):
        with db.atomic():
            found = dict(sql.inserted("counter", ("name", "value"), values, conflict))
    assert found == {"b": 5, "c": 4}
