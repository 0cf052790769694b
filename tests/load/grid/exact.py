"""The day as one linear program with every device in it: the best result with perfect foresight."""
from __future__ import annotations

import numpy as np

from server.grid.optimisation import clusters
from server.grid.optimisation.balanceproblem import BalanceProblem, ClusterSchedule
from server.grid.optimisation.balanceprogram import solve
from tests.load.grid.day import Truth, beginning
from tests.load.grid.fleet import DAY, HOURS


def best(truth: Truth, seconds: float = 300) -> ClusterSchedule | None:
    """Return the plan in which every device is a cluster of its own."""
    now = beginning(truth)
    single = [now.batteries._replace(group=np.arange(len(now.batteries.energy))),
             now.sessions._replace(group=np.arange(len(now.sessions.need))),
             now.thermals._replace(group=np.arange(len(now.thermals.state)))]
    all_clusters = clusters.concatenate(
        clusters.batteries(single[0], DAY, 1)[0],
        clusters.sessions(single[1], DAY, HOURS, DAY + 1)[0],
        clusters.thermals(single[2], truth.pumps)[0],
    )
    net = truth.net.sum(axis=0) - truth.supply
    return solve(
        BalanceProblem(net, HOURS, all_clusters, truth.pv.sum(axis=0)),
        seconds,
        "ipm",
    )
