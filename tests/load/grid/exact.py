"""The day as one program with every device in it: the best result with perfect foresight."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from server.grid.optimisation import balanceprogram, clusters
from server.grid.optimisation.balanceproblem import BalanceProblem, ClusterSchedule
from server.grid.optimisation.clusters import BATTERY, Clusters
from server.grid.optimisation.linearprogram import Model
from server.grid.optimisation.prices import Tariff
from tests.load.grid.day import Truth, beginning
from tests.load.grid.fleet import DAY, HOURS


class Best(NamedTuple):
    """A schedule, and by which fraction its cost may be above the least (`gap`)."""
    schedule: ClusterSchedule
    gap: float


def devices(truth: Truth) -> Clusters:
    """Return every device as a cluster of its own."""
    now = beginning(truth)
    single = [now.batteries._replace(group=np.arange(len(now.batteries.energy))),
              now.sessions._replace(group=np.arange(len(now.sessions.need))),
              now.thermals._replace(group=np.arange(len(now.thermals.state)))]
    return clusters.concatenate(
        clusters.batteries(single[0], DAY, 1)[0],
        clusters.sessions(single[1], DAY, HOURS, DAY + 1)[0],
        clusters.thermals(single[2], truth.pumps)[0],
    )


def problem(truth: Truth, tariff: Tariff | None = None, controllable: bool = True) -> BalanceProblem:
    """Return the problem of the whole day. With a `tariff` it is the bill; `controllable` says whether
    generation can be curtailed."""
    exchange = truth.net.sum(axis=0)
    generation = truth.pv.sum(axis=0) if controllable else 0.0
    return BalanceProblem(
        exchange - truth.supply if tariff is None else exchange, HOURS, devices(truth), generation,
        tariff=tariff, tracked=tariff is None)


def best(truth: Truth, seconds: float = 300) -> ClusterSchedule | None:
    """Return the plan in which every device is a cluster of its own."""
    return balanceprogram.solve(problem(truth), seconds, "ipm")


def linear_bound(asked: BalanceProblem, seconds: float = 300) -> ClusterSchedule:
    """Return the schedule of the linear program, in which batteries may charge and discharge at once."""
    model = Model()
    columns = balanceprogram.ProgramColumns(model, asked, False)
    return columns.schedule(model.solve(seconds, method="ipm"))


def integer(asked: BalanceProblem, seconds: float) -> Best | None:
    """Return the best schedule that is found within so many seconds where every battery either charges or
    discharges in a step, one whole number for each."""
    model = Model()
    columns = balanceprogram.ProgramColumns(model, asked, False)
    batteries = np.flatnonzero(asked.clusters.kind == BATTERY)
    take, give = columns.take[batteries], columns.give[np.isin(columns.split, batteries)]
    charges = model.columns(take.shape, 0, 1, whole=True)
    high = asked.clusters.high[batteries] / columns.unit
    low = -asked.clusters.low[batteries] / columns.unit
    taken = model.rows(take.shape, -np.inf, 0)
    model.term(taken, take)
    model.term(taken, charges, -high)
    given = model.rows(give.shape, -np.inf, low)
    model.term(given, give)
    model.term(given, charges, low)
    solution = model.solve(seconds)
    return None if solution.values is None else Best(columns.schedule(solution), solution.gap)
