"""The limits over the members of an area: its own, of virtual DERs below it, and of those above it.

Consumption is positive here, in W. What is drawn under a limit and not planned counts against it: load less
generation as forecast and corrected by what was measured, and storage and cars that cannot be controlled, as
they were read last.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import Sessions, sums
from server.grid.series import forecastvalues, nodelimits
from server.grid.series.arrivals import ExpectedArrivals
from server.grid.series.intervals import Span
from server.models import VirtualDER
from server.units import Watts

if TYPE_CHECKING:
    from server.grid.fleet.fleetstate import FleetState  # much else, which `plan list` does without

MOST_MARGIN = 0.2  # of a limit: so much of it at most is left for what the forecast does not know
HOLD_S = 3600  # for so long, what cannot be controlled is expected to go on as it was read


class AreaLimits(NamedTuple):
    """The limits `over` all of an area, which are its own and those above it; those `within` it; and which of
    them are kept without knowing the load."""
    over: list[GroupLimit]
    within: list[GroupLimit]
    warnings: list[str]

    def corrected(self, more_w: Floats, spread_w: Watts | None = 0.0) -> list[GroupLimit]:
        """Return all limits where so much more [T] is drawn in the area than was forecast, and that is known
        to a standard deviation of `spread_w`: room is left below them so that they are kept nine times in
        ten. Where that is not known (None), what was measured narrows limits only."""
        if spread_w is None:
            over = [replace(limit, most=limit.most - np.maximum(more_w, 0.0),
                            least=limit.least - np.minimum(more_w, 0.0)) for limit in self.over]
        else:
            margin_w = forecastvalues.P90_SIGMAS * spread_w
            over = [_narrowed(replace(limit, net=limit.net + more_w), margin_w) for limit in self.over]
        return [*over, *self.within]


def _narrowed(limit: GroupLimit, margin_w: Watts) -> GroupLimit:
    """The limit with a margin on both sides, no more than a part of what it allows."""
    most, least = (np.asarray(bound) for bound in (limit.most, limit.least))
    return replace(
        limit,
        most=most - np.minimum(margin_w, MOST_MARGIN * np.abs(most)),
        least=least + np.minimum(margin_w, MOST_MARGIN * np.abs(least)),
        margin=margin_w,
    )


def group_limits(area: VirtualDER, state: FleetState, span: Span, by_meter: bool = False) -> AreaLimits:
    """Return the limits on consumption and injection over the dispatch groups of an area, as set, or as a
    signal has them.

    Their loads are corrected by what members measured. With `by_meter` those over all of the area are not,
    since its own meter will do it (see `AreaLimits.corrected`).
    """
    index = {vder.id: number for number, vder in enumerate(state.dispatch_groups)}
    tree = Tree.read(include=[area])
    uncontrolled_w = _uncontrolled_w(state)
    below = set(tree.subtree(area.id))
    limits = AreaLimits([], [], [])
    for vder, import_w, export_w in nodelimits.limited(nodes(area, tree), span):
        groups = sorted(index[number] for number in tree.subtree(vder.id) if number in index)
        if not groups:
            continue
        is_within = vder.id in below and vder.id != area.id
        injection_w, known = nodelimits.uncontrolled_w(vder, span, corrected=is_within or not by_meter)
        if not known:
            limits.warnings.append(nodelimits.unknown_load(vder.name))
        held_w = float(uncontrolled_w[groups].sum())
        if vder.id not in below:  # what is beside the area
            held_w += nodelimits.charging_w(area, span.at) - nodelimits.charging_w(vder, span.at)
        load_w = 0.0 - injection_w
        load_w[:max(HOLD_S // span.step, 1)] += held_w
        (limits.within if is_within else limits.over).append(
            GroupLimit(groups, import_w, -export_w, load_w, _told_part(state, groups), vder.name))
    return limits


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
