"""The system's clock: followed within a bound, doubted beyond it, believed again when it is steady."""
from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.systemclock import BOUND_S, STEADY_S, SystemClock, boottime


class Machine:
    """A machine whose clock can be set; time passes by `sleep`."""

    def __init__(self) -> None:
        self.boot_s, self.offset_s = 100.0, 1_000_000.0
        self.clock = SystemClock(lambda: self.boot_s + self.offset_s, lambda: self.boot_s)

    def sleep(self, seconds: float) -> float:
        self.boot_s += seconds
        return self.clock.time()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_follows_the_system_within_the_bound(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "server.systemclock")
    assert machine.sleep(10) == 1_000_110
    for adjustment in (0.4, -0.4, 29, -29):
        machine.offset_s += adjustment
        assert machine.sleep(1) == machine.boot_s + machine.offset_s
    assert [record.getMessage() for record in caplog.records] == [
        "the clock was adjusted by 29.0 s", "the clock was adjusted by -29.0 s"]


@pytest.mark.parametrize("jump_s", [31.0, 86_400.0, -31.0, -86_400.0])
def test_a_jump_is_not_followed_and_forgotten_when_it_is_undone(machine: Machine, jump_s: float) -> None:
    before = machine.clock.time()
    machine.offset_s += jump_s
    assert machine.sleep(2) == before + 2
    assert machine.clock.is_suspect and machine.clock.jump_s == jump_s
    machine.offset_s -= jump_s
    assert machine.sleep(2) == before + 4 and not machine.clock.is_suspect and machine.clock.jump_s == 0


def test_a_clock_that_is_steady_after_a_jump_is_followed_again(machine: Machine) -> None:
    machine.offset_s += 3600
    machine.sleep(1)
    assert machine.sleep(STEADY_S - 1) == machine.boot_s + machine.offset_s - 3600
    assert machine.sleep(1) == machine.boot_s + machine.offset_s and not machine.clock.is_suspect


def test_another_jump_begins_the_quarter_of_an_hour_anew(machine: Machine) -> None:
    machine.offset_s += 3600
    machine.sleep(1)
    machine.sleep(STEADY_S - 1)
    machine.offset_s += 3600
    machine.sleep(1)
    machine.sleep(STEADY_S - 1)
    assert machine.clock.is_suspect
    machine.sleep(1)
    assert not machine.clock.is_suspect


def test_an_operator_confirms_a_jump(machine: Machine) -> None:
    machine.offset_s += 3600
    machine.sleep(1)
    machine.clock.trust(machine.clock.offset_s())
    assert machine.sleep(1) == machine.boot_s + machine.offset_s and not machine.clock.is_suspect


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e5, 1e5)), max_size=30))
def test_the_time_never_moves_by_more_than_the_bound_at_once(steps: list[tuple[float, float]]) -> None:
    machine, passed_s = Machine(), 0.0
    last = machine.clock.time()
    for seconds, jump_s in steps:
        machine.offset_s += jump_s
        now = machine.sleep(seconds)
        passed_s += seconds
        assert passed_s >= STEADY_S or abs(now - last - seconds) <= BOUND_S + 1e-3
        last = now


def test_the_real_one() -> None:
    assert not SystemClock().is_suspect and boottime() > 0
