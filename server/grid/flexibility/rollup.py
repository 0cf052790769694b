"""The capability of virtual DERs over a horizon: summed up the tree, cut by limits, and as rows."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from server.grid.flexibility.changes import PowerChange, ratio, total
from server.grid.flexibility.horizon import GroupFlexibility
from server.grid.flexibility.results import (CapabilityHorizon, NodeCapability, QuantileSeries,
                                             StepCapability, StepRow)
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.models import VirtualDER
from server.units import Seconds, Watts, WattsPerSecond

NINETY = 1.2816  # standard deviations below which a tenth of a normal distribution lies


class Node(NamedTuple):
    """A virtual DER with all below it; `baseline_w` and `net_w` [T] are consumption."""
    change: PowerChange
    verified: PowerChange
    baseline_w: Floats
    net_w: Floats
    groups: list[GroupFlexibility]
    row: NodeCapability


def walk(
    vder: VirtualDER, groups: dict[int, GroupFlexibility], tree: Tree, steps: int, hours: float
) -> Node:
    """Return a virtual DER with those below it: their sum, cut by its own limits.

    `groups` has what is dispatched through each virtual DER by its number.
    """
    numbers = tree.children.get(vder.id, [])
    children = [walk(tree.vders[number], groups, tree, steps, hours) for number in numbers]
    own = [groups[vder.id]] if vder.id in groups else []
    parts: list[GroupFlexibility | Node] = [*own, *children]
    unlimited = total([part.change for part in parts], steps)
    baseline_w = sum((part.baseline_w for part in parts), np.zeros(steps))
    net_w = sum((part.net_w for part in parts), np.zeros(steps))
    max_up_w = np.inf if vder.export_limit_w is None else np.maximum(vder.export_limit_w + net_w, 0)
    max_down_w = np.inf if vder.import_limit_w is None else np.maximum(vder.import_limit_w - net_w, 0)
    change = unlimited.limited(
        np.broadcast_to(max_up_w, steps), np.broadcast_to(max_down_w, steps), hours
    )
    verified = total([part.verified for part in parts], steps)
    verified = verified._replace(
        up_w=np.minimum(verified.up_w, unlimited.up_w) * ratio(change.up_w, unlimited.up_w),
        down_w=np.minimum(verified.down_w, unlimited.down_w) * ratio(change.down_w, unlimited.down_w),
    )
    all_groups = [*own, *(group for child in children for group in child.groups)]
    hold_s = np.min([np.full(steps, np.inf), *(group.hold_s for group in all_groups)], axis=0)
    row: NodeCapability = {
        "name": vder.name,
        "members": dict(sum((group.members for group in all_groups), Counter[str]())),
        "baseline_w": _rounded(0.0 - baseline_w),
        "ramp_w_per_s": _ramp_w_per_s(all_groups),
        "ramps_reported": sum(group.ramps_reported for group in all_groups),
        "unknown_up_w": sum(group.unknown_up_w for group in all_groups),
        "unknown_down_w": sum(group.unknown_down_w for group in all_groups),
        "offers": [offer for group in all_groups for offer in group.offers],
        "p50": _quantile(change, verified, 0.0, hours, hold_s),
        "p90": _quantile(change, verified, NINETY, hours, hold_s),
        "children": [child.row for child in children],
    }
    return Node(change, verified, baseline_w, net_w, all_groups, row)


def _ramp_w_per_s(groups: list[GroupFlexibility]) -> WattsPerSecond | None:
    if not any(group.ramps_reported for group in groups):
        return None
    return sum(group.ramp_w_per_s for group in groups)


def _quantile(
    change: PowerChange, verified: PowerChange, deviations: float, hours: float, hold_s: Floats
) -> QuantileSeries:
    firm = change.firm(deviations)
    verified_up_w = ratio(verified.up_w, change.up_w) * firm.up_w
    verified_down_w = ratio(verified.down_w, change.down_w) * firm.down_w
    return {
        "up_w": _rounded(firm.up_w),
        "down_w": _rounded(firm.down_w),
        "energy_up_wh": _rounded(firm.up_wh),
        "energy_down_wh": _rounded(firm.down_wh),
        "duration_up_s": np.minimum(durations(firm.up_w, firm.up_wh, hours), hold_s).astype(int).tolist(),
        "duration_down_s": durations(firm.down_w, firm.down_wh, hours),
        "verified_up_w": _rounded(verified_up_w),
        "claimed_up_w": _rounded(firm.up_w - verified_up_w),
        "verified_down_w": _rounded(verified_down_w),
        "claimed_down_w": _rounded(firm.down_w - verified_down_w),
    }


def durations(power_w: Floats, energy_wh: Floats, hours: float) -> list[Seconds]:
    """Return the seconds for which the power of each step can be held from its beginning, at most until the
    end of the horizon.

    `energy_wh` [T] is what can be had until the end of each step where nothing was commanded before.
    """
    result = []
    for step, held_w in enumerate(power_w):
        held_h = 0.0
        for later in range(step, len(power_w)):
            if held_w <= 0 or power_w[later] < held_w * (1 - 1e-9):
                break
            remaining_h = max(energy_wh[later] - held_h * held_w, 0) / held_w
            held_h += min(remaining_h, hours)
            if remaining_h < hours * (1 - 1e-9):
                break
        result.append(round(held_h * 3600))
    return result


def _rounded(values: Floats) -> list[Watts]:
    return [round(float(value), 3) for value in values]


def rows(horizon: CapabilityHorizon, quantile: str) -> Iterator[StepRow]:
    """Yield a row for each step of what `capability.horizon` returns, by one quantile: p50 or p90."""
    for step, baseline_w in enumerate(horizon["baseline_w"]):
        yield {
            "start": horizon["start"] + step * horizon["step_s"],
            "baseline_w": baseline_w,
            **step_row(horizon, quantile, step),
        }


def step_row(node: NodeCapability, quantile: str, step: int) -> StepCapability:
    """Return one step of one quantile; what is not verified of a power is claimed."""
    series = node["p50"] if quantile == "p50" else node["p90"]
    return {
        "up_w": series["up_w"][step],
        "down_w": series["down_w"][step],
        "up_wh": series["energy_up_wh"][step],
        "down_wh": series["energy_down_wh"][step],
        "up_s": series["duration_up_s"][step],
        "down_s": series["duration_down_s"][step],
        "verified_up_w": series["verified_up_w"][step],
        "verified_down_w": series["verified_down_w"][step],
    }
