"""What a plan, or a step of it, cannot do, by how much and why: in words for people."""
from __future__ import annotations

from collections import Counter

from server.grid.balance.netdemand import NetDemand
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import np
from server.grid.optimisation.balanceprogram import ClusterSchedule
from server.grid.series.intervals import Span, iso

MIN_FRACTION = 0.05  # of the greatest imbalance: less is not spoken of


def exclusion_warnings(seen: FleetState) -> list[str]:
    """Who takes no part in a step, and why."""
    able = sum(map(len, (seen.storage.device, seen.ev.device, seen.thermal.device, seen.pv.device)))
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(Counter(seen.excluded.values()).items()))
    if not able:
        return [
            f"{seen.columns.area.name} has no member that could be dispatched now"
            + (f": {why}" if why else "")
        ]
    return [f"{len(seen.excluded)} members are left out: {why}"] if why else []


def plan_warnings(plan: ClusterSchedule, seen: FleetState, found: NetDemand, span: Span) -> list[str]:
    """What a plan cannot do: the imbalance that is left, and limits that are exceeded."""
    left, before = plan.imbalance, found.before
    said = []
    worst = int(np.abs(left).argmax()) if len(left) else 0
    if (
        len(left)
        and found.lead != "price"
        and abs(left[worst]) > MIN_FRACTION * np.abs(before).max(initial=1.0)
    ):
        missing = "generation or discharge" if left[worst] > 0 else "load or charging"
        said.append(
            f"{abs(left[worst]):.0f} W of the imbalance of {before[worst]:.0f} W at "
            f"{iso(span.start + worst * span.step)} remain: "
            f"members have no more {missing} to give then, or need it at another time ({len(seen.excluded)} "
            "are "
            "left out)"
        )
    for limit, over in zip(found.outlook.limits, plan.exceeded, strict=False):
        if over > 1:
            names = ", ".join(seen.dispatch_groups[group].name for group in limit.groups)
            said.append(
                f"the limit over {names} is exceeded by {over:.0f} W at worst: less cannot be drawn, or "
                "injected, there"
            )
    return said


def step_warnings(missed: float, found: NetDemand, span: Span) -> list[str]:
    """What of a step is out of reach: `missed` W that should be drawn (+) or saved."""
    if abs(missed) <= MIN_FRACTION * max(float(np.abs(found.before).max(initial=0.0)), 1.0):
        return []
    return [
        f"{abs(missed):.0f} W of what the step at {iso(span.start)} should "
        f"{'draw' if missed > 0 else 'save or inject'} are beyond "
        "what members can do"
    ]
