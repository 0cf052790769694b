"""Lists that are read a page at a time."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import audit
from server.grid.dispatch import orders
from server.grid.fleet import participation
from server.grid.groups import memberfiles, virtualders
from server.models import Counter, DispatchOrder, db, is_postgres, pages
from server.models.pages import Pages
from server.operations import devices
from server.resources import sql

NAMES = [f"n{number:02d}" for number in range(7)]


@pytest.fixture
def statements(server: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements from now on, on a database with counters of these NAMES; a page has three."""
    Counter.delete().execute()
    Counter.insert_many([{"name": name, "value": 1} for name in reversed(NAMES)]).execute()
    monkeypatch.setattr(pages, "SIZE", 3)
    executed: list[str] = []
    execute = type(db.obj).execute_sql

    def record(database: Any, statement: str, *more: Any, **options: Any) -> Any:
        executed.append(statement)
        return execute(database, statement, *more, **options)
    monkeypatch.setattr(type(db.obj), "execute_sql", record)
    return executed


def listed(limit: int | None = None) -> Pages[str]:
    return Pages(Counter.select().where(Counter.value == 1), Counter.name,
                 lambda rows: [row.name for row in rows], limit)


def test_a_list_is_read_a_page_at_a_time_and_again_whenever_it_is_asked_for(statements: list[str]) -> None:
    counters = listed()
    assert [*iter(counters)] == NAMES and len(statements) == 3
    Counter.delete().where(Counter.name == NAMES[0]).execute()
    assert list(counters) == NAMES[1:]


def test_no_more_is_read_than_is_asked_for(statements: list[str]) -> None:
    assert next(iter(listed())) == NAMES[0] and len(statements) == 1
    assert list(listed(2)) == NAMES[:2] and list(listed(6)) == NAMES[:6] and list(listed(100)) == NAMES


def test_the_length_is_counted_without_reading(statements: list[str]) -> None:
    assert (len(listed()), len(listed(2)), len(listed(100))) == (7, 2, 7)
    assert all("COUNT" in statement for statement in statements)


def test_what_goes_meanwhile_moves_nothing_else(statements: list[str]) -> None:
    names = iter(listed())
    first = [next(names) for _ in range(3)]
    Counter.delete().where(Counter.name << NAMES[:4]).execute()
    assert first + list(names) == NAMES[:3] + NAMES[4:]


LISTS: dict[str, Callable[[], Pages[Any]]] = {
    "devices": lambda: devices.list_devices(kind="pv"),
    "members": lambda: memberfiles.list_members("street"),
    "shares": lambda: orders.list_shares(1),
    "contracts": participation.contracts,
    "audit": lambda: audit.every(1, 2),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.usefixtures("server")
def test_no_page_reads_or_sorts_what_follows_it(name: str) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL sorts a table of a few rows whatever the indexes")
    vder = virtualders.find(virtualders.create("street")["id"])
    DispatchOrder.create(vder=vder, quantity="watts", value=1.0, addressing="device", start=1, duration_s=1,
                         created_at=1)
    listed = LISTS[name]()
    query = listed._query.where(listed._key > listed._key.db_value(1)).order_by(listed._key)
    statement, parameters = query.limit(2).sql()
    plan = [row[-1] for row in sql.rows(f"EXPLAIN QUERY PLAN {statement}", *parameters)]
    assert plan and not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step], plan
