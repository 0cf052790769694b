"""What a virtual DER can do: its members', summed. A device that is in several of its children counts
once."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import fsum
from typing import Any

from server import clock
from server.grid.fleet import members
from server.grid.fleet.members import Member
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.models import VirtualDER
from server.resources import sql


def capability(vder: str | int | VirtualDER, hours: float = 1.0) -> dict[str, Any]:
    """The capability of a virtual DER, and of each of its children, for power that has to be held so many
    hours."""
    found = virtualders.find(vder)
    known = {member.lfdi: member for member in members.read(virtualders.members(found), hours)}

    def walk(at: VirtualDER) -> dict[str, Any]:
        inside = [
            known[lfdi]
            for (lfdi,) in sql.rows(
                "SELECT d.lfdi FROM membership m JOIN device d ON d.id = m.device_id WHERE "
                "m.vder_id = ? ORDER BY d.id",
                at.id,
            )
            if lfdi in known
        ]
        return {"name": at.name, **total(inside),
                "children": [walk(child) for child in at.children.order_by(VirtualDER.name)]}
    return walk(found)


def horizon(
    vder: str | int | VirtualDER, start: int | None = None, steps: int = 96, hours: float = 0.25
) -> dict[str, Any]:
    """What a virtual DER and those below it could do in each of so many steps of `hours` from `start`
    (default: now) on.

    Lists of W (injection +) and Wh, a value for each step; by "p50" and "p90": `up_w` and `down_w`, above and
    below `baseline_w`, the energies that can be had until the end of each step, the seconds for which its
    power can be held. Of `up_w` and `down_w` so much is verified (of members that are read freshly) and
    claimed (by their ratings alone); what members that are not seen are rated at (`unknown_up_w`,
    `unknown_down_w`) is beside it. Each device counts once, through the virtual DER in which it is
    dispatched.
    """
    from server.grid.fleet import fleetstate
    from server.grid.flexibility import horizon as ahead
    from server.grid.flexibility import rollup
    found, now = virtualders.find(vder), clock.now()
    begin = now if start is None else start
    fleet_state = fleetstate.read(found, now, hours)
    expected = ahead.expected(fleet_state, begin, steps, now)
    leaves = {
        leaf.id: one
        for leaf, one in zip(
            fleet_state.dispatch_groups,
            ahead.dispatch_groups(fleet_state, expected, steps, now, begin),
            strict=True,
        )
    }
    tree = Tree.read(order=VirtualDER.name, include=[found])
    return {"start": begin, "hours": hours, "warnings": expected.warnings,
            **rollup.walk(found, leaves, tree, steps, hours).shown}


def total(inside: Iterable[Member]) -> dict[str, Any]:
    """The sum over members. Powers in W, injection being positive; `up_w` and `down_w` are what can be asked
    for above and below `injection_w`, energies in Wh; only members who are online count for what can be done
    now."""
    every = list(inside)
    online = [member for member in every if member.online]
    able = [member for member in online if member.units]
    units = [unit for member in able for unit in member.units]
    stores = [(unit.capacity_wh, unit.soc) for unit in units if unit.capacity_wh and unit.soc is not None]
    baseline = fsum(member.baseline for member in able)
    return {
        "members": len(every),
        "online": len(online),
        "stale": len(every) - len(online),
        "unrated": sum(not member.units for member in every),
        "rated_inject_w": fsum(member.max_injection_w for member in every),
        "rated_absorb_w": fsum(member.max_absorption_w for member in every),
        "capacity_wh": fsum(unit.capacity_wh or 0 for member in every for unit in member.units),
        "injection_w": fsum(member.present for member in online if member.present is not None),
        "read": sum(member.present is not None for member in online),
        "low_w": fsum(member.low for member in able),
        "high_w": fsum(member.high for member in able),
        "up_w": fsum(member.high for member in able) - baseline,
        "down_w": baseline - fsum(member.low for member in able),
        "up_wh": fsum(unit.dischargeable_wh or 0 for unit in units),
        "down_wh": fsum(unit.chargeable_wh or 0 for unit in units),
        "charge": fsum(capacity * charge for capacity, charge in stores)
        / fsum(capacity for capacity, _ in stores)
        if stores
        else None,
        "modes": dict(sorted(Counter(mode for member in every for mode in member.modes).items())),
    }
