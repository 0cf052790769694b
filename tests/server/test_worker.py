"""What happens without anyone asking, turn by turn; and what is forgotten."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest

from server import alarms, clock, worker
from server.grid.controls import dercontrols
from server.grid.dispatch import orders
from server.grid.groups import virtualders
from server.grid.series import measurements
from server.models import DispatchOrder, Document, ResponseRecord, Share
from server.resources import refresh, store
from tests import peers
from tests.conftest import NOON

DAY = 86400


def test_a_turn_renders_what_time_has_changed(device: peers.Peer) -> None:
    virtualders.create("street", members=["one"])
    control = dercontrols.post("street", {"opModConnect": True}, 600, NOON + 60)
    worker.turn()
    assert store.get(control["href"]).status["currentStatus"] == 0 and worker.turn() == 0
    clock.turn_to(NOON + 60)
    assert worker.turn() == 1 and worker.turn() == 0
    assert store.get(control["href"]).status["currentStatus"] == 1


def test_what_is_over_for_long_is_forgotten_and_nothing_else(device: peers.Peer) -> None:
    device.put("/edev/1/der/1/dercap", "DERCapability", {
        "modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4})
    assert device.get("/tm").status == 200
    virtualders.create("street", members=["one"])
    old = dercontrols.post("street", {"opModConnect": True}, 600)
    device.post(
        "/rsps/1/rsp",
        "DERControlResponse",
        {"createdDateTime": NOON, "endDeviceLFDI": device.lfdi, "status": 1, "subject": old["mrid"]},
    )
    DispatchOrder.create(
        vder=virtualders.find("street"),
        quantity="percent",
        value=1.0,
        addressing="broadcast",
        start=NOON,
        duration_s=600,
        created_at=NOON,
    )
    Share.create(order=DispatchOrder.get(), lfdi=device.lfdi, event_href=old["href"], mrid=old["mrid"])
    clock.turn_to(NOON + 39 * DAY)
    worker.turn()
    new = dercontrols.post("street", {"opModConnect": True}, 600)
    assert worker.purge() == 3  # changes of state, which are told for two days
    clock.turn_to(NOON + 41 * DAY)
    worker.turn()
    assert worker.purge() == 4  # the event, the answer, the share and the order
    assert store.get(old["href"]) is None and store.get(new["href"]) is not None
    assert not ResponseRecord.select().exists() and not Share.select().exists() and not orders.list_orders()
    assert not Document.select().where(Document.kind == "DERControlResponse").exists()
    assert device.get(f"{virtualders.find('street').program}/derc?l=9").status == 200


def test_a_duty_that_fails_leaves_the_others_alone(
    device: peers.Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtualders.create("street", members=["one"])
    control = dercontrols.post("street", {"opModConnect": True}, 600, NOON + 60)
    calls = []

    def fail(now: int) -> int:
        calls.append(now)
        raise ValueError("year 58874 is out of range")

    monkeypatch.setattr(measurements, "roll_due", fail)
    clock.turn_to(NOON + 60)
    assert worker.turn() == 1
    assert store.get(control["href"]).status["currentStatus"] == 1
    alarm, = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("work", "summing up readings")
    worker.turn()
    assert len(calls) == 1, "it is not tried each second"
    clock.advance(worker.RETRY_S)
    worker.turn()
    assert len(calls) == 1, "a clock that is set does not end the pause"
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + worker.RETRY_S)
    worker.turn()
    assert len(calls) == 2


def test_a_database_that_does_not_answer_is_no_fault_of_a_duty(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(now: int) -> int:
        raise peewee.OperationalError("the connection is closed")

    monkeypatch.setattr(measurements, "roll_due", fail)
    with pytest.raises(peewee.OperationalError):
        worker.turn()
    assert not alarms.rows()


class Pauses(threading.Event):
    """Is set after so many waits, and notes how long they were to be."""

    def __init__(self, most: int):
        super().__init__()
        self.most, self.waited = most, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0)
        return len(self.waited) >= self.most


def test_a_database_that_is_away_is_waited_for_from_the_start(
    server: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = iter([False, False, True])
    turns = iter([True, False, False, False, False, False, True])

    def answer(attempts: Iterator[bool]) -> None:
        if not next(attempts):
            raise peewee.OperationalError("the database system is starting up")

    def turn() -> int:
        answer(turns)
        return 0
    monkeypatch.setattr(worker, "turn", turn)
    monkeypatch.setattr(worker, "discard_connection", lambda: None)
    stop = Pauses(9)
    worker.run(lambda: answer(attempts), stop)
    assert stop.waited == [2, 4, 1, 2, 4, 8, 16, 16, 1]
    said = [record.getMessage() for record in caplog.records if record.name == "server.worker"]
    waits = "the database did not answer, the worker waits for it: the database system is starting up"
    assert said == [waits, "the database answers again"] * 2


def test_a_worker_that_waits_for_its_database_ends_on_a_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "server", "work"]
    environ = os.environ | {"COUNTERPOISE_DATABASE": "postgresql://me@127.0.0.1:1/x"}
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "the worker waits for it: connection failed" in process.stderr.readline()
        process.terminate()
        assert process.wait(20) == 0 and "Traceback" not in process.stderr.read()


def test_a_turn_that_left_something_is_followed_at_once(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = iter([refresh.SLICE, refresh.SLICE + 3, refresh.SLICE - 1, 0])
    monkeypatch.setattr(worker, "turn", lambda: next(done))
    stop = Pauses(4)
    worker.run(lambda: None, stop)
    assert stop.waited == [0, 0, worker.TURN_S, worker.TURN_S]
