"""What the members of a virtual DER are able to do now, from what they said of themselves.

What a store can still give or take comes from DERAvailability's durations if it has them, else from its state
of charge, and bounds the power it can hold for the time asked about.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from peewee import chunked

from server import clock
from server.grid.fleet import power
from server.models import Device
from server.resources import pollrates, sql

ONLINE_POLLS = 3
_CHUNK = 400


class Row(NamedTuple):
    """What a DER has said of itself: columns of `models.Unit`, by which see."""
    max_injection_w: float
    max_absorption_w: float
    capacity_wh: float | None
    soc: float | None
    dischargeable_wh: float | None
    chargeable_wh: float | None
    available_w: float | None
    connected: bool
    modes: str


_SELECT = f"SELECT device_id, {', '.join(Row._fields)} FROM der_state"


@dataclass(frozen=True)
class MemberDer:
    """One DER. Powers in W: `inject` and `absorb` are its rated magnitudes, `low` to `high` what it can do
    now, as injection; energies in Wh that it can still give (`up`) and take (`down`), None where that is no
    question."""
    max_injection_w: float
    max_absorption_w: float
    low: float
    high: float
    capacity_wh: float | None
    soc: float | None
    dischargeable_wh: float | None
    chargeable_wh: float | None
    modes: frozenset[str]


@dataclass(frozen=True)
class Member:
    """A device and the sum of its DERs. `present` is its injection by the newest reading, in W. For `tier`
    and `left` see `turns`."""
    lfdi: str
    name: str
    kind: str
    online: bool
    units: tuple[MemberDer, ...]
    present: float | None
    present_at: int | None
    tier: int = 0
    left: float = 1.0

    @property
    def modes(self) -> frozenset[str]:
        return frozenset().union(*(unit.modes for unit in self.units))

    @property
    def max_injection_w(self) -> float:
        return sum(unit.max_injection_w for unit in self.units)

    @property
    def max_absorption_w(self) -> float:
        return sum(unit.max_absorption_w for unit in self.units)

    @property
    def low(self) -> float:
        return sum(unit.low for unit in self.units)

    @property
    def high(self) -> float:
        return sum(unit.high for unit in self.units)

    @property
    def stored(self) -> tuple[float | None, float]:
        """Wh in its stores, None if one of them has not said, and Wh they hold when full."""
        stores = [(unit.capacity_wh, unit.soc) for unit in self.units if unit.capacity_wh]
        charged = [capacity * charge for capacity, charge in stores if charge is not None]
        return sum(charged) if len(charged) == len(stores) else None, sum(capacity for capacity, _ in stores)

    @property
    def baseline(self) -> float:
        """What it is taken to inject if nobody asks: its newest reading, within what it can do."""
        return min(max(self.present or 0.0, self.low), self.high)


def member_der(row: Row, present: float | None, hours: float) -> MemberDer:
    """A DER from its row. `present` is its injection in W, `hours` is how long a power has to be held.
    Pure."""
    up = down = None
    if row.max_absorption_w:
        up = _energy(row.dischargeable_wh, row.capacity_wh, row.soc)
        down = _energy(row.chargeable_wh, row.capacity_wh, None if row.soc is None else 1 - row.soc)
    low = -row.max_absorption_w if down is None else -min(row.max_absorption_w, down / hours)
    high = row.max_injection_w if up is None else min(row.max_injection_w, up / hours)
    if row.available_w is not None and not row.max_absorption_w:
        # Reserve above the present output to some, all that the sun would give to others: it is at least the
        # greater.
        high = min(high, max(row.available_w, present or 0.0, 0.0))
    if not row.connected:
        low = high = 0.0
    return MemberDer(
        row.max_injection_w,
        row.max_absorption_w,
        low,
        high,
        row.capacity_wh,
        row.soc,
        up,
        down,
        _modes(row.modes),
    )


def _energy(said: float | None, capacity: float | None, fraction: float | None) -> float | None:
    if said is not None:
        return said
    return None if capacity is None or fraction is None else capacity * fraction


@lru_cache(maxsize=1024)
def _modes(names: str) -> frozenset[str]:
    return frozenset(names.split())


def read(devices: Iterable[Device], hours: float = 1.0) -> list[Member]:
    """The members that these devices are, those that are suspended left out."""
    found: list[Member] = []
    now = clock.now()
    for some in chunked((device for device in devices if device.state == Device.ENROLLED), _CHUNK):
        ders = _rows([device.id for device in some])
        injected = power.latest([device.lfdi for device in some])
        for device in some:
            rows, reading = ders[device.id], injected.get(device.lfdi)
            present = reading.watts / len(rows) if reading and rows else None
            patience = ONLINE_POLLS * pollrates.poll("EndDevice", device.lfdi)
            found.append(
                Member(
                    device.lfdi,
                    device.name,
                    device.kind,
                    device.last_contact_at is not None and now - device.last_contact_at <= patience,
                    tuple(member_der(row, present, hours) for row in rows),
                    reading and reading.watts,
                    reading and reading.at,
                )
            )
    return found


def _rows(numbers: list[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for device, *row in sql.rows(
        f"{_SELECT} WHERE device_id IN ({sql.marks(len(numbers))}) ORDER BY href", *numbers
    ):
        found[device].append(Row(*row))
    return found
