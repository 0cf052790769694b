"""What a group could do, step by step: power and energy, up and down, as its clusters allow and its limits
cut. Pure.

Consumption is positive, in W. Energies are Wh drawn since the first step's beginning, beside what cannot be
moved, for the end of each step; an envelope is outer: every single bound can be reached, not all of them
together.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.clusters import BATTERY, Clusters


class Envelope(NamedTuple):
    """[T] each: least and most power, least and most energy drawn until the end of a step."""
    low: Floats
    high: Floats
    least: Floats
    most: Floats


def from_clusters(clusters: Clusters, hours: float, response: float = 1.0) -> Envelope:
    """The clusters' sum. `response` is the part of their powers that is to be counted on: firm is less than
    possible. What a battery gives back is less than it stored, and what it takes is more than it will hold;
    and none has a power for which there is no energy, whatever it has done until then."""
    efficiency = np.where(clusters.kind == BATTERY, clusters.efficiency, 1.0)[:, None]
    stay = clusters.start[:, None] * clusters.keep[:, None] ** np.arange(1, clusters.steps + 1)
    fall, rise = clusters.least - stay, clusters.most - stay
    least = np.where(fall < 0, fall * efficiency, fall / efficiency)
    most = np.where(rise > 0, rise / efficiency, rise * efficiency)
    low, high = clusters.low * response, clusters.high * response
    least, most = (
        np.maximum(least, np.cumsum(low, axis=1) * hours),
        np.minimum(most, np.cumsum(high, axis=1) * hours),
    )
    low, high = (
        np.maximum(low, (least - _at_step_start(most)) / hours),
        np.minimum(high, (most - _at_step_start(least)) / hours),
    )
    return limited(Envelope(*(part.sum(axis=0) for part in (low, high, least, most))), hours)


def _at_step_start(energy: Floats) -> Floats:
    """[k, T]: at the beginning of each step."""
    return np.pad(energy[:, :-1], ((0, 0), (1, 0)))


def limited(
    envelope: Envelope, hours: float, least: Floats | float = -np.inf, most: Floats | float = np.inf
) -> Envelope:
    """The envelope under a limit on its power, W [T] or one number, and its energies cut to what such powers
    can reach. A limit that all of the envelope breaks leaves the power nearest to it."""
    low, high = (np.clip(limit, envelope.low, envelope.high) for limit in (least, most))
    return Envelope(low, high, np.maximum(envelope.least, np.cumsum(low * hours)),
                    np.minimum(envelope.most, np.cumsum(high * hours)))


def parent_envelope(children: Iterable[Envelope], hours: float, least: Floats | float = -np.inf,
          most: Floats | float = np.inf) -> Envelope:
    """A parent's: its children's sum, cut by its own limit."""
    return limited(
        Envelope(*(np.sum(parts, axis=0) for parts in zip(*children, strict=True))), hours, least, most
    )


def hold_duration_h(envelope: Envelope, hours: float, upwards: bool) -> float:
    """Hours for which the greatest (or least) power of the first step can be held."""
    power = envelope.high if upwards else envelope.low
    drawn = np.cumsum(np.full(len(power), power[0] * hours))
    held = (envelope.high >= power[0] - 1e-6) & (drawn <= envelope.most + 1e-6) if upwards else (
        envelope.low <= power[0] + 1e-6) & (drawn >= envelope.least - 1e-6)
    return hours * (len(held) if held.all() else int(np.argmin(held)))
