"""What the members of a virtual DER are able to do now, from what they said of themselves.

Settings override ratings. What a store can still give or take comes from DERAvailability's durations if it has them,
else from its state of charge, and bounds the power it can hold for the time asked about.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from peewee import chunked

from server import clock
from server.grid import modes, power
from server.grid.units import FULL, number
from server.models import Device, Document
from server.protocol.functionsets import edev
from server.resources import rates

Documents = Mapping[str, Mapping[str, Any]]
ONLINE_POLLS = 3
_SINGLETONS = {"DERCapability": "dercap", "DERSettings": "derg", "DERStatus": "ders", "DERAvailability": "dera"}
_EV = frozenset({81, 82})
_CONNECTED = 1
_CHUNK = 200


@dataclass(frozen=True)
class Unit:
    """One DER. Powers in W: `inject` and `absorb` are its rated magnitudes, `low` to `high` what it can do now, as
    injection; energies in Wh that it can still give (`up`) and take (`down`), None where that is no question."""
    inject: float
    absorb: float
    low: float
    high: float
    capacity: float | None
    charge: float | None
    up: float | None
    down: float | None
    modes: frozenset[str]


@dataclass(frozen=True)
class Member:
    """A device and the sum of its DERs. `present` is its injection by the newest reading, in W."""
    lfdi: str
    name: str
    kind: str
    online: bool
    units: tuple[Unit, ...]
    present: float | None
    present_at: int | None

    @property
    def modes(self) -> frozenset[str]:
        return frozenset().union(*(unit.modes for unit in self.units))

    @property
    def inject(self) -> float:
        return sum(unit.inject for unit in self.units)

    @property
    def absorb(self) -> float:
        return sum(unit.absorb for unit in self.units)

    @property
    def low(self) -> float:
        return sum(unit.low for unit in self.units)

    @property
    def high(self) -> float:
        return sum(unit.high for unit in self.units)

    @property
    def stored(self) -> tuple[float | None, float]:
        """Wh in its stores, None if one of them has not said, and Wh they hold when full."""
        stores = [(unit.capacity, unit.charge) for unit in self.units if unit.capacity]
        charged = [capacity * charge for capacity, charge in stores if charge is not None]
        return sum(charged) if len(charged) == len(stores) else None, sum(capacity for capacity, _ in stores)

    @property
    def baseline(self) -> float:
        """What it is taken to inject if nobody asks: its newest reading, within what it can do."""
        return min(max(self.present or 0.0, self.low), self.high)


def unit(said: Documents, present: float | None, hours: float) -> Unit | None:
    """A DER from its documents by kind; None if it has stated no rating. `hours` is how long a power has to be held."""
    capability, settings = said.get("DERCapability", {}), said.get("DERSettings", {})
    status, available = said.get("DERStatus", {}), said.get("DERAvailability", {})

    def rated(name: str) -> float | None:
        return number(settings.get(f"set{name}", capability.get(f"rtg{name}")))

    if "type" not in capability and not settings:
        return None
    absorb, discharge, most = rated("MaxChargeRateW") or 0.0, rated("MaxDischargeRateW"), rated("MaxW") or 0.0
    inject = discharge or 0.0 if capability.get("type") in _EV else most if discharge is None else max(discharge, most)
    capacity, charge = rated("MaxWh"), _percent(status.get("stateOfChargeStatus", {}).get("value"))
    up = down = None
    if absorb:
        up = _energy(inject, available.get("availabilityDuration"), capacity, charge)
        down = _energy(absorb, available.get("maxChargeDuration"), capacity, None if charge is None else 1 - charge)
    low = -absorb if down is None else -min(absorb, down / hours)
    high = inject if up is None else min(inject, up / hours)
    offered = number(available.get("statWAvail"))
    if offered is not None and not absorb:
        # Reserve above the present output to some, all that the sun would give to others: it is at least the greater.
        high = min(high, max(offered, present or 0.0, 0.0))
    if not _connected(status):
        low = high = 0.0
    return Unit(inject, absorb, low, high, capacity, charge, up, down, modes.known(capability, settings))


def _percent(value: int | None) -> float | None:
    return None if value is None else value / FULL


def _energy(watts: float, seconds: int | None, capacity: float | None, fraction: float | None) -> float | None:
    if seconds is not None:
        return watts * seconds / 3600
    return None if capacity is None or fraction is None else capacity * fraction


def _connected(status: Mapping[str, Any]) -> bool:
    stated = [int(status[key]["value"] or "0", 16) for key in ("genConnectStatus", "storConnectStatus") if key in status]
    return not stated or any(bits & _CONNECTED for bits in stated)


def read(devices: Iterable[Device], hours: float = 1.0) -> list[Member]:
    """The members that these devices are, those that are suspended left out."""
    found: list[Member] = []
    now = clock.now()
    for some in chunked((device for device in devices if device.state == Device.ENROLLED), _CHUNK):
        said = _said(some)
        injected = power.latest([device.lfdi for device in some])
        for device in some:
            ders, reading = said[device.id], injected.get(device.lfdi)
            present = reading.watts / len(ders) if reading and ders else None
            units = tuple(each for each in (unit(documents, present, hours) for documents in ders) if each)
            patience = ONLINE_POLLS * rates.poll("EndDevice", device.lfdi)
            found.append(Member(device.lfdi, device.name, device.kind,
                                device.seen_at is not None and now - device.seen_at <= patience, units,
                                reading and reading.watts, reading and reading.at))
    return found


def _said(devices: list[Device]) -> dict[int, list[dict[str, Any]]]:
    """What is stated of each DER of each device, by kind."""
    above = {f"{edev.href(device)}/der": device.id for device in devices}
    ders = list(Document.select(Document.href, Document.parent).where(Document.parent.in_(list(above))))
    stated: dict[str, dict[str, Any]] = defaultdict(dict)
    for document in Document.select(Document.href, Document.parent, Document.kind, Document.stated).where(
            Document.href.in_([f"{der.href}/{last}" for der in ders for last in _SINGLETONS.values()])):
        if document.stated:
            stated[document.parent][document.kind] = document.stated
    found: dict[int, list[dict[str, Any]]] = {device.id: [] for device in devices}
    for der in ders:
        found[above[der.parent]].append(stated[der.href])
    return found
