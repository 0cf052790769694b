"""The limits over the members of an area: its own, of virtual DERs below it, and of those above it.

Consumption is positive here, in W. What is drawn under a limit and not planned counts against it: load less
generation as forecast, and storage and cars that cannot be controlled, as they were read last.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions, sums
from server.grid.series import nodelimits
from server.grid.series.arrivals import ExpectedArrivals
from server.grid.series.intervals import Span
from server.models import VirtualDER

if TYPE_CHECKING:
    from server.grid.fleet.fleetstate import FleetState  # much else, which `plan list` does without

HOLD_S = 3600  # for so long, what cannot be controlled is expected to go on as it was read


def group_limits(
    area: VirtualDER, state: FleetState, span: Span
) -> tuple[list[GroupLimit], list[str]]:
    """Return the limits on consumption and injection over the dispatch groups of an area, as set, or as a
    signal has them; and which of them are kept without knowing the load."""
    index = {vder.id: number for number, vder in enumerate(state.dispatch_groups)}
    tree = Tree.read(include=[area])
    uncontrolled_w = _uncontrolled_w(state)
    below = set(tree.subtree(area.id))
    limits, warnings = [], []
    for vder, import_w, export_w in nodelimits.limited(nodes(area, tree), span):
        groups = sorted(index[number] for number in tree.subtree(vder.id) if number in index)
        if not groups:
            continue
        injection_w, known = nodelimits.uncontrolled_w(vder, span)
        if not known:
            warnings.append(nodelimits.unknown_load(vder.name))
        held_w = float(uncontrolled_w[groups].sum())
        if vder.id not in below:  # what is beside the area
            held_w += nodelimits.charging_w(area, span.at) - nodelimits.charging_w(vder, span.at)
        load_w = 0.0 - injection_w
        load_w[:max(HOLD_S // span.step, 1)] += held_w
        limits.append(GroupLimit(groups, import_w, -export_w, load_w, _told_part(state, groups), vder.name))
    return limits, warnings


def with_spread(arriving: ExpectedArrivals, limits: Sequence[GroupLimit]) -> Sessions:
    """Return the sessions that are expected; below a limit with as much more energy as there may be, so that
    room is held for it."""
    cars = arriving.sessions
    limited = [group for limit in limits for group in limit.groups]
    factor = np.where(np.isin(cars.group, limited), arriving.spread[cars.group], 1.0)
    return cars._replace(need=cars.need * factor, power=cars.power * factor)


def nodes(area: VirtualDER, tree: Tree) -> list[VirtualDER]:
    """Return the virtual DERs whose limits hold for members of an area: those above it, itself and those
    below it."""
    above = list(tree.ancestors(area.id))[:0:-1]
    return [tree.vders[number] for number in (*above, *tree.subtree(area.id))]


def _told_part(state: FleetState, groups: Sequence[int]) -> float:
    """The part (0 to 1) of all generation that can be told which is in these groups: all is curtailed by the
    same part of its rating."""
    rated_w = state.pv.rated_w
    return float(rated_w[np.isin(state.pv.group, groups)].sum() / max(rated_w.sum(), 1.0))


def _uncontrolled_w(state: FleetState) -> Floats:
    """What storage and cars of each group [g] draw that no plan controls: cars without a session that is
    under way, and members that are excluded."""
    columns = state.columns
    controlled = np.concatenate((state.storage.device, state.ev.device[state.fleet.sessions.arrive <= 0]))
    members = np.isin(columns.kind, nodelimits.CHARGING) & ~np.isin(columns.device, controlled)
    load_w = np.nan_to_num(-columns.meters.injection_w[members])
    return sums(columns.group[members], load_w, len(state.dispatch_groups))
