"""Limits of virtual DERs that were exceeded, by what was measured."""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from server import clock
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports.unmetresults import UnmetRow
from server.grid.series import intervals, nodeflows, nodelimits
from server.grid.series.intervals import STEP, Span
from server.models import Plan, VirtualDER, among
from server.units import Instant, Watts

TOLERANCE = 0.01  # of a limit, and LEAST_W: less is the meters' error
LEAST_W = 10.0


class Excess(NamedTuple):
    """A time in which a limit was exceeded: indices of its first step and of the one after it, the energy and
    the greatest power beyond it."""
    first: int
    after: int
    energy_wh: float
    power_w: Watts


def rows(area: VirtualDER, tree: Tree, start: Instant, end: Instant) -> Iterator[UnmetRow]:
    """Yield the limits of an area and of the virtual DERs below it that were exceeded in [start, end)."""
    start -= start % STEP
    steps = max((end - start) // STEP, 0)
    span = Span(start, steps, STEP, clock.now())
    below = [vder for vder, _ in tree.walk(area.id)]
    for vder, import_w, export_w in nodelimits.limited(below, span) if steps else ():
        load_w = nodeflows.drawn_w(vder, start, steps)
        for word, limit_w, sign in (("import", import_w, 1), ("export", export_w, -1)):
            for excess in excesses(sign * load_w, limit_w):
                began = start + excess.first * STEP
                yield {
                    "kind": "limit",
                    "name": f"{word} limit of {vder.name}",
                    "start": began,
                    "end": start + excess.after * STEP,
                    "expected": False,
                    "energy_wh": round(excess.energy_wh, 1),
                    "power_w": round(excess.power_w, 1),
                    "reason": _reason(tree, vder, began),
                }


def excesses(power_w: Floats, limit_w: Floats) -> list[Excess]:
    """Return the times in which a power [steps] was beyond its limit, by more than meters err. Pure."""
    beyond_w = np.where(np.isfinite(power_w) & np.isfinite(limit_w), power_w - limit_w, 0.0)
    error_w = np.maximum(TOLERANCE * np.where(np.isfinite(limit_w), limit_w, 0.0), LEAST_W)
    return [Excess(first, after, float(beyond_w[first:after].sum()) * STEP / 3600,
                   float(beyond_w[first:after].max()))
            for first, after in intervals.runs(beyond_w > error_w)]


def _reason(tree: Tree, vder: VirtualDER, at: Instant) -> str:
    """Return why a limit was exceeded, as far as the plan that was in force tells."""
    plans = among(
        Plan.select().where(
            Plan.state.in_((Plan.PUBLISHED, Plan.SUPERSEDED)) & (Plan.start <= at) & (Plan.created_at <= at)
            & (Plan.start + Plan.steps * Plan.step_s > at)),
        Plan.vder, [vder.id, *tree.ancestors(vder.id)])
    plan: Plan | None = max(plans, key=lambda row: row.id, default=None)
    if plan is None:
        return "no plan was in force"
    excess_w = max(plan.body["exceeded"], default=0.0)
    if excess_w > LEAST_W:
        return (f"plan {plan.id} could not keep a limit, by up to {excess_w:.0f} W: its members could not "
                "draw or inject less")
    return f"plan {plan.id} kept it: loads or members did otherwise than was expected"
