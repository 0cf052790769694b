"""The limit on by how much the automatic balance may change the exchange of an area. Consumption is
positive, in W."""
from __future__ import annotations

import math
from dataclasses import replace

from server.grid.balance.netdemand import NetDemand
from server.grid.groups import powerlimits
from server.grid.optimisation.balanceproblem import GroupLimit
from server.models import VirtualDER
from server.units import Watts


def with_limit(demand: NetDemand, area: VirtualDER, groups: int, ordered_w: Watts) -> NetDemand:
    """Return what an area needs, with a limit over its dispatch groups where the automatic balance has one.

    What counts is what members draw beside what they would draw without control, and what is curtailed.
    `ordered_w` is by how much orders of operators change that in the first step, which does not count.
    """
    most_w = powerlimits.of_balance(area)
    if not groups or math.isinf(most_w):
        return demand
    limit = GroupLimit(range(groups), most_w, -most_w, -demand.scheduled_w, generation=1.0,
                       name=f"the automatic balance of {area.name}", ordered=ordered_w)
    return replace(demand, horizon=replace(demand.horizon, limits=[*demand.horizon.limits, limit]))
