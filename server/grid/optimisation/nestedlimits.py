"""Solve for many limits with a small program: clusters are kept apart only below a limit. Pure.

With few limits every cluster is planned as it is. With many, clusters of one kind are merged within each
limited group, and those under no limit are merged across groups. Consumption is positive, in W.
"""
from __future__ import annotations

import math
from dataclasses import replace

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.balanceproblem import BalanceProblem, ClusterSchedule
from server.grid.optimisation.balanceprogram import solve
from server.grid.optimisation.clusters import Clusters, merged, sums

FEW_LIMITS = 12


def solve_nested(problem: BalanceProblem, seconds: float = math.inf) -> ClusterSchedule | None:
    """As `balanceprogram.solve`. Clusters that were planned as one all get the same position between their
    own bounds, in power and in energy."""
    if len(problem.limits) <= FEW_LIMITS:
        return solve(problem, seconds)
    clusters = problem.clusters
    limited = [group for limit in problem.limits for group in limit.groups]
    fewer, label = merged(clusters, np.isin(clusters.group, limited))
    ramp = None if problem.ramp is None else sums(label, problem.ramp, len(fewer))
    schedule = solve(replace(problem, clusters=fewer, ramp=ramp), seconds)
    return schedule and schedule._replace(
        power=_disaggregate(schedule.power, fewer.low, fewer.high, clusters.low, clusters.high, label),
        energy=_disaggregate(schedule.energy, fewer.least, fewer.most, clusters.least, clusters.most, label),
        unmet=_shared(np.array(schedule.unmet), clusters, label))


def _shared(unmet: Floats, clusters: Clusters, label: Whole) -> tuple[float, ...]:
    """The unmet energy of each cluster: of those planned as one, in proportion to what each needs."""
    needed = np.ptp(clusters.least, axis=1) + np.ptp(clusters.most, axis=1)
    total = sums(label, needed, len(unmet))[label]
    part = np.divide(needed, total, out=np.zeros_like(needed), where=total > 0)
    return tuple((unmet[label] * part).tolist())


def _disaggregate(
    values: Floats, low: Floats, high: Floats, own_low: Floats, own_high: Floats, label: Whole
) -> Floats:
    position = np.divide(values - low, high - low, out=np.zeros_like(values), where=high > low)
    return own_low + np.clip(position, 0, 1)[label] * (own_high - own_low)
