import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import clusters
from server.grid.optimisation.clusters import BATTERY, SESSION, Batteries, Sessions, Thermals

STEPS, QUARTER = 16, 0.25


def zeros(size):
    return np.zeros(size, dtype=int)


def random_batteries(size=6, seed=1):
    numbers = np.random.default_rng(seed)
    power = numbers.uniform(1000, 6000, size)
    most = power * numbers.uniform(1.5, 4, size)
    return Batteries(
        most * numbers.uniform(0.1, 1, size),
        most * 0.1,
        most,
        power,
        power * 0.8,
        np.full(size, 0.95),
        np.arange(size) % 2,
    )


cars = st.lists(
    st.tuples(
        st.integers(-3, STEPS - 2),
        st.integers(1, STEPS + 4),
        st.floats(0, 1, width=32),
        st.floats(1000, 22_000, width=32),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=10,
).map(
    lambda rows: Sessions(
        np.array([row[0] for row in rows]),
        np.array([max(row[0], 0) + row[1] for row in rows]),
        np.array([row[2] * row[3] * row[1] * QUARTER for row in rows]),
        np.array([row[3] for row in rows]),
        np.array([row[4] for row in rows]),
    )
)


def test_batteries_of_a_group_and_ratio_are_one():
    fleet = random_batteries(40)
    summed, label = clusters.batteries(fleet, STEPS, ratios=2)
    assert set(summed.kind) == {BATTERY} and set(summed.group) == {0, 1} and len(summed) == 4
    for number in range(len(summed)):
        inside = label == number
        assert np.isclose(summed.most[number, 0], fleet.most[inside].sum())
        assert np.isclose(summed.low[number, 3], -fleet.discharge[inside].sum())
        assert (
            np.isclose(summed.start[number], fleet.energy[inside].sum())
            and summed.end[number] == summed.start[number]
        )
        assert set(fleet.group[inside]) == {summed.group[number]}
    ratio = (fleet.most - fleet.least) / fleet.charge
    for group in (0, 1):
        first, second = (ratio[(label == number)] for number in np.flatnonzero(summed.group == group))
        assert first.max() <= second.min()


@given(cars)
def test_sessions_are_summed_between_as_late_and_as_soon_as_possible(fleet):
    """The sums equal those of each session by itself, step by step."""
    summed, label = clusters.sessions(fleet, STEPS, QUARTER, window=4)
    assert set(summed.kind) == {SESSION}
    after = np.arange(1, STEPS + 1)[:, None] * QUARTER
    arrive = np.maximum(fleet.arrive, 0) * QUARTER
    depart = np.minimum(fleet.depart, STEPS) * QUARTER
    need = np.minimum(fleet.need, fleet.power * np.maximum(depart - arrive, 0))
    soonest = np.clip((after - arrive) * fleet.power, 0, need)
    latest = np.clip(need - (depart - after) * fleet.power, 0, need)
    for number in range(len(summed)):
        inside = label == number
        assert np.allclose(summed.most[number], soonest[:, inside].sum(axis=1), atol=1e-2)
        assert np.allclose(summed.least[number], latest[:, inside].sum(axis=1), atol=1e-2)
    assert (summed.least <= summed.most + 1e-9).all()
    assert (np.diff(summed.most, axis=1) <= summed.high[:, 1:] * QUARTER + 1e-3).all()


def test_a_session_that_cannot_be_full_in_time_is_taken_to_need_what_it_can_get():
    late = Sessions(np.array([2]), np.array([6]), np.array([50_000.0]), np.array([4000.0]), zeros(1))
    summed, _ = clusters.sessions(late, STEPS, QUARTER)
    assert summed.most[0, -1] == summed.least[0, -1] == 4000
    assert summed.high[0].tolist() == [0, 0, 4000, 4000, 4000, 4000] + [0] * 10


def test_thermal_loads_by_kind_beside_their_base():
    fleet = Thermals(
        np.array([100.0, 200.0, -300.0]),
        np.array([1000.0, 1000.0, 2000.0]),
        np.array([0.9, 0.8, 0.95]),
        np.array([2000.0, 3000.0, 4000.0]),
        np.array([0, 0, 1]),
        zeros(3),
        np.ones(3),
        np.ones(3),
    )
    base = np.array([[1500.0] * STEPS, [4500.0] * STEPS])
    summed, label = clusters.thermals(fleet, base)
    assert label.tolist() == [0, 0, 1] and summed.start.tolist() == [300, -300]
    assert summed.high[:, 0].tolist() == [3500, 0] and summed.low[:, 0].tolist() == [-1500, -4500]
    assert np.isclose(summed.keep[0], 0.85) and summed.most[0, 0] == 2000


def test_a_load_that_can_only_be_told_to_drop_is_not_planned_to_take():
    both = Thermals(
        np.zeros(2), np.full(2, 1000.0), np.full(2, 0.9), np.full(2, 2000.0), zeros(2), np.array([0, 1]),
        np.array([1.0, 0.0]), np.ones(2))
    summed, _ = clusters.thermals(both, np.full((2, STEPS), 500.0))
    assert summed.high[:, 0].tolist() == [1500, 0] and summed.low[:, 0].tolist() == [-500, -500]


def test_idle_loads_and_those_that_respond_in_part_offer_that_much():
    fleet = Thermals(
        np.zeros(2), np.full(2, 1000.0), np.full(2, 0.9), np.full(2, 2000.0), zeros(2), zeros(2),
        np.full(2, 0.5), np.full(2, 0.5))
    active = np.linspace(1, 0, STEPS)[None]
    summed, _ = clusters.thermals(fleet, np.full((1, STEPS), 1000.0), active)
    assert summed.low[0].tolist() == [-500] * STEPS and summed.high[0] == pytest.approx(1500 * active[0])


def test_who_is_outside_comfort_may_come_back_slowly():
    fleet = Thermals(
        np.array([3000.0]), np.array([1000.0]), np.array([0.9]), np.array([2000.0]), zeros(1), zeros(1),
        np.ones(1), np.ones(1)
    )
    summed, _ = clusters.thermals(fleet, np.full((1, STEPS), 500.0))
    assert np.allclose(summed.most[0, :3], [2700, 2430, 2187]) and summed.most[0, -1] == 1000


def test_what_is_held_back_is_kept_from_plans_but_a_battery_beyond_is_not_called_back():
    fleet = Batteries(np.array([5000.0, 500.0]), np.zeros(2), np.full(2, 10_000.0), np.full(2, 5000.0),
                      np.full(2, 5000.0), np.full(2, 0.9), np.array([0, 1]))
    summed = clusters.with_reserve(clusters.batteries(fleet, 4, 1)[0], 0.1, since=2)
    assert summed.least.tolist() == [[0, 0, 1000, 1000], [0, 0, 500, 500]]
    assert summed.most.tolist() == [[10_000, 10_000, 9000, 9000], [10_000, 10_000, 9000, 9000]]


def test_merged_clusters_are_the_sum_and_keep_the_groups_that_are_told_apart():
    every = clusters.batteries(random_batteries(12), STEPS, ratios=3)[0]
    fewer, label = clusters.merged(every, every.group == 1)
    assert len(fewer) == 3 + 1 and fewer.most.sum() == np.float64(every.most.sum())
    assert {(int(fewer.group[new]), int(group)) for new, group in zip(label, every.group, strict=True)} == {
        (-1, 0),
        (1, 1),
    }
    assert np.allclose(fewer.efficiency, 0.95)
    assert np.isclose(fewer.start[label[every.group == 1][0]], every.start[every.group == 1].sum())


def test_nobody_at_all():
    nobody = Sessions(zeros(0), zeros(0), np.zeros(0), np.zeros(0), zeros(0))
    assert len(clusters.sessions(nobody, STEPS, QUARTER)[0]) == 0
    empty = Batteries(*(np.zeros(0) for _ in range(6)), zeros(0))
    assert len(clusters.batteries(empty, STEPS)[0]) == 0
