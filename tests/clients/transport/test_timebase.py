"""The client's clock follows the server's."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.transport.timebase import Timebase


def test_the_first_reading_sets_the_clock() -> None:
    base = Timebase().observe(5000, 100.0)
    assert base.known and base.offset_s == 4900
    assert base.server_time(110.0) == 5010 and base.local_time(5010) == 110.0


@given(some.floats(0.5, 600), some.integers(0, 10**9), some.floats(0, 10**6), some.floats(0, 10**5))
def test_there_and_back(rate: float, server: int, local: float, ahead: float) -> None:
    base = Timebase(rate, 0, 0).observe(server, local)
    assert base.local_time(base.server_time(local + ahead)) == pytest.approx(local + ahead, abs=1e-3)


def test_a_rounding_is_not_a_drift() -> None:
    base = Timebase().observe(5000, 100.0)
    later = base.observe(5099, 200.0)
    assert later.drift_s == -1 and later.server_time(300) == base.server_time(300)


def test_a_drift_sets_the_clock_and_measures_the_rate() -> None:
    base = Timebase().observe(5000, 100.0)
    faster = base.observe(5600, 110.0)
    assert faster.rate == pytest.approx(60) and faster.drift_s == 590
    assert faster.server_time(111) == pytest.approx(5660) and faster.local_time(6200) == pytest.approx(120)


def test_a_rate_that_is_known_beforehand_stays() -> None:
    base = Timebase(60.0).observe(5000, 100.0)
    assert base.observe(5597, 110.0).rate == 60


@pytest.mark.parametrize("server, local", [(90000, 101.0), (4000, 200.0), (5000 + 10**9, 200.0)])
def test_a_clock_that_was_set_has_no_new_rate(server: int, local: float) -> None:
    base = Timebase().observe(5000, 100.0).observe(server, local)
    assert base.rate == 1 and base.server_time(local) == server
