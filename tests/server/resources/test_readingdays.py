"""Days of readings: partitions on PostgreSQL, made ahead, filled with what was there, dropped as a whole."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from server import clock, worker
from server.config import settings
from server.devices import enrolment
from server.grid.series import devicereadings
from server.models import Reading, ReadingSet, db
from server.resources import meterreadings, readingdays, retention, sql, store
from server.resources.readingdays import DAY
from tests import peers
from tests.conftest import NOON
from tests.server.grid.conftest import Home

TODAY = NOON - NOON % DAY
AT = "/upt/1/mr/1"
postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
def home(peer: Any) -> Iterator[Home]:
    home = Home(peer(1), enrolment.enrol(peers.lfdi(1), name="d1", kind="battery"))
    home.post(1000)
    yield home
    ReadingSet.delete().execute()
    readingdays.drop(1 << 40)


def post(home: Home, start: int, duration_s: int = 900, values: tuple[int, ...] = (1,)) -> None:
    reply = home.client.post("/mup/1", "MirrorMeterReading", {"mRID": "B01300000001", "MirrorReadingSet": [{
        "mRID": f"{start + (1 << 40):X}", "timePeriod": {"start": start, "duration": duration_s},
        "Reading": [{"value": value} for value in values]}]})
    assert reply.status == 201


def days() -> dict[int, int]:
    """The number of readings in each partition, by its day after today."""
    return {(day - TODAY) // DAY: sql.row(f"SELECT count(*) FROM {readingdays._name(day)}")[0]
            for day in readingdays.partitions()}


def rest() -> int:
    return int(sql.row("SELECT count(*) FROM reading_rest")[0])


def readings() -> list[Any]:
    return list(Reading.select().order_by(Reading.set, Reading.number).tuples())


def test_readings_are_kept_whatever_their_time_and_the_partitions(home: Home) -> None:
    for day in (-3, -1, 2, 5):
        post(home, TODAY + day * DAY)
    post(home, 0)
    before = readings()
    assert len(before) == 6
    for _ in range(2):
        worker.purge()
        assert [reading for reading in before if reading[3]] == readings(), "but that of 1970, which is old"
        assert store.reindex() == 0


@postgres
def test_days_are_made_ahead_and_others_where_there_are_readings(home: Home) -> None:
    for day in (-3, -1, 2, 5):
        post(home, TODAY + day * DAY)
    post(home, 0)
    before = readings()
    assert days() == {} and rest() == 6
    assert readingdays.arrange(NOON) == 5 and readingdays.arrange(NOON) == 0
    assert days() == {-3: 1, -1: 1, 0: 1, 1: 0, 2: 1} and rest() == 2, "1970, and in five days"
    assert readings() == before
    post(home, TODAY + DAY)
    assert days()[1] == 1, "where it belongs, at once"
    assert readingdays.arrange(NOON + DAY) == 1 and sorted(days()) == [-3, -1, 0, 1, 2, 3]


@postgres
def test_a_day_is_dropped_once_all_of_it_is_over(home: Home) -> None:
    post(home, TODAY - 2 * DAY)
    post(home, TODAY - 3 * DAY, duration_s=3 * DAY)
    readingdays.arrange(NOON)
    assert readingdays.drop(TODAY - DAY - 1) == 0
    assert readingdays.drop(TODAY - DAY) == 1 and sorted(days()) == [-3, 0, 1, 2], "three days stay"
    assert readingdays.drop(TODAY) == 0 and readingdays.drop(TODAY + 1) == 1
    assert sorted(days()) == [0, 1, 2] and len(readings()) == 1


@postgres
def test_old_days_are_dropped_before_their_sets_are_deleted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(home, TODAY - 2 * DAY, values=(1, 2, 3))
    readingdays.arrange(NOON)
    statements: list[str] = []
    execute = sql.execute
    monkeypatch.setattr(sql, "execute", lambda statement, *values: (
        statements.append(statement), execute(statement, *values))[1])
    assert retention.remove("readings", TODAY) == 1
    assert [text.split()[0] for text in statements if re.match("DROP TABLE|DELETE", text)] == ["DROP"]
    assert ReadingSet.select().count() == len(readings()) == 1


@postgres
def test_who_reads_is_not_waited_for_long(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    readingdays.arrange(NOON)
    ReadingSet.delete().execute()
    with psycopg.connect(settings.database) as other, monkeypatch.context() as patch:
        patch.setattr(readingdays, "WAIT_MS", 20)
        other.execute("SELECT count(*) FROM reading")
        assert readingdays.drop(NOON + 5 * DAY) == 0 and len(days()) == 3
        assert readingdays.arrange(NOON + DAY) == 0
    # With the usual patience: the database's own housekeeping may be in the way for longer than 20 ms.
    assert readingdays.drop(NOON + 5 * DAY) == 3
    home.post(1000)
    assert rest() == 1


def test_a_long_set_is_deleted_a_part_at_a_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    post(home, TODAY - 2 * DAY, values=tuple(range(7)))
    monkeypatch.setattr(retention, "READINGS", 3)
    left = []
    execute = sql.execute

    def count(statement: str, *values: Any) -> Any:
        cursor = execute(statement, *values)
        if "number <=" in statement:
            left.append(Reading.select().count())
        return cursor

    monkeypatch.setattr(sql, "execute", count)
    assert retention.remove("readings", TODAY) == 1
    assert left == [5, 2] and Reading.select().count() == 1


@postgres
def test_statements_read_the_partitions_of_their_days(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What posts, shows or sums up readings of a day reads one partition, or two; none needs all."""
    for day in range(30):
        post(home, TODAY - day * DAY)
    readingdays.arrange(NOON)
    sql.execute("ANALYZE")
    statements: dict[str, Any] = {}
    execute = type(db.obj).execute_sql
    monkeypatch.setattr(type(db.obj), "execute_sql", lambda database, statement, values=None, **more: (
        statements.update({statement: values}), execute(database, statement, values, **more))[1])
    clock.turn_to(TODAY + 900)
    home.post(5)
    home.post(6)
    post(home, TODAY - 5 * DAY, values=(5,))
    for path in ("rs", "rs/2", "rs/2/r", "rs/2/r/1", "rs/0/r/0"):
        assert home.client.get(f"{AT}/{path}").status == 200
    devicereadings.mean_injection_w([1], TODAY - 9 * DAY, TODAY - 8 * DAY)
    meterreadings.between(AT, TODAY - 9 * DAY, TODAY - 8 * DAY)
    worker.turn()
    monkeypatch.undo()
    for name in ("seqscan", "hashjoin", "mergejoin"):  # as it plans for large tables
        sql.execute(f"SET enable_{name} = off")
    looked = 0
    for statement, values in statements.items():
        if not re.search(r"(FROM|JOIN|UPDATE) reading\b", statement):
            continue
        looked += 1
        plan = [row[0] for row in sql.rows(f"EXPLAIN (ANALYZE) {statement.replace('%s', '?')}", *values)]
        read = {name for line in plan if "never executed" not in line
                for name in re.findall(r" on (reading_(?:rest|\d+))\b", line)}
        assert len(read) <= 3, (statement, read)
    sql.execute("RESET ALL")
    assert looked > 8
