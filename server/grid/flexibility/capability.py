"""What a virtual DER can do, now and over a horizon, summed over its members.

A device that is in several of its children counts once.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import fsum

from server import clock
from server.grid.fleet import fleetstate, members
from server.grid.fleet.members import Member
from server.grid.flexibility import rollup, thermalgroups
from server.grid.flexibility.horizon import expected_powers, group_flexibility
from server.grid.flexibility.results import CapabilityHorizon, CapabilityNow, GroupTotal
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.models import VirtualDER
from server.resources import sql
from server.units import Hours, Instant


def capability(vder: str | int | VirtualDER, hours: Hours = 1.0) -> CapabilityNow:
    """Return the capability of a virtual DER, and of each below it, for power that is held so many hours."""
    top = virtualders.find(vder)
    members_of = {member.lfdi: member for member in members.read(virtualders.members(top), hours)}

    def walk(node: VirtualDER) -> CapabilityNow:
        lfdis = sql.rows(
            "SELECT d.lfdi FROM membership m JOIN device d ON d.id = m.device_id WHERE m.vder_id = ? "
            "ORDER BY d.id",
            node.id,
        )
        return {
            "name": node.name,
            **total([members_of[lfdi] for (lfdi,) in lfdis if lfdi in members_of]),
            "children": [walk(child) for child in node.children.order_by(VirtualDER.name)],
        }
    return walk(top)


def horizon(
    vder: str | int | VirtualDER, start: Instant | None = None, steps: int = 96, hours: Hours = 0.25
) -> CapabilityHorizon:
    """Return what a virtual DER and those below it can do in each of `steps` steps of `hours`.

    The first step begins at `start` (default: now). Each device counts once, through the virtual DER by which
    it is dispatched.
    """
    top, now = virtualders.find(vder), clock.now()
    begins_at = now if start is None else start
    state = fleetstate.read(top, now, hours)
    expected = expected_powers(state, begins_at, steps, now)
    groups = {
        group.id: flexibility
        for group, flexibility in zip(
            state.dispatch_groups, group_flexibility(state, expected, begins_at, steps, now), strict=True
        )
    }
    tree = Tree.read(order=VirtualDER.name, include=[top])
    return {
        "start": begins_at,
        "step_s": round(hours * 3600),
        "warnings": [*expected.warnings, *thermalgroups.warnings(state.dispatch_groups)],
        **rollup.walk(top, groups, tree, steps, hours).row,
    }


def total(members: Iterable[Member]) -> GroupTotal:
    """Return the sum over members. Pure."""
    all_members = list(members)
    online = [member for member in all_members if member.online]
    rated = [member for member in online if member.ders and not member.stopped]
    ders = [der for member in rated for der in member.ders]
    storage = [(der.capacity_wh, der.soc) for der in ders if der.capacity_wh and der.soc is not None]
    baseline_w = fsum(member.baseline_w for member in rated)
    low_w, high_w = (fsum(member.ordered_w[bound] for member in rated) for bound in (0, 1))
    stored_wh = fsum(capacity_wh * soc for capacity_wh, soc in storage)
    return {
        "members": len(all_members),
        "online": len(online),
        "stale": len(all_members) - len(online),
        "unrated": sum(not member.ders for member in all_members),
        "rated_inject_w": fsum(member.max_injection_w for member in all_members),
        "rated_absorb_w": fsum(member.max_absorption_w for member in all_members),
        "capacity_wh": fsum(der.capacity_wh or 0 for member in all_members for der in member.ders),
        "injection_w": fsum(member.injection_w for member in online if member.injection_w is not None),
        "devices_read": sum(member.injection_w is not None for member in online),
        "low_w": low_w,
        "high_w": high_w,
        "up_w": high_w - baseline_w,
        "down_w": baseline_w - low_w,
        "up_wh": fsum(der.dischargeable_wh or 0 for der in ders),
        "down_wh": fsum(der.chargeable_wh or 0 for der in ders),
        "soc": stored_wh / fsum(capacity_wh for capacity_wh, _ in storage) if storage else None,
        "modes": dict(sorted(Counter(mode for member in all_members for mode in member.modes).items())),
    }
