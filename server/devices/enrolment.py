"""What operators do with devices: enrol them, find them, suspend, label and remove them (8.5).

Devices may register themselves, too; what both have in common is in `enddevices`.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from server import audit, scopes
from server.devices import access, aggregators, devicelabels, names
from server.devices.enddevices import Entry, add_connection_points, check_lfdi, check_pin, href, rerender
from server.errors import Refused
from server.models import JSON, Device, among, changes
from server.resources import outbox, profiles, sql, store
from server.resources.codes import DeviceCategory
from server.resources.variants import PROFILES
from server.units import Lfdi

__all__ = ["AGGREGATOR", "CATEGORIES", "Entry", "check", "enrol", "enrol_all", "find", "href", "plain",
           "relabel", "relabel_all", "remove", "renamed", "rerender", "restore", "suspend", "update"]
AGGREGATOR = access.AGGREGATOR
# The DeviceCategoryType of loads by their kind, where that is clear; DERs report their DERType.
CATEGORIES: dict[str, DeviceCategory] = {
    "thermostat": DeviceCategory.THERMOSTAT,
    "waterheater": DeviceCategory.WATER_HEATER,
    "loadswitch": DeviceCategory.LOAD_SWITCH,
    "poolpump": DeviceCategory.POOL_PUMP,
    "ev": DeviceCategory.ELECTRIC_VEHICLE,
    "evcharger": DeviceCategory.EVSE,
    "evse": DeviceCategory.EVSE,
}


def _state(device: str | Device) -> dict[str, Any]:
    """Return what the audit log records of a device: what operators set, without secrets."""
    row = find(device.lfdi if isinstance(device, Device) else device)
    names_ = "id", "lfdi", "name", "kind", "labels", "state", "manager", "profile"
    return {name: getattr(row, name) for name in names_}


@audit.audited("device enrol", "{lfdi} {name}", answer=_state)
def enrol(
    lfdi: Lfdi,
    pin: int | None = None,
    name: str = "",
    kind: str = "",
    labels: Mapping[str, str] = MappingProxyType({}),
    manager: Lfdi = "",
    category: int | None = None,
    profile: str = "",
) -> Device:
    """Enrol a device and return its row. For the arguments see `Entry`, for errors `enrol_all`."""
    return enrol_all([Entry(lfdi, pin, name, kind, labels, manager, category, profile)])[0]


def enrol_all(entries: Iterable[Entry]) -> list[Device]:
    """Enrol devices, all or none, and return their rows.

    Refused (400) for a malformed LFDI or PIN, (409) for an LFDI that is enrolled already or a manager that is
    not, before it or with it.
    """
    chosen = [entry._replace(lfdi=plain(entry.lfdi)) for entry in entries]
    check(chosen)
    with store.transaction():
        store.add_all("EndDevice", [("/edev", _end_device(entry)) for entry in chosen],
                      audience=[entry.lfdi for entry in chosen],
                      notes=[{"entry": entry} for entry in chosen])
        device_of = {device.lfdi: device for device in among(
            Device.select(), Device.lfdi, (entry.lfdi for entry in chosen))}
        return [device_of[entry.lfdi] for entry in chosen]


def plain(lfdi: str) -> Lfdi:
    """Return an LFDI without the marks between its digits, which people write."""
    return lfdi.replace("-", "").replace(":", "").upper()


def check(entries: Sequence[Entry]) -> None:
    """Refuse entries that cannot be enrolled, as `enrol_all` does."""
    acting = {device.lfdi for device in among(
        Device.select(Device.lfdi).where(Device.kind == AGGREGATOR), Device.lfdi,
        (entry.manager for entry in entries if entry.manager))}
    acting |= {entry.lfdi for entry in entries if entry.kind == AGGREGATOR}
    enrolled = {lfdi for lfdi, in sql.among(
        "SELECT lfdi FROM device WHERE lfdi IN ({})", (entry.lfdi for entry in entries))}
    for entry in entries:
        check_lfdi(entry.lfdi)
        if entry.lfdi in enrolled:
            raise Refused(409, f"EndDevice/lFDI: {entry.lfdi} is enrolled already, or is there twice")
        if entry.manager and entry.manager not in acting:
            raise Refused(409, f"no aggregator is enrolled with the LFDI {entry.manager}")
        aggregators.check_managed(entry.kind, entry.manager)
        enrolled.add(entry.lfdi)
        names.check_name(entry.name)
        devicelabels.check(entry.labels)
        check_pin(entry.pin)
        check_profile(entry.profile)


def check_profile(profile: str) -> str:
    """Return a profile, or "" for that of the server. Refused (400) for another name."""
    if profile and profile not in PROFILES:
        raise Refused(400, f"there is no profile {profile!r}; specify one of {', '.join(PROFILES)}")
    return profile


def _end_device(entry: Entry) -> dict[str, Any]:
    category = entry.category
    if category is None:
        category = _category(entry.kind)
    return {"lFDI": entry.lfdi} if category is None else {
        "lFDI": entry.lfdi, "deviceCategory": f"{category:08X}"}


def find(name: str) -> Device:
    """Return the device with this LFDI, SFDI, number or name.

    Refused (404) where there is none that is visible, or more than one. LFDIs are identities; the rest may
    be shared.
    """
    query = Device.lfdi == name.replace("-", "").upper()
    if name.isdecimal() and len(name) < 19:
        query |= (Device.sfdi == int(name)) | (Device.id == int(name))
    # an identity goes before a name: no name takes the number of another device away
    visible = scopes.devices(Device.select())
    devices: list[Device] = list(visible.where(query)) or list(
        visible.where(Device.name == name).order_by(Device.id))
    if not devices:
        raise Refused(404, f"no device is called {name!r}{names.meant(name)}")
    if len(devices) > 1:
        listed = names.candidates(devices)
        raise Refused(404, f"{len(devices)} devices are called {name!r}: {listed}; specify the number")
    return devices[0]


@audit.audited("device suspend", "{lfdi} {name}", state=_state)
def suspend(device: Device, suspended: bool = True) -> None:
    """Refuse every request of a device from now on, and its aggregator's for it, or accept them again."""
    with store.transaction():
        device.state = Device.SUSPENDED if suspended else Device.ENROLLED
        device.save()
        changes.note(changes.DEVICE, "suspended" if suspended else "restored", device.lfdi, device.lfdi,
                     name=device.name)
        aggregators.follow([device])


@audit.audited("device restore", "{lfdi} {name}", state=_state)
def restore(device: Device) -> None:
    """Accept the requests of a suspended device again."""
    suspend(device, False)


def relabel(
    device: Device, labels: dict[str, str | None], name: str | None = None, kind: str | None = None
) -> None:
    """Set labels (None removes one), name or kind; the virtual DERs of the device follow at once."""
    if kind is not None and kind != AGGREGATOR:
        aggregators.release_in_parts(device)
    _relabel(device, labels, name, kind)


@audit.audited("device label", "{lfdi} {name}", state=_state)
def _relabel(device: Device, labels: dict[str, str | None], name: str | None, kind: str | None) -> None:
    changed = renamed(device, labels, name, kind)
    relabel_all([changed])
    device.__data__.update(changed.__data__)


def renamed(device: Device, labels: dict[str, str | None], name: str | None, kind: str | None) -> Device:
    """Return a copy of a device's row with these labels, name and kind, as in `relabel`. Pure."""
    devicelabels.check(labels)
    merged = {**device.labels, **labels}
    changed = Device(**device.__data__)
    changed.labels = {key: value for key, value in merged.items() if value is not None}
    changed.name = device.name if name is None or name == device.name else names.check_name(name)
    changed.kind = device.kind if kind is None else kind
    return changed


@audit.audited("device update", "{lfdi} {name}", state=_state)
def update(device: Device, profile: str) -> None:
    """Give a device a profile of its own, or with "" that of the server; its next request is answered so."""
    device.profile = check_profile(profile)
    with store.transaction():
        profiles.assign([(device.id, profile)])
        add_connection_points([device.id])
        outbox.audiences_changed([device.lfdi])


def relabel_all(devices: Sequence[Device]) -> None:
    """Write the labels, names and kinds of these rows, all or none; the virtual DERs follow at once."""
    with store.transaction():
        stored = {device.id: device for device in among(
            Device.select(), Device.id, (device.id for device in devices))}
        sql.many("UPDATE device SET labels = ?, name = ?, kind = ? WHERE id = ?",
                 ((JSON().db_value(device.labels), device.name, device.kind, device.id)
                  for device in devices))
        for device in devices:
            aggregators.check_managed(device.kind, stored[device.id].manager)
            if stored[device.id].kind == AGGREGATOR != device.kind:
                aggregators.release(device)
            if stored[device.id].kind != device.kind:
                _categorise(device)
        rerender(*devices)


def _categorise(device: Device) -> None:
    """Give the EndDevice of a load the category of its kind, as enrolment does, unless it has one."""
    category, document = _category(device.kind), store.get(href(device))
    if category is None or document is None or "deviceCategory" in document.submitted:
        return
    store.put(href(device), {**document.submitted, "deviceCategory": f"{category:08X}"})


def _category(kind: str) -> DeviceCategory | None:
    return CATEGORIES.get("".join(filter(str.isalnum, kind.lower())))


def remove(device: Device) -> None:
    """Remove a device and everything that it has submitted; its readings stay. Nobody acts for the devices of
    an aggregator from then on."""
    aggregators.release_in_parts(device)
    _remove(device)


@audit.audited("device remove", "{lfdi} {name}", state=_state)
def _remove(device: Device) -> None:
    store.remove(href(device))
