"""The last exchanges of a device: in memory, written when somebody looks, bounded, without secrets."""
from __future__ import annotations

import json
import time
import timeit
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server import actors, clock, worker
from server.config import settings
from server.devices import enrolment, exchanges, processes, traces
from server.errors import Refused
from server.models import DeviceExchange, DeviceTrace, KeyValue
from server.protocol import background, requestcounts
from tests import peers
from tests.conftest import NOON, on_sqlite

DAY = 86400
write = background.TASKS["writing exchanges and counts"]


@pytest.fixture(autouse=True)
def _forgotten(server: None) -> Iterator[None]:
    for module in (exchanges, requestcounts, processes):
        module.forget()
    yield
    for module in (exchanges, requestcounts, processes):
        module.forget()


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody waits for this process, it does what it does every few seconds."""
    monkeypatch.setattr(time, "sleep", lambda _: write())


def test_what_was_refused_is_written_and_the_rest_when_somebody_asks(
    device: peers.Peer, peer: Callable[[int], peers.Peer], answered: None
) -> None:
    assert device.get("/tm").status == 200 and device.get("/edev/99").status == 404
    assert peer(9).get("/derp?l=5").status in (200, 404)
    write()
    own = DeviceExchange.select().where(DeviceExchange.lfdi == device.lfdi)
    assert [(row.href, row.status) for row in own] == [("/edev/99", 404)]
    rows = traces.last("one")
    assert [(row["method"], row["href"], row["status"]) for row in rows] == [
        ("GET", "/edev/99", 404), ("GET", "/tm", 200)]
    assert rows[0]["reason"] and not rows[1]["reason"] and rows[1]["size"] > 100
    assert all(NOON - 5 <= row["at"] <= NOON and row["request_body"] is None for row in rows)
    assert not DeviceTrace.select().exists(), "nothing is left of the question"
    assert traces.last("one") == rows, "none is written twice"
    assert traces.last(peers.lfdi(9))[0]["href"] == "/derp?l=5", "why somebody is refused is of interest"
    with pytest.raises(Refused, match="404|there is no|unknown|no device"):
        traces.last("nobody")


@on_sqlite
def test_bodies_are_kept_for_a_while_without_the_pin(device: peers.Peer, answered: None) -> None:
    with actors.acting("alice"):
        row = traces.switch("one", 900, bodies=True)
    assert row["until"] == NOON + 900 and row["bodies"]
    write()
    assert device.get("/edev/1/rg").status == 200
    assert device.post("/edev/1/lel", "LogEvent", {
        "createdDateTime": 0, "details": "hello", "extendedData": 1, "functionSet": 0, "logEventCode": 0,
        "logEventID": 0, "logEventPEN": 40732, "profileID": 2}).status == 201
    write()
    posted, read = traces.last("one")
    assert "<details>hello</details>" in (posted["request_body"] or "") and posted["answer_body"] == ""
    assert "<pIN>***</pIN>" in (read["answer_body"] or "") and "123455" not in json.dumps(read)
    clock.turn_to(NOON + 900)
    write()
    device.get("/tm")
    write()
    assert traces.last("one")[0]["answer_body"] is None
    traces.switch("one", 0)
    assert not DeviceTrace.select().exists()


@on_sqlite
def test_each_device_has_so_many_and_they_go(device: peers.Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "KEPT", 5)
    traces.switch("one", 900)
    write()
    for _ in range(8):
        device.get("/tm")
        device.get("/dcap")
    write()
    assert DeviceExchange.select().count() == 5
    settings.trace_exchanges = 3
    for _ in range(4):
        device.get("/tm")
    write()
    assert len(exchanges._recent) == 3
    clock.turn_to(NOON + 8 * DAY)
    assert worker.purge() == 6 and not DeviceExchange.select().exists() and not DeviceTrace.select().exists()


@on_sqlite
def test_a_setting_switches_it_off(device: peers.Peer) -> None:
    settings.trace_exchanges = 0
    device.get("/edev/99")
    write()
    assert not DeviceExchange.select().exists() and not exchanges._recent
    with pytest.raises(Refused, match="trace_exchanges is 0"):
        traces.last("one")


@on_sqlite
def test_who_asks_waits_for_the_processes_that_run_and_no_longer(
    device: peers.Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    traces.last("one")
    assert slept == [], "none runs"
    told: dict[str, Any] = {"written_at": time.time(), "answered_at": 0}
    KeyValue.create(name="process:other", value=json.dumps(told))
    monkeypatch.setattr(traces, "WAIT_S", 0.05)
    traces.last("one")
    assert slept
    slept.clear()
    KeyValue.update(value=json.dumps({**told, "written_at": time.time() - processes.GONE_S - 1})).where(
        KeyValue.name == "process:other").execute()
    traces.last("one")
    assert slept == [], "it has ended"


@on_sqlite
def test_a_request_pays_next_to_nothing(device: peers.Peer) -> None:
    enrolment.find("one")
    environ = {"counterpoise.peer": type("P", (), {"lfdi": device.lfdi}), "REQUEST_METHOD": "GET",
               "PATH_INFO": "/tm", "QUERY_STRING": ""}
    count = 10_000
    spent_s = min(timeit.repeat(
        lambda: exchanges.record(environ, 200, 500, 0.0, "", b""), number=count, repeat=3))
    print(f"{spent_s / count * 1e6:.2f} us")
    assert len(exchanges.drain()) == 3 * count
