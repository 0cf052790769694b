"""Events that operators post by hand, held to the contracts of the businesses that they reach."""
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from server import clock
from server.errors import Refused
from server.grid.fleet.blockcalls import NewCall
from server.grid.optimisation.blockterms import GENERATOR, LOAD
from server.models import VirtualDER
from server.resources import sql
from server.units import Instant, Seconds

_OUTPUTS = {"opModFixedW", "opModTargetW", "opModDeltaW"}  # modes that ask a generator for power
_UNDER_CONTRACT = (
    "SELECT DISTINCT d.id, d.name, d.lfdi FROM block b JOIN membership m ON m.device_id = b.device_id "
    "JOIN device d ON d.id = b.device_id WHERE m.vder_id = ? AND b.kind = ? ORDER BY d.id"
)


def check_control(vder: VirtualDER, base: Mapping[str, Any]) -> None:
    """Refuse (409) a DERControl for all members that asks generators under contract for power: what it would
    start is no call, which has notice, lengths and a price."""
    modes = sorted(_OUTPUTS & set(base))
    names = [name or lfdi for _, name, lfdi in sql.rows(_UNDER_CONTRACT, vder.id, GENERATOR)] if modes else []
    if names:
        raise Refused(409, f"{', '.join(names)} would follow {', '.join(modes)}, whatever the contract says: "
                           f"call it by `dispatch {vder.name} --watts`")


def calls_of_event(
    vder: VirtualDER, addressed: Collection[int], start: Instant | None, duration_s: Seconds
) -> list[NewCall]:
    """Return the calls that a load control event for these devices (numbers) makes: of all their blocks.

    Refused (409) where a contract does not allow one, naming device, block and clause.
    """
    names = {device: name or lfdi for device, name, lfdi in sql.rows(_UNDER_CONTRACT, vder.id, LOAD)
             if device in addressed}
    if not names:
        return []
    now = clock.now()
    begins_at = now if start is None else start
    from server.grid.fleet import fleetstate  # much else, which few controls need
    blocks = [block for block in fleetstate.read(vder, now).blocks
              if block.device in names and block.contracted and block.kind == LOAD]
    broken = [f"{names[block.device]}, {block.name}: {'; '.join(clauses)}" for block in blocks
              if (clauses := block.breaches(begins_at, duration_s, now))]
    if broken:
        raise Refused(409, f"contracts do not allow it: {'. '.join(broken)}. Leave these devices out, or "
                           f"call them by `dispatch {vder.name} --watts`")
    until = begins_at + duration_s
    return [NewCall(block.device, block.name, begins_at, until, block.available_w, block.terms)
            for block in blocks]
