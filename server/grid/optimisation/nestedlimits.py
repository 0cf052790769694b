"""A plan under many limits, in a program that stays small: only who is below a limit is planned for apart.
Pure.

With few limits every cluster is planned for as it is. With many, those of a kind are one below each limited
group, and those under no limit are one whatever their group. Consumption is positive, in W.
"""
from __future__ import annotations

from dataclasses import replace

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.balanceprogram import BalanceProblem, ClusterSchedule, solve
from server.grid.optimisation.clusters import merged, sums

FEW_LIMITS = 12


def solve_nested(problem: BalanceProblem, seconds: float = np.inf) -> ClusterSchedule | None:
    """As `program.solve`. Where clusters were planned as one, each has the place between its own bounds that
    all have together, and its part of the energy."""
    if len(problem.limits) <= FEW_LIMITS:
        return solve(problem, seconds)
    clusters = problem.clusters
    limited = [group for limit in problem.limits for group in limit.groups]
    fewer, label = merged(clusters, np.isin(clusters.group, limited))
    ramp = None if problem.ramp is None else sums(label, problem.ramp, len(fewer))
    found = solve(replace(problem, clusters=fewer, ramp=ramp), seconds)
    return found and found._replace(
        power=_disaggregate(found.power, fewer.low, fewer.high, clusters.low, clusters.high, label),
        energy=_disaggregate(found.energy, fewer.least, fewer.most, clusters.least, clusters.most, label))


def _disaggregate(
    values: Floats, low: Floats, high: Floats, own_low: Floats, own_high: Floats, label: Whole
) -> Floats:
    place = np.divide(values - low, high - low, out=np.zeros_like(values), where=high > low)
    return own_low + np.clip(place, 0, 1)[label] * (own_high - own_low)
