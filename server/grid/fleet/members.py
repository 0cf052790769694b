"""The members of a virtual DER one by one, and what they can do now, from what they reported.

What storage can still discharge or charge follows from the durations of DERAvailability, else from the state
of charge. It limits the power that can be held for the requested time. Power is injection.
"""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from server import clock
from server.grid.fleet import power, siteblocks, stops
from server.grid.optimisation.blockterms import BlockTerms
from server.grid.series import devicelimits
from server.grid.series.devicelimits import DeviceLimit
from server.models import CHUNK, Device, chunked
from server.resources import pollrates, profiles, sql, variants
from server.units import Instant, Lfdi

# The modes by which a power is set, the first that a member takes.
SETPOINTS = ("opModFixedW", "opModTargetW", "opModMaxLimW")
LIMITING = frozenset({"opModMaxLimW"})
_CSIP_AUS = "csipaus:"
ONLINE_POLLS = 3  # after so many polls that were missed a device is offline


class DerRow(NamedTuple):
    """What a DER reported: columns of `models.DerState`."""
    max_injection_w: float
    max_absorption_w: float
    capacity_wh: float | None
    soc: float | None
    dischargeable_wh: float | None
    chargeable_wh: float | None
    available_w: float | None
    connected: bool
    modes: str


_SELECT = f"SELECT device_id, {', '.join(DerRow._fields)} FROM der_state"


@dataclass(frozen=True, slots=True)
class MemberDer:
    """A DER.

    `max_injection_w` and `max_absorption_w` are ratings (magnitudes). `lowest_w` to `highest_w` is the
    injection that it can hold now. `dischargeable_wh` and `chargeable_wh` are None where energy does not
    limit it, or is not reported.
    """
    max_injection_w: float
    max_absorption_w: float
    lowest_w: float
    highest_w: float
    capacity_wh: float | None
    soc: float | None
    dischargeable_wh: float | None
    chargeable_wh: float | None
    modes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Member:
    """A device and the sums of its DERs.

    `injection_w` is its newest reading, of the instant `read_at`. `tier` and `remaining_quota` are set by
    `rotation`. One that is `stopped` can be ordered nothing (see `stops`).
    """
    lfdi: str
    name: str
    kind: str
    online: bool
    ders: tuple[MemberDer, ...]
    injection_w: float | None
    read_at: int | None
    tier: int = 0
    remaining_quota: float = 1.0
    stopped: bool = False

    @property
    def modes(self) -> frozenset[str]:
        """The DERControl modes that any of its DERs supports."""
        return frozenset().union(*(der.modes for der in self.ders))

    @property
    def max_injection_w(self) -> float:
        return sum(der.max_injection_w for der in self.ders)

    @property
    def max_absorption_w(self) -> float:
        return sum(der.max_absorption_w for der in self.ders)

    @property
    def lowest_w(self) -> float:
        return sum(der.lowest_w for der in self.ders)

    @property
    def highest_w(self) -> float:
        return sum(der.highest_w for der in self.ders)

    def bounds_w(self, mode: str) -> tuple[float, float]:
        """The injection that it can be ordered in a mode: by a limit of generation it can be held back, and
        not driven."""
        if mode in LIMITING:
            return 0.0, max(self.highest_w, 0.0)
        return self.lowest_w, self.highest_w

    @property
    def ordered_w(self) -> tuple[float, float]:
        """The least and the most that it can be ordered to inject: its baseline where it takes no control
        that sets a power."""
        mode = next((mode for mode in SETPOINTS if mode in self.modes), None)
        return (self.baseline_w, self.baseline_w) if mode is None else self.bounds_w(mode)

    @property
    def stored(self) -> tuple[float | None, float]:
        """The Wh stored, None if a DER has not reported its state of charge, and the Wh of capacity."""
        storage = [(der.capacity_wh, der.soc) for der in self.ders if der.capacity_wh]
        stored_wh = [capacity_wh * soc for capacity_wh, soc in storage if soc is not None]
        total_wh = sum(capacity_wh for capacity_wh, _ in storage)
        return sum(stored_wh) if len(stored_wh) == len(storage) else None, total_wh

    @property
    def baseline_w(self) -> float:
        """The injection without an order: the newest reading, within what it can do."""
        return min(max(self.injection_w or 0.0, self.lowest_w), self.highest_w)


def member_der(
    row: DerRow, injection_w: float | None, hours: float, modes: frozenset[str]
) -> MemberDer:
    """Return a DER from its row, with the `modes` that it is sent. Pure.

    `injection_w` is its present injection, `hours` is how long a power has to be held.
    """
    dischargeable_wh = chargeable_wh = None
    lowest_w, highest_w = -row.max_absorption_w, row.max_injection_w
    if row.max_absorption_w:
        empty_fraction = None if row.soc is None else 1 - row.soc
        dischargeable_wh = _energy_wh(row.dischargeable_wh, row.capacity_wh, row.soc)
        chargeable_wh = _energy_wh(row.chargeable_wh, row.capacity_wh, empty_fraction)
        if chargeable_wh is not None:
            lowest_w = -min(row.max_absorption_w, chargeable_wh / hours)
        if dischargeable_wh is not None:
            highest_w = min(row.max_injection_w, dischargeable_wh / hours)
    elif row.available_w is not None:
        # Some report the reserve above the present output, others all that the sun would give: it is at least
        # the greater.
        highest_w = min(highest_w, max(row.available_w, injection_w or 0.0, 0.0))
    if not row.connected:
        lowest_w = highest_w = 0.0
    return MemberDer(
        row.max_injection_w,
        row.max_absorption_w,
        lowest_w,
        highest_w,
        row.capacity_wh,
        row.soc,
        dischargeable_wh,
        chargeable_wh,
        modes,
    )


def _within_contract(der: MemberDer, agreed: BlockTerms | None, hours: float) -> MemberDer:
    """Return a DER with no more power, and no less energy left, than a contract of the storage of its site
    allows."""
    if agreed is None or not der.max_absorption_w:
        return der
    highest_w = min(der.highest_w, agreed.power_w)
    if der.dischargeable_wh is not None and der.capacity_wh is not None:
        free_wh = max(der.dischargeable_wh - agreed.reserve_percent / 100 * der.capacity_wh, 0.0)
        highest_w = min(highest_w, free_wh / hours)
    return replace(der, highest_w=highest_w, lowest_w=max(der.lowest_w, -agreed.power_w))


def _energy_wh(reported_wh: float | None, capacity_wh: float | None, fraction: float | None) -> float | None:
    if reported_wh is not None:
        return reported_wh if capacity_wh is None else min(reported_wh, capacity_wh)
    return None if capacity_wh is None or fraction is None else capacity_wh * fraction


def sent_modes(reported: str, lfdi: Lfdi) -> frozenset[str]:
    """Return those of the modes that a DER takes (their names) that its device is sent. By a profile without
    extensions it would never see those of CSIP-AUS, whatever it reports."""
    return _sent(reported, profiles.variant(lfdi, variants.NO_LEVEL).extensions)


@lru_cache(maxsize=1024)
def _sent(reported: str, extensions: bool) -> frozenset[str]:
    return frozenset(name for name in reported.split() if extensions or not name.startswith(_CSIP_AUS))


def _within_point(ders: Sequence[MemberDer], limit: DeviceLimit | None) -> Iterator[MemberDer]:
    """Yield the DERs of a device with no more power, in the order of the DERs, than the limits of its own
    connection point leave."""
    import_w, export_w = (math.inf, math.inf) if limit is None else limit.least
    for der in ders:
        limited = replace(der, lowest_w=max(der.lowest_w, -import_w), highest_w=min(der.highest_w, export_w))
        import_w -= max(-limited.lowest_w, 0.0)
        export_w -= max(limited.highest_w, 0.0)
        yield limited


def read(devices: Iterable[Device], hours: float = 1.0, start: Instant | None = None) -> list[Member]:
    """Return these devices as members, without those that are suspended; a power has to be held for `hours`
    from `start` (default: now) on."""
    members: list[Member] = []
    now = clock.now()
    span = devicelimits.during(now if start is None else start, round(hours * 3600))
    enrolled = [device for device in devices if device.state == Device.ENROLLED]
    limits = devicelimits.of_devices([device.id for device in enrolled], span)
    for chunk in chunked(enrolled, CHUNK):
        ders = _der_rows([device.id for device in chunk])
        lfdis = [device.lfdi for device in chunk]
        readings, stopped = power.latest(lfdis), stops.stopped_lfdis(lfdis)
        agreed = siteblocks.agreed_storage([device.id for device in chunk])
        for device in chunk:
            rows, reading = ders[device.id], readings.get(device.lfdi)
            share_w = reading.injection_w / len(rows) if reading and rows else None
            timeout_s = ONLINE_POLLS * pollrates.poll("EndDevice", device.lfdi)
            members.append(
                Member(
                    device.lfdi,
                    device.name,
                    device.kind,
                    device.last_contact_at is not None and now - device.last_contact_at <= timeout_s,
                    tuple(_within_point(
                        [_within_contract(member_der(row, share_w, hours, sent_modes(row.modes, device.lfdi)),
                                          agreed.get(device.id), hours)
                         for row in rows], limits.get(device.id))),
                    reading.injection_w if reading else None,
                    reading.at if reading else None,
                    stopped=device.lfdi in stopped,
                )
            )
    return members


def _der_rows(devices: list[int]) -> dict[int, list[DerRow]]:
    """Return the rows of DERs by device (number)."""
    rows: dict[int, list[DerRow]] = defaultdict(list)
    for device, *columns in sql.among(_SELECT + " WHERE device_id IN ({}) ORDER BY href", devices):
        rows[device].append(DerRow(*columns))
    return rows
