"""EndDevice and Registration as documents, and the rows that follow from them (8.5).

The EndDevice document is the truth; the Device and Audience rows are derived from it. An enrolled device has
a DER from the start, so that every link that it follows resolves before it has submitted anything.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from server import clock
from server.config import settings
from server.devices import access, identity
from server.errors import Refused
from server.models import EVERYONE, JSON, Audience, Device, among, changes, pages
from server.models.base import CHUNK
from server.resources import documents, profiles, sql, store, table
from server.resources.hooks import Change, after, after_all, before, rebuild, seed
from server.resources.variants import CSIP_AUS
from server.units import Href, Lfdi

AGGREGATOR = access.AGGREGATOR
# What an enrolled device has from the start, below its EndDevice; its DER has what every DER has.
CONNECTION_POINT = "ConnectionPoint"  # with the profile of CSIP-AUS
_DEVICE_PLACEHOLDERS = ("DeviceInformation", "DeviceStatus", "PowerStatus")
_COLUMNS = ("id", "lfdi", "sfdi", "name", "kind", "labels", "state", "manager", "profile", "enrolled_at")


class Entry(NamedTuple):
    """A device to enrol, and what operators say of it.

    `pin` includes the check digit; None makes a new one. `manager` is the LFDI of the aggregator that acts
    for the device. `category` is the DeviceCategoryType bitmap; None takes that of the kind, where it is
    clear. `profile` is its own (resources.variants), "" for that of the server.
    """
    lfdi: Lfdi
    pin: int | None = None
    name: str = ""
    kind: str = ""
    labels: Mapping[str, str] = MappingProxyType({})
    manager: Lfdi = ""
    category: int | None = None
    profile: str = ""


def rerender(*devices: Device) -> None:
    """Write the EndDevices of devices again, so that hooks see changes of their rows (labels, kind,
    manager)."""
    store.put_all({document.href: document.submitted
                   for document in documents.among("href", map(href, devices))})


def href(device: Device) -> Href:
    """Return the href of a device's EndDevice."""
    return table.rows["EndDevice"].href(device=device.id)


def add_connection_points(numbers: Iterable[int] | None = None) -> None:
    """Give devices, by their numbers, a ConnectionPoint that says nothing yet, where their profile is that of
    CSIP-AUS; all devices without numbers, in transactions of CHUNK."""
    query, row = Device.select(Device.id, Device.profile), table.rows[CONNECTION_POINT]
    for devices in pages.rows(query, Device.id, CHUNK) if numbers is None else [
            among(query, Device.id, numbers)]:
        store.add_placeholders({row.href(device=device.id): CONNECTION_POINT
                                for device in devices if _is_csip_aus(device.profile)})


def _is_csip_aus(profile: str) -> bool:
    return (profile or settings.profile) == CSIP_AUS


@before("POST", "EndDevice")
def _check_new(change: Change) -> None:
    data, caller = change.data, change.caller
    lfdi = data.setdefault("lFDI", caller.lfdi if caller else "")
    check_lfdi(lfdi)
    sfdi = data.setdefault("sFDI", identity.sfdi(lfdi))
    if caller is not None:
        _check_registration(caller, lfdi)
    if sfdi != identity.sfdi(lfdi):
        raise Refused(400, f"EndDevice/sFDI: {sfdi} is not the SFDI of {lfdi}")
    if "entry" not in change.notes and sql.row("SELECT 1 FROM device WHERE lfdi = ?", lfdi) is not None:
        raise Refused(409, f"EndDevice/lFDI: {lfdi} is enrolled already")
    data["changedTime"] = clock.now()
    data.setdefault("enabled", True)
    change.audience = lfdi


def _check_registration(caller: access.Caller, lfdi: Lfdi) -> None:
    """Refuse (403) a device that registers another one, or that may not register itself."""
    if lfdi != caller.lfdi and caller.kind != AGGREGATOR:
        refusal = Refused(403, "EndDevice/lFDI: this is not the LFDI of your certificate")
        raise refusal if caller.enrolled else access.logged(refusal, access.NOT_REGISTERED)
    if not settings.registration:
        refusal = Refused(403, "devices are enrolled by the utility here, not by themselves")
        raise refusal if caller.enrolled else access.logged(refusal, access.NOT_REGISTERED)


@after_all("POST", "EndDevice")
def _add_devices(added: list[Change]) -> None:
    """Add the rows of new devices, their PINs, and what they have from the start."""
    entries = {change.href: change.notes.get("entry") or _registered(change) for change in added}
    sql.insert(
        "device", _COLUMNS,
        ((table.number(change.href), entry.lfdi, change.data["sFDI"], entry.name, entry.kind,
          JSON().db_value(dict(entry.labels)), Device.ENROLLED, entry.manager, entry.profile, clock.now())
         for change in added for entry in [entries[change.href]]))
    if any(entry.profile for entry in entries.values()):
        profiles.note_change()
    _add_audiences((entry.lfdi, entry.manager) for entry in entries.values())
    count_managed(entry.manager for entry in entries.values())
    store.add_all("DER", [(f"{href}/der", {}) for href in entries])
    store.add_placeholders({
        table.rows[kind].href(device=table.number(href)): kind for href, entry in entries.items()
        for kind in (*_DEVICE_PLACEHOLDERS, *([CONNECTION_POINT] if _is_csip_aus(entry.profile) else []))})
    _register({href: entry.pin for href, entry in entries.items()})
    changes.note_all(changes.DEVICE, "enrolled", [
        changes.ChangedSubject(entry.lfdi, entry.lfdi, {"name": entry.name}) for entry in entries.values()])


def _registered(change: Change) -> Entry:
    """Return the entry of a device that registers itself, or that its aggregator registers."""
    lfdi, caller = change.data["lFDI"], change.caller
    manager = caller.lfdi if caller is not None and caller.lfdi != lfdi else ""
    return Entry(lfdi, _read_pins().get(lfdi), manager=manager)


def _register(pins: Mapping[Href, int | None]) -> None:
    """Give devices (the hrefs of their EndDevices) these PINs, or new ones."""
    store.put_all({f"{href}/rg": {
        "dateTimeRegistered": clock.now(),
        "pIN": identity.new_pin() if pin is None else check_pin(pin)}
        for href, pin in pins.items()})


def check_lfdi(lfdi: str, kind: str = "EndDevice") -> None:
    """Refuse (400) what is not an LFDI."""
    if not identity.is_lfdi(lfdi) or not int(lfdi, 16):
        raise Refused(400, f"{kind}/lFDI: {lfdi!r} is not 40 hexadecimal digits")


def check_pin(pin: int | None) -> int | None:
    """Return a PIN, or None for none. Refused (400) where its last digit does not check the others."""
    if pin is not None and not identity.is_pin(pin):
        raise Refused(400, f"PIN {pin:06d}: the last digit is not a check digit of the others")
    return pin


@seed
def _read_pins() -> dict[Lfdi, int]:
    """Return the PINs of devices that may register themselves, by LFDI.

    The file is read for each registration, and at the start, so that faults in it show then.
    """
    if not settings.pins:
        return {}
    try:
        return {entry["lfdi"]: int(entry["pin"]) for entry in json.loads(Path(settings.pins).read_text())}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused(
            503, f"setting pins: {settings.pins} is no JSON list of objects with lfdi and pin: {error}"
        ) from None


def _add_audiences(devices: Iterable[tuple[Lfdi, Lfdi]]) -> int:
    """Let devices, and their managers, see the devices' documents; return how many rows were new."""
    rows, lfdis = set(), set()
    for lfdi, manager in devices:
        rows |= {(lfdi, EVERYONE), (lfdi, lfdi), *([(manager, lfdi)] if manager else [])}
        lfdis.add(lfdi)
    present = {(lfdi, audience) for column in ("lfdi", "audience") for lfdi, audience in sql.among(
        f"SELECT lfdi, audience FROM audience WHERE {column} IN ({{}})", lfdis)}  # a manager has many others
    sql.insert("audience", ("lfdi", "audience"), sorted(rows - present))
    return len(rows - present)


def count_managed(managers: Iterable[Lfdi]) -> None:
    """Render the EndDevices of aggregators again after they manage others, since in the 2023 edition these
    have a link that counts the devices; in other editions they stay as they are."""
    if profiles.default().edition == 2023:
        store.touch(*(table.rows["EndDevice"].href(device=number) for number, in sql.among(
            "SELECT id FROM device WHERE lfdi IN ({})", {manager for manager in managers if manager})))


@before("PUT", "EndDevice")
def _check_identity(change: Change) -> None:
    old = change.old or {}
    for key in ("lFDI", "sFDI"):
        if change.data.setdefault(key, old.get(key)) != old.get(key):
            raise Refused(403, f"EndDevice/{key}: an EndDevice keeps its identity")
    if change.caller is not None:
        change.data["changedTime"] = clock.now()
        if not settings.registration and "enabled" in old:
            change.data["enabled"] = old["enabled"]  # whether it is registered is the utility's to say


@before("DELETE", "EndDevice")
def _check_removal(change: Change) -> None:
    if change.caller is not None and not settings.registration:
        raise Refused(403, "devices are enrolled and removed by the utility here")


@after("DELETE", "EndDevice")
def _remove_device(change: Change) -> None:
    lfdi = change.data["lFDI"]
    for mirror in documents.own("/mup", lfdi):
        store.remove(mirror.href)
    Audience.delete().where((Audience.lfdi == lfdi) | (Audience.audience == lfdi)).execute()
    device = Device.get(Device.lfdi == lfdi)
    count_managed([device.manager])
    changes.note(changes.DEVICE, "removed", lfdi, lfdi, name=device.name)
    Device.delete().where(Device.lfdi == lfdi).execute()


@rebuild
def _rebuild_rows() -> int:
    """Rebuild Device and Audience rows from the EndDevice documents; return how many changed."""
    end_devices = {table.number(document.href): document.submitted for document in store.items("/edev")}
    stored = {device.id: device for device in Device.select()}
    missing = end_devices.keys() - stored.keys()
    sql.insert("device", _COLUMNS, (
        (number, data["lFDI"], data["sFDI"], "", "", "{}", Device.ENROLLED, "", "", data["changedTime"])
        for number in missing for data in [end_devices[number]]))
    changed = len(missing) + _add_audiences(
        (data["lFDI"], device.manager if device is not None and device.state == Device.ENROLLED else "")
        for number, data in end_devices.items() for device in [stored.get(number)])
    aggregators = Device.select(Device.lfdi).where(Device.kind == AGGREGATOR)
    changed += int(Device.update(manager="").where(
        (Device.manager != "") & Device.manager.not_in(aggregators)).execute())
    left = stored.keys() - end_devices.keys()
    sql.many("DELETE FROM device WHERE id = ?", ((number,) for number in left))
    return changed + len(left)
