"""What virtual DERs could do over a horizon: the sum up the tree, cut by each one's limits, and how that is
shown."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from server.grid.flexibility.horizon import Change, DispatchGroup, part_of, total
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.models import VirtualDER

NINETY = 1.2816  # standard deviations below which a tenth of a normal distribution lies
QUANTILES = {"p50": 0.0, "p90": NINETY}


class Node(NamedTuple):
    """A virtual DER: what is dispatched through it and all below it."""
    change: Change
    baseline: Floats
    net: Floats
    verified: Change
    leaves: list[DispatchGroup]
    shown: dict[str, Any]


def walk(
    vder: VirtualDER,
    own: dict[int, DispatchGroup],
    tree: Tree,
    steps: int,
    hours: float,
) -> Node:
    """A virtual DER with those below it: their sum, cut by its own limits."""
    children = [
        walk(tree.vders[child], own, tree, steps, hours) for child in tree.children.get(vder.id, [])
    ]
    mine = [own[vder.id]] if vder.id in own else []
    whole = total([*(leaf.change for leaf in mine), *(child.change for child in children)], steps)
    zero = np.zeros(steps)
    baseline = sum((leaf.baseline for leaf in mine), zero) + sum((child.baseline for child in children), zero)
    net = sum((leaf.net for leaf in mine), zero) + sum((child.net for child in children), zero)
    most_up, most_down = (np.inf if limit is None else np.maximum(limit + net * sign, 0)
                          for limit, sign in ((vder.export_limit_w, 1), (vder.import_limit_w, -1)))
    change = whole.cut(np.broadcast_to(most_up, steps), np.broadcast_to(most_down, steps), hours)
    verified = total([*(leaf.verified for leaf in mine), *(child.verified for child in children)], steps)
    verified = verified._replace(
        up=np.minimum(verified.up, whole.up) * part_of(change.up, whole.up),
        down=np.minimum(verified.down, whole.down) * part_of(change.down, whole.down),
    )
    every = [*mine, *(leaf for child in children for leaf in child.leaves)]
    shown = _shown(vder, change, verified, baseline, every, hours) | {
        "children": [child.shown for child in children]
    }
    return Node(change, baseline, net, verified, every, shown)


def _shown(
    vder: VirtualDER,
    change: Change,
    verified: Change,
    baseline: Floats,
    every: list[DispatchGroup],
    hours: float,
) -> dict[str, Any]:
    members = sum((leaf.members for leaf in every), Counter[str]())
    ramps = sum(leaf.ramps for leaf in every)
    shown: dict[str, Any] = {
        "name": vder.name,
        "members": dict(members),
        "baseline_w": _list(0.0 - baseline),
        "ramp_w_per_s": sum(leaf.ramp for leaf in every) if ramps else None,
        "ramps_said": ramps,
        "unknown_up_w": sum(leaf.unknown_up for leaf in every),
        "unknown_down_w": sum(leaf.unknown_down for leaf in every),
    }
    for name, deviations in QUANTILES.items():
        firm = change.firm(deviations)
        up, down = (part_of(part, whole) * now for part, whole, now in (
            (verified.up, change.up, firm.up), (verified.down, change.down, firm.down)))
        shown[name] = {
            "up_w": _list(firm.up),
            "down_w": _list(firm.down),
            "energy_up_wh": _list(firm.energy_up),
            "energy_down_wh": _list(firm.energy_down),
            "duration_up_s": durations(firm.up, firm.energy_up, hours),
            "duration_down_s": durations(firm.down, firm.energy_down, hours),
            "verified_up_w": _list(up),
            "claimed_up_w": _list(firm.up - up),
            "verified_down_w": _list(down),
            "claimed_down_w": _list(firm.down - down),
        }
    return shown


def durations(power: Floats, energy: Floats, hours: float) -> list[int]:
    """Seconds for which the power of each step could be held from its beginning on, nothing having been asked
    before; as far as the horizon goes."""
    found = []
    for step, wanted in enumerate(power):
        held = 0.0
        for later in range(step, len(power)):
            spent = held * wanted
            if wanted <= 0 or power[later] < wanted * (1 - 1e-9):
                break
            left = max(energy[later] - spent, 0) / wanted
            held += min(left, hours)
            if left < hours * (1 - 1e-9):
                break
        found.append(round(held * 3600))
    return found


def _list(values: Floats) -> list[float]:
    return [round(float(value), 3) for value in values]


# What people are shown of a quantile, and how that is called: what is not verified of a power is claimed.
COLUMNS = {
    "up_w": "up_w",
    "down_w": "down_w",
    "energy_up_wh": "up_wh",
    "energy_down_wh": "down_wh",
    "duration_up_s": "up_s",
    "duration_down_s": "down_s",
    "verified_up_w": "verified_up_w",
    "verified_down_w": "verified_down_w",
}


def rows(shown: dict[str, Any], quantile: str) -> Iterator[dict[str, Any]]:
    """A row for each step of what `capability.horizon` shows, for one of QUANTILES."""
    for place, baseline in enumerate(shown["baseline_w"]):
        yield {
            "start": shown["start"] + place * round(shown["hours"] * 3600),
            "baseline_w": baseline,
            **row(shown, quantile, place),
        }


def row(shown: dict[str, Any], quantile: str, place: int) -> dict[str, Any]:
    """One step of one quantile."""
    return {brief: shown[quantile][name][place] for name, brief in COLUMNS.items()}
