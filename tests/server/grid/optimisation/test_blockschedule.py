"""The best calls of one block: as an exhaustive search finds them, under every rule of a contract."""
from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation.arrays import Bools, np
from server.grid.optimisation.blockschedule import CallRules, best_calls

STEPS = 10


def rules(**changes: object) -> CallRules:
    free = CallRules(starts=np.ones(STEPS, dtype=bool), shortest=1, longest=STEPS, rest=0,
                     day=np.array([0] * 5 + [1] * 5), events_day=np.array([9, 9]), events=9, steps=STEPS)
    return free._replace(**changes)


def runs(called: Bools) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], called.astype(int), [0]))))
    return list(map(tuple, edges.reshape(-1, 2).tolist()))


def is_allowed(rules: CallRules, called: Bools) -> bool:
    found = runs(called)
    days = [int(rules.day[first]) for first, _ in found]
    return (
        all(rules.starts[first] and rules.shortest <= last - first <= rules.longest for first, last in found)
        and all(later[0] - earlier[1] >= rules.rest for earlier, later in zip(found, found[1:], strict=False))
        and all(days.count(day) <= events for day, events in enumerate(rules.events_day.tolist()))
        and len(found) <= rules.events and int(called.sum()) <= rules.steps)


@given(
    gain=st.lists(st.integers(-5, 9), min_size=STEPS, max_size=STEPS),
    starts=st.lists(st.booleans(), min_size=STEPS, max_size=STEPS),
    shortest=st.integers(1, 3), more=st.integers(0, 4), rest=st.integers(0, 4),
    events_day=st.tuples(st.integers(0, 3), st.integers(0, 3)), events=st.integers(0, 4),
    event_cost=st.integers(0, 8))
def test_no_allowed_calls_gain_more(
    gain: list[int], starts: list[bool], shortest: int, more: int, rest: int, events_day: tuple[int, int],
    events: int, event_cost: int
) -> None:
    bounds = rules(starts=np.array(starts), shortest=shortest, longest=shortest + more, rest=rest,
                   events_day=np.array(events_day), events=events)
    gains = np.array(gain, dtype=float)

    def value(called: Bools) -> float:
        return float(gains[called].sum()) - event_cost * len(runs(called))

    called = best_calls(bounds, gains, float(event_cost))
    assert is_allowed(bounds, called)
    every = (np.array(bits, dtype=bool) for bits in product((0, 1), repeat=STEPS))
    best = max(value(other) for other in every if is_allowed(bounds, other))
    assert value(called) >= best - 1e-9


@pytest.mark.parametrize("steps", [0, 2, 3, 5])
def test_scarce_hours_go_where_they_gain_most(steps: int) -> None:
    gain = np.array([1.0, 1.5, 9, 8.5, 2, 2.5, 7, 6.5, 3, 0.5])
    called = best_calls(rules(steps=steps), gain, 0.0)
    assert called.sum() == steps
    assert gain[called].sum() == sum(sorted(gain)[-steps:] if steps else [])
