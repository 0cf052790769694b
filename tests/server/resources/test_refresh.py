"""A list that cannot be rendered stops no other."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from server import alarms, clock, models, worker
from server.config import settings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import Document
from server.resources import refresh, render, sql, store, transactions
from tests import peers
from tests.conftest import NOON

Writer = Callable[[], AbstractContextManager[None]]


def test_the_others_are_rendered_and_it_is_tried_again(
    device: peers.Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    controls = []
    for name in ("street", "town"):
        virtualders.create(name, members=["one"])
        controls.append(dercontrols.post(name, {"opModConnect": True}, 3600, NOON + 60)["href"])
    bad, good = (href.rpartition("/")[0] for href in controls)
    reevaluate = render.reevaluate

    def fail(periods: dict[str, Any]) -> Any:
        if bad in periods:
            raise ValueError("year 58874 is out of range")
        return reevaluate(periods)

    monkeypatch.setattr(render, "reevaluate", fail)
    clock.turn_to(NOON + 60)
    assert refresh.run() == 2 and not refresh.due()
    statuses = [store.get(href).status["currentStatus"] for href in controls]
    assert statuses == [0, 1]
    assert device.get(f"{good}?l=9").status == 200
    alarm, = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("work", f"list {bad}") and "reference" in alarm["detail"]
    monkeypatch.undo()
    clock.turn_to(NOON + 60 + refresh.RETRY_S)
    assert refresh.due() and refresh.run() == 1
    assert store.get(controls[0]).status["currentStatus"] == 1


def visibility(href: str) -> int:
    return int(sql.row("SELECT visibility FROM document WHERE href = ?", href)[0])


@pytest.fixture
def controls(device: peers.Peer) -> dict[str, str]:
    """The hrefs of a control that begins in a minute, for each of three virtual DERs."""
    hrefs = {}
    for name in ("street", "town", "farm"):
        virtualders.create(name, members=["one"])
        hrefs[name] = dercontrols.post(name, {"opModConnect": True}, 3600, NOON + 60)["href"]
    clock.turn_to(NOON + 60)
    return hrefs


def test_a_get_renders_what_it_serves_and_no_more(device: peers.Peer, controls: dict[str, str]) -> None:
    assert device.get(controls["town"]).data["EventStatus"]["currentStatus"] == 1
    program = controls["street"].rpartition("/derc")[0]
    assert device.get(program).data["ActiveDERControlListLink"]["all"] == 1
    assert [visibility(controls[name]) for name in ("town", "street", "farm")] == [1, 1, 0]


@pytest.mark.parametrize("list_href", ["/derp?l=1", "/fsa/{street}/derp?l=9", "/edev/1/der/1/derp?l=1"])
def test_a_page_of_programs_counts_what_is_active_by_now(
    device: peers.Peer, controls: dict[str, str], list_href: str
) -> None:
    programs = device.get(list_href.format(street=virtualders.find("street").id)).data["DERProgram"]
    assert [program["ActiveDERControlListLink"]["all"] for program in programs] == [1]
    served = [visibility(href) for href in controls.values() if href.startswith(programs[0]["href"] + "/")]
    assert served == [1] and sum(map(visibility, controls.values())) == 1


def test_a_list_ends_what_is_over(device: peers.Peer, controls: dict[str, str]) -> None:
    clock.turn_to(NOON + 60 + 3600)
    assert device.get(f"{controls['farm'].rpartition('/')[0]}?l=9").data["all"] == 0
    assert visibility(controls["town"]) == Document.LISTED


def test_the_database_is_asked_once_a_second(
    device: peers.Peer, controls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.turn()
    asked: list[str] = []
    row = sql.row

    def record(statement: str, *values: Any) -> Any:
        asked.append(statement)
        return row(statement, *values)

    monkeypatch.setattr(sql, "row", record)
    for _ in range(3):
        assert device.get(controls["farm"]).status == 200
    assert len([statement for statement in asked if "min(fresh_until)" in statement]) == 1
    clock.advance(3600)
    assert device.get(f"{controls['farm'].rpartition('/')[0]}?l=9").data["all"] == 0


def test_a_worker_renders_a_slice_in_each_turn(
    controls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "SLICE", 2)
    assert (refresh.run(), refresh.run(), refresh.run()) == (2, 1, 0)
    assert {visibility(href) for href in controls.values()} == {Document.ACTIVE}


def test_what_is_due_is_found_by_an_index(server: None) -> None:
    for statement in ("SELECT min(fresh_until) FROM document WHERE fresh_until IS NOT NULL",
                      "SELECT 1 FROM document WHERE parent = '/a' AND fresh_until <= 5 LIMIT 1",
                      "SELECT DISTINCT parent FROM document WHERE parent > '/a/' AND parent < '/a0' "
                      "AND fresh_until <= 5"):
        if not models.is_postgres():  # which scans a table that has no rows; see the benchmark
            assert "USING" in str(sql.rows(f"EXPLAIN QUERY PLAN {statement}")), statement


@pytest.fixture
def writer() -> Writer:
    """Somebody else is in the middle of a transaction of everything."""
    started, end = threading.Event(), threading.Event()

    def write() -> None:
        with store.transaction():
            started.set()
            end.wait()
        models.db.close()

    thread = threading.Thread(target=write)

    @contextmanager
    def writing() -> Iterator[None]:
        thread.start()
        started.wait()
        try:
            yield
        finally:
            end.set()
            thread.join()

    return writing


def test_a_get_does_not_wait_for_who_writes(
    device: peers.Peer, controls: dict[str, str], writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, writer():
        patch.setattr(refresh, "WAIT_MS", 1)
        reply = device.get(controls["town"])
        assert (reply.status, reply.data["EventStatus"]["currentStatus"]) == (200, 0)
        assert device.get("/derp?l=9").status == 200
        with pytest.raises(transactions.Busy), store.transaction("/edev/1", wait_ms=1):
            raise AssertionError("nobody else may write")
    assert device.get(controls["town"]).data["EventStatus"]["currentStatus"] == 1
    if not models.is_postgres():
        assert sql.row("PRAGMA busy_timeout")[0] == 1000 * settings.busy_timeout_s
