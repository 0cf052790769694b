"""Members of each kind that can be dispatched, in columns parallel to the arrays of the optimisation.

`FleetState` holds one record of each kind; the energies and powers themselves are in its `fleet`.
"""
from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import compress
from typing import Any, Self

from server.grid.optimisation.arrays import Bools, Floats, Whole


@dataclass(frozen=True, kw_only=True)
class KindMembers:
    """Members of one kind, an element for each [n].

    `device` is the number of the device, `response_rate` the fraction (0 to 1) of what was asked of it that
    it has delivered recently, `tier` its rank in the order of dispatch, `fresh` whether contact and readings
    are recent.
    """
    device: Whole
    response_rate: Floats
    tier: Whole
    fresh: Bools

    def __len__(self) -> int:
        return len(self.device)

    def only(self, chosen: Bools) -> Self:
        """Return the record with the chosen members [n] only."""
        return type(self)(**{field.name: _only(getattr(self, field.name), chosen) for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class StorageMembers(KindMembers):
    """Storage; `energy_at` is the instant (UTC, s) that the stored energy of each is of."""
    energy_at: Whole


@dataclass(frozen=True, kw_only=True)
class EvMembers(KindMembers):
    """Charging sessions, one for each vehicle that is present or expected.

    `need_at` is the instant (UTC, s) that the energy still needed is of, `requests` the href of each
    FlowReservationRequest.
    """
    need_at: Whole
    requests: list[str]


@dataclass(frozen=True, kw_only=True)
class ThermalMembers(KindMembers):
    """Thermal loads; `realised_wh` is how far each is ahead of its usual consumption by its commands.

    The state in `fleet` is the intended one, before commands were rounded.
    """
    realised_wh: Floats


@dataclass(frozen=True, kw_only=True)
class PvMembers(KindMembers):
    """PV inverters; `rated_w` and `generation_w` (by the last reading) are positive.

    `group` is the index of the dispatch group of each.
    """
    rated_w: Floats
    generation_w: Floats
    group: Whole


def _only(column: Any, chosen: Bools) -> Any:
    return list(compress(column, chosen)) if isinstance(column, list) else column[chosen]
