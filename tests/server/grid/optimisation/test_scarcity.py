"""The part of the room below limits that cars need, and what a plan does for it."""
from __future__ import annotations

import numpy as np
import pytest

from server.grid.optimisation import balanceprogram, clusters, scarcity
from server.grid.optimisation.balanceproblem import BalanceProblem, GroupLimit
from server.grid.optimisation.clusters import Clusters, Sessions
from server.grid.optimisation.prices import Prices, Tariff

STEPS = 8  # of an hour


def cars(*needs_wh: float, depart: int = STEPS, groups: tuple[int, ...] | None = None) -> Clusters:
    size = len(needs_wh)
    return clusters.sessions(
        Sessions(np.zeros(size, int), np.full(size, depart), np.array(needs_wh), np.full(size, 7000.0),
                 np.zeros(size, int) if groups is None else np.array(groups)), STEPS, 1.0, STEPS)[0]


def limit(most_w: float, groups: tuple[int, ...] = (0,), net_w: float = 0.0) -> GroupLimit:
    return GroupLimit(groups, most_w, -np.inf, np.full(STEPS, net_w))


@pytest.mark.parametrize("fleet, limits, part", [
    (cars(14_000), [limit(7000)], [14 / 56]),
    (cars(14_000, depart=4), [limit(7000)], [14 / 28]),
    (cars(14_000, 14_000), [limit(9000, net_w=2000)], [28 / 56]),
    (cars(28_000, depart=4), [limit(5000)], [1.0]),  # more than there is
    (cars(14_000), [limit(0.0)], [1.0]),
    (cars(14_000), [limit(np.inf)], [0.0]),
    (cars(14_000), [], [0.0]),
    (cars(14_000, 7000, groups=(0, 1)), [limit(7000), limit(10_500, (0, 1))], [14 / 56, 21 / 84]),
    (cars(14_000, 7000, groups=(0, 1)), [limit(7000)], [14 / 56, 0.0]),
])
def test_the_part_is_that_of_the_tightest_limit_until_the_tightest_step(
    fleet: Clusters, limits: list[GroupLimit], part: list[float]
) -> None:
    assert scarcity.needed_part(fleet, limits, 1.0) == pytest.approx(part)


@pytest.mark.parametrize("most_w, waits", [(7000.0, False), (700_000.0, True)])
def test_cars_wait_for_a_lower_price_only_where_there_is_room_for_others(most_w: float, waits: bool) -> None:
    price, zero = np.where(np.arange(STEPS) < 4, 0.35, 0.15), np.zeros(STEPS)
    plan = balanceprogram.solve(BalanceProblem(
        zero, 1.0, cars(21_000), limits=[limit(most_w)], tariff=Tariff(price, price, zero), tracked=False))
    assert plan is not None
    late_wh = plan.power[0, 4:].sum()
    assert late_wh == pytest.approx(21_000 if waits else 0, abs=1)


def test_at_a_flat_price_cars_fill_a_tight_limit_and_share_the_steps_of_a_loose_one() -> None:
    price, zero = np.full(STEPS, 0.30), np.zeros(STEPS)
    for most_w, first_w in ((7000.0, 7000), (700_000.0, 21_000 / STEPS)):
        plan = balanceprogram.solve(BalanceProblem(
            zero, 1.0, cars(21_000), limits=[limit(most_w)], tariff=Tariff(price, price, zero),
            tracked=False, prices=Prices(lateness=0.0)))
        assert plan is not None and plan.power[0, 0] == pytest.approx(first_w, rel=0.2)
