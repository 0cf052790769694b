from dataclasses import replace

import numpy as np
import pytest

from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals
from server.grid.optimisation.disaggregation import Fleet
from server.grid.optimisation.prices import Tariff
from server.grid.optimisation.rollinghorizon import HorizonForecast, Planner, PlannerOptions
from tests.server.grid.optimisation.nextstep import after_step

STEPS, QUARTER = 32, 0.25


def whole(*values):
    return np.array(values, dtype=int)


NO_CARS = Sessions(whole(), whole(), np.zeros(0), np.zeros(0), whole())


def beginning() -> Fleet:
    return Fleet(
        Batteries(
            np.full(3, 5000.0),
            np.full(3, 1000.0),
            np.full(3, 10_000.0),
            np.full(3, 4000.0),
            np.full(3, 4000.0),
            np.full(3, 0.95),
            whole(0, 0, 0),
        ),
        Sessions(
            whole(0, 0), whole(20, 30), np.array([6000.0, 9000.0]), np.array([3700.0, 11_000.0]), whole(0, 0)
        ),
        Thermals(
            np.zeros(2), np.full(2, 2000.0), np.full(2, 0.98), np.full(2, 3000.0), whole(0, 0), whole(0, 0),
            np.ones(2), np.ones(2)
        ),
        np.full(2, 800.0),
    )


NET = np.where(np.arange(STEPS) < 16, -6000.0, 4000.0)


def lived(planner, error=0.0, broken_from=STEPS):
    """The imbalance of a day in which all but `error`, which shows at once, was foreseen."""
    now, left = beginning(), []
    for step in range(STEPS):
        outlook = HorizonForecast(
            np.concatenate((NET[step : step + 1] + error, NET[step + 1 :])),
            np.full((1, STEPS - step), 1600.0),
            np.zeros(STEPS - step),
            NO_CARS,
        )
        if step == broken_from:
            planner.settings = PlannerOptions(every=planner.settings.every, seconds=0.0)
        powers = planner.step(now, outlook)
        left.append(NET[step] + error + sum(part.sum() for part in powers[:3]))
        now = after_step(now, powers, QUARTER)
    return np.array(left), now


def test_a_day_foreseen_is_nearly_balanced_and_ends_as_it_was_asked_to():
    left, now = lived(Planner(PlannerOptions()))
    assert np.sqrt((left ** 2).mean()) < 0.2 * np.sqrt((NET ** 2).mean())
    assert np.allclose(now.sessions.need, 0, atol=1e-6) and (now.batteries.energy >= 4900).all()


def test_an_error_that_is_measured_is_absorbed_at_once():
    (without, _), (left, _) = lived(Planner(PlannerOptions())), lived(Planner(PlannerOptions()), error=700.0)
    assert abs(left - without)[1:8].max() < 100


def test_where_the_solver_has_no_time_the_last_plan_stands_and_it_is_said():
    planner = Planner(PlannerOptions())
    left, now = lived(planner, broken_from=4)
    assert planner.stale == STEPS - 4 and planner.plan is not None
    assert np.sqrt((left ** 2).mean()) < 0.4 * np.sqrt((NET ** 2).mean())
    assert np.allclose(now.sessions.need, 0, atol=1e-6)


def test_without_any_plan_cars_are_charged_and_nothing_is_broken():
    planner = Planner(PlannerOptions(seconds=0.0))
    _, now = lived(planner)
    assert planner.plan is None and planner.stale == STEPS
    assert np.allclose(now.sessions.need, 0, atol=1e-6) and (now.batteries.energy >= 1000 - 1e-6).all()


def test_a_reserve_is_kept_for_what_comes():
    low = np.full(STEPS, 9000.0)  # so much is lacking all day that batteries would be emptied
    outlook = HorizonForecast(low, np.full((1, STEPS), 1600.0), np.zeros(STEPS), NO_CARS)
    ends = []
    for reserve in (0.0, 0.1):
        planner = Planner(PlannerOptions(reserve=reserve))
        planner.step(beginning(), outlook)
        ends.append(planner.plan.energy[planner.labels.kind == 0].sum(axis=0)[-1])
    assert np.allclose(ends, [3000, 3000 + 0.1 * 27_000], atol=1)


def test_a_limit_is_held_through_the_day():
    planner, now = Planner(PlannerOptions()), beginning()
    for step in range(STEPS):
        net = NET[step:]
        limits = [GroupLimit([0], 5000.0, -5000.0, net)]
        powers = planner.step(
            now,
            HorizonForecast(net, np.full((1, STEPS - step), 1600.0), np.zeros(STEPS - step), NO_CARS, limits),
        )
        assert abs(net[0] + sum(part.sum() for part in powers[:3])) <= 5000 + 1e-6
        now = after_step(now, powers, QUARTER)


def test_where_the_plan_exceeds_a_limit_the_step_does_not_fight_it():
    """5 kW are allowed and 6.1 drawn; the batteries have little: the plan spreads it, and so do the steps."""
    now = beginning()
    now = now._replace(
        batteries=now.batteries._replace(energy=np.full(3, 1500.0)),
        sessions=NO_CARS,
    )
    planner, drawn_w = Planner(PlannerOptions(every=STEPS)), []
    for step in range(8):
        net = np.full(STEPS - step, 6100.0)
        outlook = HorizonForecast(net - 6100, np.zeros((1, STEPS - step)), np.zeros(STEPS - step), NO_CARS,
                                  [GroupLimit([0], 5000.0, -np.inf, net)])
        powers = planner.step(now, outlook)
        drawn_w.append(6100 + sum(part.sum() for part in powers[:3]))
        now = after_step(now, powers, QUARTER)
    assert planner.excess and max(drawn_w) <= 5000 + planner.excess[" 0"].max() + 1
    assert max(drawn_w) < 6050 and np.ptp(drawn_w) < 400


def charging(count, need=10_000.0, depart=16):
    """So many cars of 7 kW."""
    return Sessions(np.zeros(count, int), np.full(count, depart), np.full(count, need),
                    np.full(count, 7000.0), np.zeros(count, int))


@pytest.mark.parametrize("limit_w, fixed, renewed", [
    (9000.0, False, True), (90_000.0, False, False), (None, False, False), (9000.0, True, False)])
def test_under_a_tight_limit_each_step_has_a_plan_of_its_own(limit_w, fixed, renewed):
    """A car that nobody expected is planned for at once."""
    planner = Planner(PlannerOptions(every=STEPS))
    start = beginning()
    start = start._replace(batteries=start.batteries.only(slice(0)), thermals=start.thermals.only(slice(0)),
                           base=np.zeros(0))

    def step(sessions, number):
        net = np.zeros(STEPS - number)
        limits = [] if limit_w is None else [GroupLimit([0], limit_w, -np.inf, net)]
        outlook = HorizonForecast(net, np.zeros((0, len(net))), net, NO_CARS, limits)
        return planner.step(start._replace(sessions=sessions), outlook).sessions

    first = step(charging(1), 0)
    planner.settings = replace(planner.settings, fixed=fixed)
    both = charging(2)._replace(need=np.array([10_000 - first[0] * QUARTER, 10_000.0]),
                                depart=np.array([15, 11]))
    drawn = step(both, 1)
    assert planner.age == (0 if renewed else 1)
    assert limit_w is None or drawn.sum() <= limit_w + 1e-6


def test_no_ramp_keeps_cars_from_the_room_of_a_tight_limit():
    """Of two that leave apart the second begins at full power when the first is full."""
    planner = Planner(PlannerOptions(ramp=0.25, window=1))
    cars = charging(2, need=6000.0)._replace(depart=np.array([4, 8]))
    none = beginning()
    none = none._replace(batteries=none.batteries.only(slice(0)), thermals=none.thermals.only(slice(0)),
                         base=np.zeros(0), sessions=cars)
    zero, price = np.zeros(8), np.full(8, 0.3)
    planner.step(none, HorizonForecast(
        zero, np.zeros((0, 8)), zero, NO_CARS, [GroupLimit([0], 7000.0, -np.inf, zero)],
        Tariff(price, price, zero), tracked=False))
    assert np.allclose(planner.plan.power.sum(axis=0)[:6], 7000, atol=1)
