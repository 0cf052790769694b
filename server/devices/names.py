"""Names and kinds of devices: which are possible, and which are taken already.

A name is what people call a device. Several may have the same, but then only number, LFDI or SFDI tells which
is meant. A kind is one of a list, so that the rules of virtual DERs can rely on its spelling.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from peewee import fn

from server import scopes
from server.errors import Refused
from server.models import Device, among
from server.resources import namehints

KINDS = (
    "pv", "battery", "inverter", "ev_charger", "ev", "thermostat", "heat_pump", "water_heater", "pool_pump",
    "appliance", "load_switch", "generator", "fuel_cell", "meter", "gateway", "aggregator", "device", "other")
_HEXADECIMAL = set("0123456789abcdefABCDEF")
_LFDI_LENGTH = 40
_MOST_LISTED = 10  # candidates in a message
_MOST_COMPARED = 5000  # names among which a similar one is looked for


def check_name(name: str) -> str:
    """Return a name; refuse (400) one that would be taken for a number or an LFDI."""
    if name.isdecimal():
        raise Refused(400, f"name {name!r}: a name of digits looks like the number of a device; add a letter")
    if len(name) == _LFDI_LENGTH and set(name) <= _HEXADECIMAL:
        raise Refused(400, f"name {name!r}: it looks like an LFDI; choose another name")
    return name


@lru_cache(maxsize=1024)
def canonical_kind(kind: str) -> str:
    """Return a kind in the spelling of the list: `ev_charger` for `evcharger` or `EV-Charger`.

    One that is not in the list is returned as it is.
    """
    return next((candidate for candidate in KINDS if namehints.is_same(kind, candidate)), kind)


def check_kind(kind: str) -> str:
    """Return a kind in the spelling of the list, or none; refuse (400) one that is not in the list, with what
    was probably meant."""
    canonical = canonical_kind(kind)
    if kind and canonical not in KINDS:
        raise Refused(400, f"kind {kind!r}: kinds are {', '.join(KINDS)}{namehints.meant(kind, KINDS)}")
    return canonical


def kinds_meant(kind: str) -> set[str]:
    """Return the kinds that a filter means: in the spelling of the list, and as it is written, which devices
    of earlier releases may have. Refused (400) where it is neither."""
    if kind and not Device.select().where(Device.kind == kind).exists():
        return {check_kind(kind)}
    return {kind, canonical_kind(kind)}


def warnings(device: Device) -> list[str]:
    """Return a sentence where another device has the same name."""
    if not device.name:
        return []
    namesakes = Device.select().where(Device.name == device.name, Device.id != device.id)
    listed = candidates(namesakes.order_by(Device.id))
    return [f"{device.name!r} is also the name of {listed}; specify the number in commands"] if listed else []


def shared(wanted: Collection[str]) -> dict[str, str]:
    """Return a sentence for each of these names that several devices have."""
    rows = among(Device.select(Device.name).group_by(Device.name).having(fn.COUNT(Device.id) > 1),
                 Device.name, filter(None, wanted))
    return {
        name: f"{name!r} is the name of {candidates(_called(name))}; specify the number in commands"
        for name in sorted(row.name for row in rows)}


def _called(name: str) -> list[Device]:
    return list(Device.select().where(Device.name == name).order_by(Device.id))


def candidates(devices: Iterable[Device]) -> str:
    """Return devices as a message lists them: `device 3 (3E4F…, battery), device 7 (…)`."""
    rows = list(devices)
    listed = [f"device {row.id} (LFDI {row.lfdi[:8]}…{', ' + row.kind if row.kind else ''})"
              for row in rows[:_MOST_LISTED]]
    more = len(rows) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")


def meant(name: str) -> str:
    """Return which names of devices were probably meant by one that does not exist."""
    query = scopes.devices(Device.select(Device.name).where(Device.name != "")).limit(_MOST_COMPARED)
    return namehints.meant(name, [row.name for row in query])
