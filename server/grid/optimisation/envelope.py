"""What a group could do, step by step: power and energy, up and down, as its clusters allow. Pure.

Consumption is positive, in W. Energies are Wh drawn since the first step's beginning, beside what cannot be
moved, for the end of each step; an envelope is outer: every single bound can be reached, not all of them
together.
"""
from __future__ import annotations

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
    """The envelope of all clusters together.

    `response` is the part of their powers that is to be counted on: firm is less than possible. A battery
    gives back less than it stored, and takes more than it will hold. No cluster has a power for which there
    is not energy, whatever it has done until then; the energies are those that such powers can reach.
    """
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
    low, high, least, most = (part.sum(axis=0) for part in (low, high, least, most))
    return Envelope(low, high, np.maximum(least, np.cumsum(low * hours)),
                    np.minimum(most, np.cumsum(high * hours)))


def _at_step_start(energy: Floats) -> Floats:
    """[k, T]: at the beginning of each step."""
    return np.pad(energy[:, :-1], ((0, 0), (1, 0)))
