import pytest

from server import clock
from server.grid.dispatch.loadcontrol import STAGGER_S, StepPeriod
from tests.conftest import NOON

QUARTER = 900


@pytest.fixture(autouse=True)
def noon():
    clock.turn_to(NOON)


@pytest.mark.parametrize("ahead_s, begins_at, duration_s", [
    (300, NOON + 300, QUARTER),
    (0, NOON, QUARTER),
    (-100, NOON, QUARTER - 100),  # decided late: the remainder
])
def test_a_step_begins_at_its_start_or_now(ahead_s, begins_at, duration_s):
    step = StepPeriod(NOON + ahead_s, NOON + ahead_s + QUARTER, "imbalance")
    assert (step.begins_at, step.duration_s) == (begins_at, duration_s)


def test_starts_are_staggered_evenly_about_the_start_of_the_step():
    step = StepPeriod(NOON + 300, NOON + 300 + QUARTER, "imbalance")
    starts = [step.staggered_start(index) for index in range(2 * STAGGER_S)]
    assert (min(starts), max(starts)) == (step.start - STAGGER_S // 2, step.start + STAGGER_S // 2 - 1)
    assert len(set(starts)) == STAGGER_S


def test_no_start_is_in_the_past():
    step = StepPeriod(NOON, NOON + QUARTER, "imbalance")
    assert min(step.staggered_start(index) for index in range(STAGGER_S)) == NOON
