"""The day as one linear program with every device in it: what nobody can do better, knowing the day."""
from __future__ import annotations

import numpy as np

from server.grid.optimisation import clusters
from server.grid.optimisation.balanceprogram import BalanceProblem, ClusterSchedule, CostWeights, solve
from tests.load.grid.day import Truth, beginning
from tests.load.grid.fleet import DAY, HOURS


def best(truth: Truth, prices: CostWeights | None = None, seconds: float = 300) -> ClusterSchedule | None:
    """The plan in which every device is a cluster of its own."""
    now = beginning(truth)
    alone = [now.batteries._replace(group=np.arange(len(now.batteries.energy))),
             now.sessions._replace(group=np.arange(len(now.sessions.need))),
             now.thermals._replace(group=np.arange(len(now.thermals.state)))]
    every = clusters.concatenate(
        clusters.batteries(alone[0], DAY, 1)[0],
        clusters.sessions(alone[1], DAY, HOURS, DAY + 1)[0],
        clusters.thermals(alone[2], truth.pumps)[0],
    )
    net = truth.net.sum(axis=0) - truth.supply
    return solve(
        BalanceProblem(net, HOURS, every, truth.sun.sum(axis=0), prices=prices or CostWeights()),
        seconds,
        "ipm",
    )
