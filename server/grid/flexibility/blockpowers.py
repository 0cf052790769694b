"""What blocks can give over a horizon: loads that are turned off, and generators, as their contracts allow.

A block gives nothing before its notice is over; then it can be called in any step, for its greatest length.
Powers in W; up is more injection than the baseline. Blocks only go up.
"""
from __future__ import annotations

from server import durationtexts, quantitytexts
from server.config import settings
from server.grid.fleet import memberqueries
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.siteblocks import SiteBlock
from server.grid.flexibility.changes import PowerChange, total
from server.grid.flexibility.results import BlockOffer
from server.grid.optimisation.arrays import Floats, np
from server.units import Instant


def changes(state: FleetState, start: Instant, steps: int, at: Instant) -> list[PowerChange]:
    """Return, by dispatch group of a state, what its blocks can give in `steps` steps from `start` on, where
    they are called at `at` at the earliest."""
    of_group: list[list[PowerChange]] = [[] for _ in state.dispatch_groups]
    for block in state.blocks:
        of_group[block.group].append(_change(block, start, steps, at, state.hours))
    return [total(found, steps) for found in of_group]


def _change(block: SiteBlock, start: Instant, steps: int, at: Instant, hours: float) -> PowerChange:
    """What a block can give: all of its power in steps that begin when it can be called, at its rate of
    response, and the energy of one event."""
    step_s, none = hours * 3600, np.zeros(steps)
    opening = block.opening(at, start + round(steps * step_s))
    if opening is None:
        return PowerChange(none, none, none, none, none, none)
    begins_at = start + np.arange(steps) * step_s
    up_w = np.where(begins_at >= opening.start, block.available_w, 0.0)
    called_h = np.cumsum(up_w > 0) * hours
    mean_w = up_w * block.rate
    up_wh = block.available_w * block.rate * np.minimum(called_h, opening.seconds / 3600)
    return PowerChange(mean_w, none, up_wh, none, up_w**2 * block.rate * (1 - block.rate), none)


def hold_s(state: FleetState, group: int, start: Instant, steps: int, at: Instant) -> Floats:
    """Return, for each step, for how long all blocks that can be called in it can be held; infinite where
    there are none."""
    begins_at = start + np.arange(steps) * state.hours * 3600
    shortest = np.full(steps, np.inf)
    for block in state.blocks:
        opening = block.opening(at, int(begins_at[-1]) + 1) if block.group == group else None
        if opening is not None:
            held = np.where(begins_at >= opening.start, opening.seconds, np.inf)
            shortest = np.minimum(shortest, held)
    return shortest


def offers(state: FleetState, group: int, at: Instant, until: Instant) -> list[BlockOffer]:
    """Return the blocks of a dispatch group that can be called to start before `until`, soonest first."""
    found = [(block, opening) for block in state.blocks
             if block.group == group and (opening := block.opening(at, until)) is not None]
    names = memberqueries.names_of(block.device for block, _ in found)
    rows: list[BlockOffer] = [
        {
            "device": names.get(block.device, str(block.device)),
            "block": block.name,
            "kind": block.kind,
            "up_w": block.available_w,
            "start": opening.start,
            "in_s": opening.start - at,
            "shortest_s": block.terms.shortest_s,
            "longest_s": opening.seconds,
            "price_event": block.terms.price_event,
            "price_kwh": block.terms.cost_kwh(settings.emission_price),
        }
        for block, opening in found
    ]
    return sorted(rows, key=lambda row: (row["in_s"], row["device"], row["block"]))


def in_words(rows: list[BlockOffer]) -> list[str]:
    """Return what blocks give together, a sentence for each time by which more of them can be called."""
    sentences = []
    for in_s in sorted({row["in_s"] for row in rows}):
        ready = [row for row in rows if row["in_s"] <= in_s]
        power = quantitytexts.shown(sum(row["up_w"] for row in ready), "W")
        longest = durationtexts.shown(min(row["longest_s"] for row in ready))
        when = f"in {durationtexts.shown(in_s)}" if in_s else "at once"
        sentences.append(f"{power} {when}, for {longest}")
    return sentences
