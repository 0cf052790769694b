"""What processes agree on about the clock: after a jump, after a start, by an operator's decision."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server import actors, alarms, clock, timekeeping, worker
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import AuditEntry, KeyValue
from server.operations import clockcheck
from server.resources import refresh, store
from tests import peers
from tests.conftest import NOON
from tests.server.test_systemclock import Machine

DAY = 86_400


@pytest.fixture
def machine(server: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    """A machine whose clock the processes follow, at NOON."""
    machine = Machine()
    machine.offset_s = NOON - machine.boot_s
    machine.clock.time()
    machine.clock.trust(machine.clock.offset_s())
    was = clock.spec()
    monkeypatch.setattr(clock, "system", machine.clock)
    monkeypatch.setattr(timekeeping, "BOOT_ID", tmp_path / "boot_id")
    timekeeping.BOOT_ID.write_text("first")
    clock.follow("")
    timekeeping.start()
    yield machine
    clock.follow(was)


def restart(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process of the machine begins."""
    machine.clock = type(machine.clock)(machine.clock.real, machine.clock.boot)
    monkeypatch.setattr(clock, "system", machine.clock)
    timekeeping.start()


def test_a_day_ahead_for_a_moment_loses_no_event(machine: Machine, device: peers.Peer) -> None:
    machine.clock.trust(machine.clock.offset_s())
    clock.follow("")
    virtualders.create("street", members=["one"])
    control = dercontrols.post("street", {"opModConnect": True}, 600, NOON + 1800)
    machine.offset_s += DAY
    machine.sleep(2)
    assert not refresh.due()
    worker.turn()
    assert store.get(control["href"]).status["currentStatus"] == 0
    (alarm,) = alarms.rows()
    assert (alarm["kind"], alarm["severity"]) == ("clock", "critical") and "+86400 s" in alarm["detail"]
    assert device.get("/tm").data["currentTime"] == NOON + 2
    machine.offset_s -= DAY
    worker.turn()
    assert not alarms.rows()
    machine.sleep(1800)
    worker.turn()
    assert store.get(control["href"]).status["currentStatus"] == 1


def test_a_process_that_starts_after_the_jump_knows_of_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.offset_s += DAY
    restart(machine, monkeypatch)
    assert clock.system.is_suspect and clock.now() == NOON


def test_the_time_that_is_shown_is_the_server_s(machine: Machine) -> None:
    clock.run(60, NOON + DAY)
    assert clockcheck.show()["time"] - NOON - DAY < 3600


def test_an_operator_decides_for_all_processes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = machine.clock
    machine.offset_s += DAY
    worker.turn()
    restart(machine, monkeypatch)
    with actors.acting("alice"):
        assert clockcheck.accept() == {"time": NOON + DAY, "suspect": False, "jump_s": 0}
    assert not alarms.rows() and AuditEntry.get().operation == "clock accept"
    monkeypatch.setattr(clock, "system", first)
    assert clock.now() == NOON
    timekeeping.follow_decision()
    assert clock.now() == NOON + DAY


def test_a_machine_that_starts_with_a_clock_that_was_reset(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    timekeeping.watch()
    timekeeping.BOOT_ID.write_text("second")
    machine.boot_s, machine.offset_s = 10.0, 0.0  # 1970
    restart(machine, monkeypatch)
    assert clock.system.is_suspect and clock.now() == NOON
    timekeeping.BOOT_ID.write_text("third")
    machine.offset_s = NOON + 5000.0 - machine.boot_s
    restart(machine, monkeypatch)
    assert not clock.system.is_suspect and clock.now() == NOON + 5000


def test_what_is_agreed_on_is_written_seldom(machine: Machine) -> None:
    timekeeping.watch()
    rows = {row.name: row.value for row in KeyValue.select()}
    machine.sleep(30)
    timekeeping.watch()
    assert {row.name: row.value for row in KeyValue.select()} == rows
    machine.sleep(60)
    timekeeping.watch()
    assert {row.name: row.value for row in KeyValue.select()} != rows


def test_creation_times_of_a_list_grow_whatever_the_clock_does(device: peers.Peer) -> None:
    virtualders.create("street", members=["one"])
    created = []
    for instant in (NOON, NOON, NOON - DAY, NOON + 60):
        clock.turn_to(instant)
        control = dercontrols.post("street", {"opModConnect": True}, 600, NOON + 900)
        created.append(store.get(control["href"]).submitted["creationTime"])
    assert created == [NOON, NOON + 1, NOON + 2, NOON + 60]
