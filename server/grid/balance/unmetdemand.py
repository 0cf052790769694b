"""Warnings about what a plan, or a step of it, cannot do: by how much, and why."""
from __future__ import annotations

from collections import Counter

from server.grid.balance.netdemand import PRICE, NetDemand
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import ClusterSchedule
from server.grid.series.intervals import Span, iso

MIN_FRACTION = 0.05  # of the greatest imbalance: less is not worth a warning


def exclusion_warnings(state: FleetState) -> list[str]:
    """Return which members take no part in a step, and why."""
    available = sum(map(len, (state.storage.device, state.ev.device, state.thermal.device, state.pv.device)))
    counts = sorted(Counter(state.excluded.values()).items())
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
    if not available:
        warning = f"{state.columns.area.name} has no member that could be dispatched now"
        return [f"{warning}: {reasons}" if reasons else warning]
    return [f"{len(state.excluded)} members are left out: {reasons}"] if reasons else []


def plan_warnings(plan: ClusterSchedule, state: FleetState, demand: NetDemand, span: Span) -> list[str]:
    """Return what a plan cannot do: the imbalance that remains, and limits that are exceeded."""
    warnings = [] if demand.governing == PRICE else _unmet(plan.imbalance, demand.imbalance_w, state, span)
    for limit, excess_w in zip(demand.horizon.limits, plan.exceeded, strict=False):
        if excess_w > 1:
            warnings.append(
                f"the limit of {limit.name} is exceeded by up to {excess_w:.0f} W: what is not controlled "
                "draws or injects too much"
            )
    return warnings


def _unmet(remaining_w: Floats, imbalance_w: Floats, state: FleetState, span: Span) -> list[str]:
    """Return a warning of the step [T] where most of an imbalance remains, if that is much.

    What the plan itself adds, such as charging for later, is not a part of the imbalance that remains.
    """
    unmet_w = np.clip(remaining_w * np.sign(imbalance_w), 0, np.abs(imbalance_w))
    if unmet_w.max(initial=0) <= MIN_FRACTION * np.abs(imbalance_w).max(initial=0):
        return []
    worst = int(unmet_w.argmax())
    missing = "generation or discharge" if imbalance_w[worst] > 0 else "load or charging"
    return [
        f"{unmet_w[worst]:.0f} W of the imbalance of {imbalance_w[worst]:.0f} W at "
        f"{iso(span.start + worst * span.step)} remain: members have no more {missing} then, or need it at "
        f"another time ({len(state.excluded)} are left out)"
    ]


def step_warnings(missed_w: float, demand: NetDemand, span: Span) -> list[str]:
    """Return what of a step is out of reach: `missed_w` should be drawn (+) or saved (-) beyond it."""
    if abs(missed_w) <= MIN_FRACTION * max(float(np.abs(demand.imbalance_w).max(initial=0.0)), 1.0):
        return []
    direction = "draw" if missed_w > 0 else "save or inject"
    return [
        f"{abs(missed_w):.0f} W of what the step at {iso(span.start)} should {direction} are beyond what "
        "members can do"
    ]
