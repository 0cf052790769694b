"""What the balance program is given and what it yields: the problem, its limits, the schedule. Pure.

Consumption is positive, in W; energy in Wh; prices are money per kWh.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import BATTERY, Clusters
from server.grid.optimisation.prices import Prices, Tariff


@dataclass(frozen=True)
class GroupLimit:
    """A virtual DER that may not draw more than `most` nor less than `least`, [T] in W or one number;
    injection is negative. `groups` are the dispatch groups below it, `net` [T] their load less generation
    without control, `generation` the part of all generation that can be curtailed which is theirs (0 to 1),
    `name` is for messages.

    `excess` (+ above `most`, - below `least`) is what a plan exceeds the limit by in a step, where it cannot
    be kept: batteries and thermal loads keep to that, so as not to fight the plan; cars keep to the limit.
    `margin` is by how many W `most` and `least` are narrower than the limit itself. `ordered` is what of that
    which committed members draw in the next step does not count.
    """
    groups: Sequence[int]
    most: Floats | float
    least: Floats | float
    net: Floats
    generation: float = 0.0
    name: str = ""
    excess: float = 0.0
    margin: float = 0.0
    ordered: float = 0.0

    @property
    def key(self) -> str:
        """What tells the limit from others of its area."""
        return f"{self.name} {','.join(map(str, self.groups))}"

    def drawn(self, schedule: ClusterSchedule, group: Whole) -> Floats:
        """[T]: what a schedule draws below the limit, in W; `group` [k] has the group of each cluster."""
        members = np.isin(group, list(self.groups))
        drawn = self.net + schedule.power[members].sum(axis=0) + self.generation * schedule.curtailed
        return np.asarray(drawn, dtype=float)

    @property
    def step_most(self) -> float:
        """The most in the first step, in W, with what the plan exceeds it by."""
        return float(np.ravel(self.most)[0]) + max(self.excess, 0.0)

    @property
    def step_least(self) -> float:
        """The least in the first step, in W, with what the plan exceeds it by."""
        return float(np.ravel(self.least)[0]) + min(self.excess, 0.0)

    @property
    def step_net(self) -> float:
        """The net load in the first step, in W."""
        return float(np.ravel(self.net)[0])


@dataclass(frozen=True)
class BalanceProblem:
    """What is planned for: `net` demand [T] in W, the clusters, generation that can be curtailed [T], limits.

    `ramp` [k] is by how many W each cluster may change from step to step; infinite where it is not bounded.
    `tariff` is None where no price is known. Where the area is not `tracked`, `net` is its exchange without
    control, and follows the tariff alone.
    """
    net: Floats
    hours: float
    clusters: Clusters
    generation: Floats | float = 0.0
    limits: Sequence[GroupLimit] = ()
    prices: Prices = field(default_factory=Prices)
    ramp: Floats | None = None
    tariff: Tariff | None = None
    tracked: bool = True

    @cached_property
    def reference_w(self) -> float:
        """The power up to which the cost of the imbalance is a square, and the unit of the program: the
        greatest imbalance without control; of an area that follows a price, the greatest exchange that it
        could have."""
        reach_w = np.maximum(self.clusters.high, 0).sum(axis=0)
        greatest_w = float(np.abs(self.net).max(initial=0.0))
        if not self.tracked or not greatest_w:
            greatest_w = float((np.abs(self.net) + reach_w).max(initial=0.0))
        return max(greatest_w, 1.0)


class ClusterSchedule(NamedTuple):
    """The `power` [k, T] of the clusters in W, their `energy` [k, T] after each step in Wh, generation
    `curtailed` [T] and the remaining `imbalance` [T] in W. `exceeded` is the most by which each limit is
    exceeded, in W; `status` is the solver's. `unmet` is the energy, in Wh, by which each cluster [k] falls
    short of what its cars need, or of its comfort band, at worst."""
    power: Floats
    energy: Floats
    curtailed: Floats
    imbalance: Floats
    exceeded: tuple[float, ...]
    status: str
    unmet: tuple[float, ...] = ()


class Worth(NamedTuple):
    """What a stored Wh is worth at the end of the horizon, by cluster [k], per kWh: of the energy up to the
    cluster's `end` (`kept`), of what it held beyond that at the beginning (`held`), of what is added
    (`added`). None is worth more than the one before."""
    kept: Floats
    held: Floats
    added: Floats


def worth(problem: BalanceProblem) -> Worth:
    """What stored energy is worth after the horizon, if what comes is like the horizon itself.

    It saves energy at the mean price; what is kept for imbalance to come also saves the mean price of the
    deficits. What is added is worth the lowest price at which it could be sold, after loss and wear: nothing
    is stored, and no imbalance made, for its sake. Without imbalance and at a flat price nothing moves.
    """
    clusters, prices = problem.clusters, problem.prices
    energy = lowest = deficits = 0.0
    if problem.tariff is not None:
        energy = max(float(problem.tariff.buy.mean()), 0.0)
        lowest = max(float(problem.tariff.sell.min()), 0.0)
    if problem.tracked:
        deficits = 2 * prices.imbalance * float(np.maximum(problem.net, 0).mean()) / problem.reference_w
    stores = clusters.kind == BATTERY
    return Worth(
        clusters.efficiency * (energy + deficits),
        clusters.efficiency * energy,
        np.where(stores, np.maximum(clusters.efficiency * lowest - prices.wear, 0.0), 0.0),
    )
