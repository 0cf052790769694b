"""The unit of the balance program, and what stored energy is worth at its end."""
from __future__ import annotations

import numpy as np
import pytest

from server.grid.optimisation import clusters
from server.grid.optimisation.balanceproblem import BalanceProblem, worth
from server.grid.optimisation.clusters import Batteries
from server.grid.optimisation.prices import Prices, Tariff

ONE = np.array([1.0])
BATTERY = clusters.batteries(
    Batteries(5000 * ONE, 0 * ONE, 10_000 * ONE, 4000 * ONE, 4000 * ONE, 0.9 * ONE, np.array([0])), 4, 1)[0]


def flat(buy: float, sell: float) -> Tariff:
    return Tariff(np.full(4, buy), np.full(4, sell), np.zeros(4))


@pytest.mark.parametrize("net, tracked, reference_w", [
    ([100.0, -3000.0, 0.0, 0.0], True, 3000.0),
    ([0.0] * 4, True, 4000.0),
    ([100.0, -3000.0, 0.0, 0.0], False, 7000.0),  # what the area could exchange
])
def test_the_reference_is_the_greatest_imbalance_or_exchange(
    net: list[float], tracked: bool, reference_w: float
) -> None:
    assert BalanceProblem(np.array(net), 1.0, BATTERY, tracked=tracked).reference_w == reference_w


@pytest.mark.parametrize("net, tariff, tracked, kept, held, added", [
    ([0.0] * 4, None, True, 0, 0, 0),
    ([-2000.0] * 4, None, True, 0, 0, 0),
    ([2000.0, 0.0, 0.0, 0.0], None, True, 0.9 * 2 * 5 / 4, 0, 0),
    ([0.0] * 4, flat(0.3, 0.3), False, 0.27, 0.27, 0.25),
    ([0.0] * 4, flat(0.3, 0.0), False, 0.27, 0.27, 0),
    ([0.0] * 4, flat(-0.3, -0.3), False, 0, 0, 0),
])
def test_stored_energy_is_worth_what_it_saves(
    net: list[float], tariff: Tariff | None, tracked: bool, kept: float, held: float, added: float
) -> None:
    values = worth(BalanceProblem(np.array(net), 1.0, BATTERY, tariff=tariff, tracked=tracked))
    assert [part[0] for part in values] == pytest.approx([kept, held, added])
    assert values.kept >= values.held >= values.added, "else a plan would be unbounded, or fill in no order"
    assert Prices().imbalance == 5 and Prices().wear == 0.02
