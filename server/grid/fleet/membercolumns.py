"""The members of a virtual DER in columns: arrays with one element for each member, or for each DER.

`memberqueries` reads them.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.models import VirtualDER


@dataclass(frozen=True, kw_only=True)
class ContactColumns:
    """The last contact of each member, and after how long it counts as stale.

    Instants are UTC in s, NaN for never. `contact_timeout_s` is for polls, `reading_timeout_s` for readings;
    `fresh` is whether both are met.
    """
    suspended: Bools
    last_contact_at: Floats
    contact_timeout_s: Floats
    reading_timeout_s: Floats
    fresh: Bools


@dataclass(frozen=True, kw_only=True)
class MeterColumns:
    """The present readings of each member: of its own meters, summed, and of the meter of its premises.

    Power is NaN where it is not known now. `read_at` and `premises_read_at` are the instants of the last
    readings, however old; `recent` is whether the last is of about now. `peak_load_w` is the greatest load
    that its own meters have read.
    """
    injection_w: Floats
    read_at: Floats
    peak_load_w: Floats
    premises_injection_w: Floats
    premises_read_at: Floats
    recent: Bools

    @property
    def last_read_at(self) -> Floats:
        """The instant of the last reading of each, by its own meters if it has any."""
        return np.where(np.isnan(self.read_at), self.premises_read_at, self.read_at)


@dataclass(frozen=True, kw_only=True)
class ParticipationColumns:
    """The contract of each member and how it responds; NaN where there is no limit or nothing happened."""
    response_rate: Floats
    non_responding_since: Floats
    opted_out_until: Floats
    max_events: Floats
    max_hours: Floats
    tier: Whole


@dataclass(frozen=True, kw_only=True)
class DerColumns:
    """The DERs of all members, a row each; NaN is not reported.

    `member` is the index of the device in `MemberColumns`, `modes` are names with spaces between them.
    """
    member: Whole
    der_type: Floats
    max_injection_w: Floats
    max_absorption_w: Floats
    capacity_wh: Floats
    ramp_w_per_s: Floats
    soc: Floats
    soc_at: Floats
    dischargeable_wh: Floats
    chargeable_wh: Floats
    connected: Bools
    modes: Sequence[str]
    inferred_capacity_wh: Floats

    def supporting(self, *modes: str) -> Bools:
        """Return which DERs support at least one of these DERControl modes."""
        supports = {names: not set(names.split()).isdisjoint(modes) for names in set(self.modes)}
        return np.array([supports[names] for names in self.modes], dtype=bool)


@dataclass(frozen=True, kw_only=True)
class MemberColumns:
    """The members of a virtual DER, a column for each fact, in the order of their numbers (`device`).

    `group` is the index in `dispatch_groups` of the virtual DER through which a member is dispatched, `kind`
    one of `devicetypes.KINDS`, `aggregator` a label of who manages it (0: nobody), `category` its
    DeviceCategoryType bits, `max_load_w` its rating as a load (NaN where it reported none).
    """
    area: VirtualDER
    dispatch_groups: list[VirtualDER]
    device: Whole
    group: Whole
    kind: Any
    aggregator: Whole
    category: Whole
    max_load_w: Floats
    contact: ContactColumns
    meters: MeterColumns
    participation: ParticipationColumns
    ders: DerColumns

    def indices(self, devices: Iterable[int]) -> Whole:
        """Return the indices of these devices (by number), which have to be members."""
        return np.searchsorted(self.device, np.fromiter(devices, np.intp))
