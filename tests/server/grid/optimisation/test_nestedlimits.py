"""Many limits are planned for with few clusters, and kept as with all of them."""
from __future__ import annotations

import numpy as np
import pytest

from server.grid.optimisation import clusters, nestedlimits
from server.grid.optimisation.balanceproblem import BalanceProblem, GroupLimit
from server.grid.optimisation.balanceprogram import solve
from server.grid.optimisation.clusters import Batteries
from server.grid.optimisation.nestedlimits import FEW_LIMITS, solve_nested

GROUPS, STEPS, HOURS = 16, 4, 0.25


def problem(limits: int) -> BalanceProblem:
    """Sixteen groups with three batteries each; so many of the groups may draw 1 kW at most."""
    size = 3 * GROUPS
    group = np.repeat(np.arange(GROUPS), 3)
    fleet = Batteries(
        np.full(size, 2000.0), np.zeros(size), np.full(size, 4000.0), np.full(size, 1000.0),
        np.full(size, 1000.0), np.full(size, 0.95), group)
    net = np.array([-30_000.0, -20_000.0, 25_000.0, 25_000.0])
    return BalanceProblem(
        net, HOURS, clusters.batteries(fleet, STEPS)[0],
        limits=[GroupLimit((number,), 1000.0, -3000.0, np.zeros(STEPS)) for number in range(limits)])


def drawn(plan: BalanceProblem, power: np.ndarray, group: int) -> np.ndarray:
    return power[plan.clusters.group == group].sum(axis=0)


def test_few_limits_are_planned_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nestedlimits, "merged", lambda *arguments: pytest.fail("nothing is merged"))
    assert solve_nested(problem(FEW_LIMITS)) is not None


def test_many_limits_are_kept_and_the_balance_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    many = problem(FEW_LIMITS + 1)
    sizes: list[int] = []

    def count(smaller: BalanceProblem, seconds: float = np.inf) -> object:
        sizes.append(len(smaller.clusters))
        return solve(smaller, seconds)
    monkeypatch.setattr(nestedlimits, "solve", count)
    nested, exact = solve_nested(many), solve(many)
    assert nested is not None and exact is not None and sizes[0] < len(many.clusters)
    assert nested.power.shape == exact.power.shape and nested.energy.shape == exact.energy.shape
    for group in range(FEW_LIMITS + 1):
        assert (drawn(many, nested.power, group) <= 1000 + 1e-6).all()
    assert np.abs(nested.imbalance).sum() == pytest.approx(np.abs(exact.imbalance).sum(), rel=1e-6)
    assert nested.imbalance == pytest.approx(many.net + nested.power.sum(axis=0) + nested.curtailed, abs=1e-6)
