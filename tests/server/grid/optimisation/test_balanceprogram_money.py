"""What the objective keeps at the expense of what, and what it costs. Steps of an hour."""
from __future__ import annotations

import numpy as np
import pytest

from server.grid.optimisation import balanceprogram, clusters
from server.grid.optimisation.balanceproblem import BalanceProblem, ClusterSchedule, GroupLimit
from server.grid.optimisation.clusters import Batteries, Clusters, Sessions, Thermals
from server.grid.optimisation.prices import Prices, Tariff

STEPS = 8


def battery(energy: float = 5000, efficiency: float = 0.95, power: float = 5000, steps: int = STEPS,
            kept: float | None = None) -> Clusters:
    """A battery of 10 kWh."""
    values = (energy, 0.0, 10_000.0, power, power, efficiency, 0)
    end = None if kept is None else np.array([kept])
    return clusters.batteries(Batteries(*(np.array([value]) for value in values)), steps, 1, end)[0]


def cars(count: int, need: float, hours: int, power: float = 7000, steps: int = STEPS) -> Clusters:
    values = (0, hours, need, power, 0)
    return clusters.sessions(Sessions(*(np.full(count, value) for value in values)), steps, 1.0, steps)[0]


def heat(steps: int = STEPS, load_up: bool = True) -> Clusters:
    values = (0.0, 2000.0, 0.95, 3000.0, 0, 0, float(load_up), 1.0)
    loads = Thermals(*(np.array([value]) for value in values))
    return clusters.thermals(loads, np.full((1, steps), 1000.0))[0]


def solved(problem: BalanceProblem) -> ClusterSchedule:
    plan = balanceprogram.solve(problem)
    assert plan is not None and plan.status == "optimal"
    return plan


@pytest.mark.parametrize("count, left_short_wh", [(1, 5000), (10, 185_000)])
def test_a_limit_stands_above_the_energy_that_cars_want(count: int, left_short_wh: float) -> None:
    fleet = cars(count, 20_000, 3)
    limit = GroupLimit([0], 5000.0, -np.inf, np.zeros(STEPS))
    net = -np.where(np.arange(STEPS) < 3, 7000.0 * count, 0)  # as if each charged when it came
    plan = solved(BalanceProblem(net, 1.0, fleet, limits=[limit]))
    assert plan.power.sum(axis=0).max() == pytest.approx(5000, abs=1) and plan.exceeded[0] < 1
    assert plan.power[:, :3].sum() == pytest.approx(15_000, abs=3)
    assert plan.unmet == pytest.approx([left_short_wh], abs=3)


def test_a_limit_stands_above_comfort() -> None:
    limit = GroupLimit([0], 500.0, -np.inf, np.full(STEPS, 1000.0))  # the base of the heating is above it
    plan = solved(BalanceProblem(np.zeros(STEPS), 1.0, heat(), limits=[limit]))
    assert plan.exceeded[0] < 1 and plan.power[0] == pytest.approx(-500, abs=1)
    assert plan.unmet[0] == pytest.approx(500 * sum(0.95 ** step for step in range(STEPS)) - 2000, abs=2)


def test_what_is_needed_is_bound_where_limits_can_be_kept() -> None:
    limit = GroupLimit([0], 7000.0, -np.inf, np.zeros(STEPS))
    plan = solved(BalanceProblem(np.zeros(STEPS), 1.0, cars(1, 20_000, 3), limits=[limit]))
    assert plan.unmet == (0.0,) and plan.power.sum() == pytest.approx(20_000)


def test_the_worst_excess_is_priced_as_well_as_the_sum() -> None:
    limit = GroupLimit([0], 1000.0, -np.inf, np.array([3000.0, 9000, 3000, 3000, 0, 0, 0, 0]))
    plan = solved(BalanceProblem(np.zeros(STEPS), 1.0, battery(kept=0.0), limits=[limit]))
    assert plan.exceeded[0] == pytest.approx(9000 - 1000 - 5000, abs=2), "at full power where it is worst"


def test_solar_is_curtailed_for_a_limit_once_the_battery_is_full() -> None:
    solar = np.full(STEPS, 8000.0)
    limit = GroupLimit([0], np.inf, -5000.0, -solar, generation=0.75)
    plan = solved(BalanceProblem(np.zeros(STEPS), 1.0, battery(9050), solar, [limit]))
    assert plan.exceeded[0] < 1 and plan.power[0].sum() == pytest.approx(1000, abs=1)
    assert 0.75 * plan.curtailed + plan.power[0] == pytest.approx(3000, abs=1)


def test_of_equal_plans_a_car_gets_the_one_that_charges_earlier() -> None:
    free = GroupLimit([0], 7000.0, -np.inf, np.zeros(STEPS))
    plan = solved(BalanceProblem(np.zeros(STEPS), 1.0, cars(1, 14_000, STEPS), limits=[free],
                                 prices=Prices(imbalance=0.01, peak=0)))
    assert (np.diff(plan.power[0]) <= 1e-6).all() and plan.power[0, 0] > plan.power[0, -1]


@pytest.mark.parametrize("efficiency", [0.9, 0.95])
def test_no_battery_charges_and_discharges_at_once_to_burn_a_surplus_that_cannot_be_curtailed(
    efficiency: float
) -> None:
    plan = solved(BalanceProblem(np.full(STEPS, -5000.0), 1.0, battery(efficiency=efficiency)))
    assert plan.power.sum() == pytest.approx(5000 / efficiency, abs=2)  # as much as fits
    assert plan.energy[0] == pytest.approx(5000 + efficiency * np.cumsum(plan.power[0]), abs=1)
    assert abs(plan.imbalance).max() == pytest.approx(5000 - 5000 / efficiency / STEPS, abs=2)


def test_one_program_is_solved_where_no_battery_does_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balanceprogram.Model, "solve_without", lambda *_: pytest.fail("solved twice"))
    solved(BalanceProblem(np.array([-4000.0, 4000] * 4), 1.0, battery()))


def test_a_battery_charges_before_solar_is_curtailed() -> None:
    plan = solved(BalanceProblem(np.full(STEPS, -500.0), 1.0, battery(), np.full(STEPS, 2000.0)))
    assert plan.power[0] == pytest.approx(500, abs=1) and plan.curtailed == pytest.approx(0, abs=1)


@pytest.mark.parametrize("energy", [0.0, 2000.0, 5000.0, 9000.0, 10_000.0])
@pytest.mark.parametrize("tariff", [None, Tariff(*(np.full(STEPS, price) for price in (0.3, 0.3, 0.0))),
                                    Tariff(*(np.full(STEPS, price) for price in (0.3, 0.08, 0.0)))])
@pytest.mark.parametrize("tracked", [True, False])
def test_without_imbalance_and_at_a_flat_price_nothing_moves(
    energy: float, tariff: Tariff | None, tracked: bool
) -> None:
    every = clusters.concatenate(heat(), battery(energy, kept=min(energy, 5000)))
    plan = solved(BalanceProblem(np.zeros(STEPS), 1.0, every, np.full(STEPS, 3000.0), tariff=tariff,
                                 tracked=tracked))
    assert plan.power == pytest.approx(0, abs=1e-3) and plan.curtailed == pytest.approx(0, abs=1e-3)


def test_a_surplus_is_for_the_battery_where_loads_can_only_be_told_to_drop() -> None:
    every = clusters.concatenate(*(heat(load_up=False) for _ in range(4)), battery(0.0))
    surplus = np.where(np.arange(STEPS) < 2, -8000.0, 0.0)
    plan = solved(BalanceProblem(surplus, 1.0, every))
    assert (plan.power[:4] <= 1e-6).all() and plan.power[4, :2] == pytest.approx(5000, abs=1)
    assert plan.imbalance[:2] == pytest.approx(-3000, abs=1), "nothing is booked that nobody does"


def priced(every: Clusters, buy: np.ndarray, load: np.ndarray | float = 0.0, hours: float = 1.0,
           sell: np.ndarray | None = None) -> ClusterSchedule:
    """The plan of an area that follows a price alone."""
    net = load + np.zeros(every.steps)
    return solved(BalanceProblem(
        net, hours, every, tariff=Tariff(buy, buy if sell is None else sell, net), tracked=False))


@pytest.mark.parametrize("scale, moved_wh", [(1.0, 4750), (0.1, 4750), (0.005, 0)])
def test_a_spike_counts_for_what_it_is(scale: float, moved_wh: float) -> None:
    """3.00 beside 0.30 pays, a tenth of it too; 0.015 does not pay the wear of giving."""
    price = scale * np.where(np.arange(STEPS) == 5, 3.00, 0.30)
    plan = priced(battery(power=4750), price)
    assert np.maximum(-plan.power[0], 0).sum() == pytest.approx(moved_wh, abs=2)
    assert plan.power[0, 5] == pytest.approx(-moved_wh, abs=2)


@pytest.mark.parametrize("spread, moves", [(1.01, False), (1.2, False), (1.4, True)])
def test_a_battery_moves_only_what_pays_for_loss_and_wear(spread: float, moves: bool) -> None:
    """At 0.20, a round trip of 0.9 costs 0.022, and its wear 0.04."""
    plan = priced(battery(), 0.20 * np.where(np.arange(STEPS) < 4, 1.0, spread))
    assert (np.abs(plan.power[0]).max() > 1) == moves


def test_fifty_cars_share_the_cheap_hours_and_do_not_zigzag() -> None:
    quarters, numbers = 64, np.random.default_rng(1)
    needs = numbers.uniform(8000, 20_000, 50)
    fleet = Sessions(numbers.integers(0, 12, 50), numbers.integers(52, 64, 50), needs, np.full(50, 7000.0),
                     np.zeros(50, dtype=int))
    every = clusters.sessions(fleet, quarters, 0.25)[0]
    cheap = (np.arange(quarters) >= 22) & (np.arange(quarters) < 50)
    together = priced(every, np.where(cheap, 0.10, 0.30), hours=0.25).power.sum(axis=0)
    assert together.max() < 1.25 * needs.sum() / 7, "all could draw 350 kW at once"
    assert together[~cheap].max() < 1
    flat = priced(every, np.full(quarters, 0.30), hours=0.25).power.sum(axis=0)
    assert (np.diff(flat[12:]) <= 1e-3).all(), "from when all are there they only ever draw less"


def test_what_is_fed_in_for_little_is_stored_for_the_evening() -> None:
    net = np.where(np.arange(STEPS) < 4, -2000.0, 2000.0)
    buy, low = np.full(STEPS, 0.30), np.full(STEPS, 0.05)
    assert np.abs(priced(battery(0.0), buy, net).power).max() < 1, "fed in for the price of drawing"
    plan = priced(battery(0.0), buy, net, sell=low)
    assert plan.power[0, :4] == pytest.approx(2000, abs=1)
    assert plan.power[0, 4:].sum() == pytest.approx(-8000 * 0.95 ** 2, abs=2)


def test_an_hour_below_zero_burns_nothing() -> None:
    plan = priced(battery(), np.where(np.arange(STEPS) == 2, -0.50, 0.20))
    taken, given = np.maximum(plan.power[0], 0), np.maximum(-plan.power[0], 0)
    assert plan.energy[0] == pytest.approx(5000 + np.cumsum(0.95 * taken - given / 0.95), abs=1)
    assert plan.power[0, 2] == pytest.approx(5000, abs=1)


def test_solar_goes_on_at_the_least_positive_price() -> None:
    """Sharing among steps is for what they draw: it is no reason to curtail."""
    solar, price = np.full(STEPS, 8000.0), np.full(STEPS, 0.001)
    tariff = Tariff(price, price, -solar)
    plan = solved(BalanceProblem(-solar, 1.0, battery(10_000.0), solar, tariff=tariff, tracked=False))
    assert plan.curtailed == pytest.approx(0, abs=1e-3)
