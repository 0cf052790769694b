import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.grid.optimisation import disaggregation
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals
from server.grid.optimisation.disaggregation import Fleet, StepOptions, StepTarget
from tests.server.grid.optimisation.nextstep import after_step

QUARTER = 0.25
watts = st.floats(-60_000, 60_000, width=32)


def fleet(seed=1, groups=2, size=12) -> Fleet:
    numbers = np.random.default_rng(seed)
    power, most = numbers.uniform(1000, 6000, size), numbers.uniform(3000, 15_000, size)
    depart = numbers.integers(1, 40, size)
    rating, band = numbers.uniform(1000, 5000, size), numbers.uniform(1000, 5000, size)
    group = numbers.integers(0, groups, size)
    return Fleet(
        Batteries(
            most * numbers.uniform(0.1, 1, size), most * 0.1, most, power, power, np.full(size, 0.95), group
        ),
        Sessions(
            np.zeros(size, dtype=int), depart, power * depart * QUARTER * numbers.random(size), power, group
        ),
        Thermals(
            band * numbers.uniform(-1, 1, size),
            band,
            np.full(size, 0.98),
            rating,
            numbers.integers(0, 2, size),
            group,
            np.where(numbers.random(size) < 0.7, numbers.random(size), 0.0),
            numbers.random(size),
        ),
        rating * numbers.random(size),
    )


def wish(groups, kinds, total, part=0.0):
    return StepTarget(np.full(groups, part), np.full((groups, kinds), part), np.zeros(groups), total)


@settings(deadline=None)
@given(watts, watts, st.integers(0, 50), st.booleans())
def test_no_order_breaks_a_reserve_a_band_or_a_departure(total, part, seed, broadcast):
    now = fleet(seed)
    powers = disaggregation.disaggregate(wish(2, 2, total, part), now, StepOptions(QUARTER, broadcast))
    after = after_step(now, powers, QUARTER)
    batteries, cars, loads = after.batteries, after.sessions, after.thermals
    assert (batteries.energy >= batteries.least - 1e-6).all() and (batteries.energy <= batteries.most
                                                                   + 1e-6).all()
    assert (abs(powers.batteries) <= batteries.charge + 1e-9).all()
    assert (abs(loads.state) <= loads.band + 1e-6).all()
    drawn = now.base + powers.thermals
    assert (drawn >= -1e-6).all() and (drawn <= loads.power + 1e-6).all()
    assert (cars.need >= -1e-6).all() and (cars.need <= cars.power * cars.depart * QUARTER + 1e-3).all()
    met = powers.batteries.sum() + powers.sessions.sum() + powers.thermals.sum()
    assert np.isclose(met + powers.unmet_w, total, atol=1e-3)


@settings(deadline=None)
@given(watts, st.integers(0, 30))
def test_batteries_absorb_what_the_others_leave(total, seed):
    """Nothing is unmet_w while a battery could still help."""
    now = fleet(seed)
    powers = disaggregation.disaggregate(wish(2, 2, total), now, StepOptions(QUARTER))
    low, high = disaggregation.battery_bounds(now.batteries, QUARTER)
    if powers.unmet_w > 1e-3:
        assert np.allclose(powers.batteries, high, atol=1e-3)
    elif powers.unmet_w < -1e-3:
        assert np.allclose(powers.batteries, low, atol=1e-3)


def test_a_broadcast_percent_misses_by_its_resolution_alone():
    now = fleet()
    exact = disaggregation.disaggregate(wish(2, 2, 9000.0), now, StepOptions(QUARTER))
    powers = disaggregation.disaggregate(wish(2, 2, 9000.0), now, StepOptions(QUARTER, broadcast=True))
    assert abs(exact.unmet_w) < 1e-6 and 0 < abs(powers.unmet_w) <= now.batteries.charge.sum() * 1e-4
    by_percent = powers.batteries[now.batteries.group == 0] / now.batteries.charge[now.batteries.group == 0]
    free = now.batteries.energy[now.batteries.group == 0] < now.batteries.most[now.batteries.group == 0] * 0.8
    assert np.ptp(by_percent[free]) < 1e-9 and np.ptp(exact.batteries / now.batteries.charge) > 0.01


def test_a_feeder_with_no_room_leaves_its_part_to_the_others():
    now = fleet(size=40)
    free = disaggregation.disaggregate(wish(2, 2, 20_000.0), now, StepOptions(QUARTER))
    limit = GroupLimit([0], 2000.0, -2000.0, np.array([1500.0]))
    held = disaggregation.disaggregate(wish(2, 2, 20_000.0), now, StepOptions(QUARTER, limits=[limit]))

    def drawn(powers, group):
        return sum(part[of.group == group].sum() for of, part in zip(now[:3], powers[:3], strict=True))
    assert drawn(free, 0) + 1500 > 2000 and drawn(held, 0) + 1500 <= 2000 + 1e-6
    assert np.isclose(drawn(held, 0) + drawn(held, 1), 20_000) and drawn(held, 1) > drawn(free, 1)


def test_a_transformer_above_feeders_is_held_too():
    now = fleet(groups=3, size=60)
    none = np.array([0.0])
    limits = [GroupLimit([0, 1], 5000.0, -5000.0, none), GroupLimit([0], 4000.0, -4000.0, none)]
    powers = disaggregation.disaggregate(wish(3, 2, 30_000.0), now, StepOptions(QUARTER, limits=limits))
    drawn = [
        sum(part[of.group == group].sum() for of, part in zip(now[:3], powers[:3], strict=True))
        for group in range(3)
    ]
    assert drawn[0] <= 4000 + 1e-6 and drawn[0] + drawn[1] <= 5000 + 1e-6
    assert np.isclose(sum(drawn), 30_000) and powers.unmet_w < 1e-6


def one_car(energy_wh=20_000.0, cars=1):
    """Cars of 7 kW that leave in three hours, each needing this much, and nothing else."""
    none = np.zeros(0)
    return Fleet(
        Batteries(*[none] * 6, none.astype(int)),
        Sessions(np.zeros(cars, int), np.full(cars, 12), np.full(cars, energy_wh), np.full(cars, 7000.0),
                 np.zeros(cars, int)),
        Thermals(*[none] * 4, none.astype(int), none.astype(int), none, none),
        none,
    )


@pytest.mark.parametrize("cars, short_wh", [(1, 5000.0), (10, 185_000.0)])
def test_a_limit_stands_above_the_energy_that_cars_need(cars, short_wh):
    """20 kWh each in three hours under 5 kW: never more is told, and the cars are left short by the rest."""
    now, limit = one_car(cars=cars), [GroupLimit([0], 5000.0, -np.inf, np.array([0.0]))]
    for _ in range(12):
        powers = disaggregation.disaggregate(
            wish(1, 1, 0.0, 70_000.0), now, StepOptions(QUARTER, limits=limit))
        assert powers.sessions.sum() == pytest.approx(5000)
        now = after_step(now, powers, QUARTER)
    assert now.sessions.need.sum() == pytest.approx(short_wh) and np.ptp(now.sessions.need) < 1e-3


def test_a_limit_above_several_groups_holds_their_cars():
    now = fleet(groups=3, size=60)
    all_cars = wish(3, 2, 0.0)._replace(sessions=np.full(3, np.inf))
    limits = [GroupLimit([0, 1], 4000.0, -np.inf, np.array([3000.0])),
              GroupLimit([0], 9000.0, -np.inf, np.array([0.0]))]
    powers = disaggregation.disaggregate(all_cars, now, StepOptions(QUARTER, limits=limits))
    drawn = [sum(part[of.group == group].sum() for of, part in zip(now[:3], powers[:3], strict=True))
             for group in range(3)]
    assert drawn[0] + drawn[1] + 3000 <= 4000 + 1e-6
    free = disaggregation.disaggregate(all_cars, now, StepOptions(QUARTER))
    third = now.sessions.group == 2
    assert np.allclose(powers.sessions[third], free.sessions[third])


@settings(deadline=None)
@given(st.floats(-20_000, 60_000), st.floats(0, 40_000), st.integers(0, 30))
def test_nothing_that_can_be_held_back_is_told_above_a_limit(most, net, seed):
    now = fleet(seed, groups=2, size=20)
    all_cars = wish(2, 2, 80_000.0, 3000.0)._replace(sessions=np.full(2, np.inf))
    limits = [GroupLimit([0, 1], most, -np.inf, np.array([net]))]
    powers = disaggregation.disaggregate(all_cars, now, StepOptions(QUARTER, limits=limits))
    low, _ = disaggregation.battery_bounds(now.batteries, QUARTER)
    if net + sum(part.sum() for part in powers[:3]) > most + 1e-3:
        assert powers.sessions.max() < 1e-6 and np.allclose(powers.batteries, low)


def test_thermal_loads_give_way_to_a_limit_before_cars_are_left_short():
    now = fleet(groups=1, size=20)
    lots = wish(1, 2, 0.0, 6000.0)
    free = disaggregation.disaggregate(lots, now, StepOptions(QUARTER))
    low, _ = disaggregation.battery_bounds(now.batteries, QUARTER)
    floors, _ = disaggregation.limitrooms.session_limits(now.sessions, QUARTER)
    most = float(low.sum() + floors.sum() + free.thermals.sum()) - 2000.0
    limit = [GroupLimit([0], most, -np.inf, np.array([0.0]))]
    powers = disaggregation.disaggregate(lots, now, StepOptions(QUARTER, limits=limit))
    assert powers.thermals.sum() == pytest.approx(free.thermals.sum() - 2000)
    assert np.allclose(powers.sessions, floors, atol=1e-3)


def test_batteries_make_room_for_cars_under_a_limit():
    now = fleet(groups=1, size=20)
    low, _ = disaggregation.battery_bounds(now.batteries, QUARTER)
    all_cars = wish(1, 2, 0.0)._replace(sessions=np.array([np.inf]))
    free = disaggregation.disaggregate(all_cars, now, StepOptions(QUARTER))
    others = free.sessions.sum() + free.thermals.sum()
    tight = [GroupLimit([0], others + 0.9 * low.sum(), -1e6, np.array([0.0]))]
    powers = disaggregation.disaggregate(
        all_cars._replace(total=1e6), now, StepOptions(QUARTER, limits=tight)
    )
    assert np.isclose(powers.sessions.sum(), free.sessions.sum())
    assert np.isclose(powers.batteries.sum(), 0.9 * low.sum())


def test_loads_that_are_let_go_drift_back_though_tenths_of_a_degree_are_more_than_a_step_s_drift():
    now, at_rest = fleet(groups=1), wish(1, 1, 0.0, 0.0)
    loads = now.thermals._replace(
        kind=np.zeros_like(now.thermals.kind), keep=np.full_like(now.thermals.keep, 0.98)
    )
    loads, stored = loads._replace(state=loads.band), loads.band
    comforts, drawn = [], 0.0
    for _ in range(20):
        options = StepOptions(QUARTER, True, resolutions=(0.05,), stored=stored)
        powers = disaggregation.disaggregate(at_rest, now._replace(thermals=loads), options)
        stored = loads.keep * stored + powers.thermals * QUARTER
        loads = loads._replace(state=powers.intended_wh)
        comforts.append(float(powers.comfort[0, 0]))
        drawn += float(powers.thermals.sum()) * QUARTER
    assert (
        comforts[0] == 1.0
        and comforts[-1] == pytest.approx(0.98**20, abs=0.03)
        and comforts == sorted(comforts, reverse=True)
    )
    assert abs(drawn) < 0.05 * loads.band.sum()


def test_what_loads_can_be_told_is_what_they_do_and_batteries_take_the_difference():
    now, asked = fleet(groups=2), wish(2, 1, 0.0, 0.3)
    now = now._replace(thermals=now.thermals._replace(kind=np.zeros_like(now.thermals.kind)))
    free, reduced = (
        disaggregation.disaggregate(asked, now, StepOptions(QUARTER, True, resolutions=resolutions))
        for resolutions in ((), (0.05,))
    )
    tenths = reduced.comfort / 0.05
    assert np.allclose(tenths, np.round(tenths)) and not np.allclose(free.comfort, reduced.comfort)
    assert np.abs(reduced.comfort - free.comfort).max() <= 0.025 + 1e-9
    total = [part.batteries.sum() + part.sessions.sum() + part.thermals.sum() for part in (free, reduced)]
    assert np.isclose(*total, atol=20)
