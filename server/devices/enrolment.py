"""EndDevice and Registration: devices are enrolled by the utility or register themselves (8.5).

The EndDevice document is the truth; the Device and Audience rows are derived from it. An enrolled device has
a DER from the start, so that every link that it follows resolves before it has submitted anything.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server import audit, clock
from server.config import settings
from server.devices import access, identity, names
from server.errors import Refused
from server.models import EVERYONE, Audience, Device
from server.resources import documents, sql, store, table
from server.resources.codes import DeviceCategory
from server.resources.hooks import Change, after, before, rebuild, seed
from server.units import Href, Lfdi

AGGREGATOR = access.AGGREGATOR
# The DeviceCategoryType of loads by their kind, where that is clear; DERs report their DERType.
CATEGORIES: dict[str, DeviceCategory] = {
    "thermostat": DeviceCategory.THERMOSTAT,
    "waterheater": DeviceCategory.WATER_HEATER,
    "poolpump": DeviceCategory.POOL_PUMP,
    "ev": DeviceCategory.ELECTRIC_VEHICLE,
    "evcharger": DeviceCategory.EVSE,
    "evse": DeviceCategory.EVSE,
}
# What an enrolled device has from the start, below its EndDevice; its DER has what every DER has.
_DEVICE_PLACEHOLDERS = ("DeviceInformation", "DeviceStatus", "PowerStatus")


def _state(device: str | Device) -> dict[str, Any]:
    """Return what the audit log records of a device: what operators set, without secrets."""
    row = find(device.lfdi if isinstance(device, Device) else device)
    return {name: getattr(row, name) for name in ("id", "lfdi", "name", "kind", "labels", "state", "manager")}


@audit.audited("device enrol", "{lfdi} {name}", answer=_state)
def enrol(
    lfdi: Lfdi,
    pin: int | None = None,
    name: str = "",
    kind: str = "",
    labels: dict[str, str] | None = None,
    manager: Lfdi = "",
    category: int | None = None,
) -> Device:
    """Enrol a device and return its row.

    `pin` includes the check digit; None makes a new one. `manager` is the LFDI of the aggregator that acts
    for the device. `category` is the DeviceCategoryType bitmap; None takes that of the kind, where it is
    clear. Refused (400) for a malformed LFDI or PIN, (409) for an LFDI that is enrolled already or a manager
    that is not.
    """
    lfdi = lfdi.replace("-", "").replace(":", "").upper()
    if manager and not Device.select().where(Device.lfdi == manager, Device.kind == AGGREGATOR).exists():
        raise Refused(409, f"no aggregator is enrolled with the LFDI {manager}")
    data: dict[str, Any] = {"lFDI": lfdi}
    if category is None:
        category = CATEGORIES.get("".join(filter(str.isalnum, kind.lower())))
    if category is not None:
        data["deviceCategory"] = f"{category:08X}"
    with store.batch():
        change = store.post("EndDevice", "/edev", data, audience=lfdi)
        device = Device.get(Device.lfdi == lfdi)
        device.name, device.kind, device.manager = names.check_name(name), kind, manager
        device.labels = labels or {}
        device.save()
        _add_audiences(device)
        _register(change.href, pin)
        rerender(device)
    return device


def rerender(device: Device) -> None:
    """Write a device's EndDevice again, so that hooks see changes of its row (labels, kind, manager)."""
    document = store.get(href(device))
    assert document is not None, device.lfdi
    store.put(document.href, document.submitted)


def href(device: Device) -> Href:
    """Return the href of a device's EndDevice."""
    return table.rows["EndDevice"].href(device=device.id)


def find(name: str) -> Device:
    """Return the device with this LFDI, SFDI, number or name.

    Refused (404) where there is none, or more than one. LFDIs are identities; the rest may be shared.
    """
    query = Device.lfdi == name.replace("-", "").upper()
    if name.isdecimal() and len(name) < 19:
        query |= (Device.sfdi == int(name)) | (Device.id == int(name))
    # an identity goes before a name: no name takes the number of another device away
    devices: list[Device] = list(Device.select().where(query)) or list(
        Device.select().where(Device.name == name).order_by(Device.id))
    if not devices:
        raise Refused(404, f"no device is called {name!r}{names.meant(name)}")
    if len(devices) > 1:
        listed = names.candidates(devices)
        raise Refused(404, f"{len(devices)} devices are called {name!r}: {listed}; specify the number")
    return devices[0]


@audit.audited("device suspend", "{lfdi} {name}", state=_state)
def suspend(device: Device, suspended: bool = True) -> None:
    """Refuse every request of a device from now on, or accept its requests again."""
    with store.transaction(href(device)):
        device.state = Device.SUSPENDED if suspended else Device.ENROLLED
        device.save()
        rerender(device)


@audit.audited("device restore", "{lfdi} {name}", state=_state)
def restore(device: Device) -> None:
    """Accept the requests of a suspended device again."""
    suspend(device, False)


@audit.audited("device label", "{lfdi} {name}", state=_state)
def relabel(
    device: Device, labels: dict[str, str | None], name: str | None = None, kind: str | None = None
) -> None:
    """Set labels (None removes one), name or kind; the virtual DERs of the device follow at once."""
    with store.transaction():
        merged = {**device.labels, **labels}
        device.labels = {key: value for key, value in merged.items() if value is not None}
        device.name = device.name if name is None or name == device.name else names.check_name(name)
        was_aggregator = device.kind == AGGREGATOR
        device.kind = device.kind if kind is None else kind
        device.save()
        if was_aggregator and device.kind != AGGREGATOR:
            _release_managed(device.lfdi)
        rerender(device)


def _release_managed(aggregator: Lfdi) -> None:
    """Let nobody act any more for the devices that an aggregator managed, nor that see what is theirs."""
    managed = list(Device.select().where(Device.manager == aggregator))
    Device.update(manager="").where(Device.manager == aggregator).execute()
    own = (EVERYONE, aggregator)
    Audience.delete().where((Audience.lfdi == aggregator) & Audience.audience.not_in(own)).execute()
    for device in managed:
        rerender(find(device.lfdi))


@audit.audited("device remove", "{lfdi} {name}", state=_state)
def remove(device: Device) -> None:
    """Remove a device and everything that it has submitted; its readings stay."""
    store.remove(href(device))


# --- hooks ----------------------------------------------------------------------------------------

@before("POST", "EndDevice")
def _check_new(change: Change) -> None:
    data, caller = change.data, change.caller
    lfdi = data.setdefault("lFDI", caller.lfdi if caller else "")
    if not identity.is_lfdi(lfdi) or not int(lfdi, 16):
        raise Refused(400, f"EndDevice/lFDI: {lfdi!r} is not 40 hexadecimal digits")
    sfdi = data.setdefault("sFDI", identity.sfdi(lfdi))
    if caller is not None:
        _check_registration(caller, lfdi)
    if sfdi != identity.sfdi(lfdi):
        raise Refused(400, f"EndDevice/sFDI: {sfdi} is not the SFDI of {lfdi}")
    if sql.row("SELECT 1 FROM device WHERE lfdi = ?", lfdi) is not None:
        raise Refused(409, f"EndDevice/lFDI: {lfdi} is enrolled already")
    data["changedTime"] = clock.now()
    data.setdefault("enabled", True)
    change.audience = lfdi


def _check_registration(caller: access.Caller, lfdi: Lfdi) -> None:
    """Refuse (403) a device that registers another one, or that may not register itself."""
    if lfdi != caller.lfdi and caller.kind != AGGREGATOR:
        raise Refused(403, "EndDevice/lFDI: this is not the LFDI of your certificate")
    if not settings.registration:
        raise Refused(403, "devices are enrolled by the utility here, not by themselves")


@after("POST", "EndDevice")
def _add_device(change: Change) -> None:
    data, caller = change.data, change.caller
    manager = caller.lfdi if caller is not None and caller.lfdi != data["lFDI"] else ""
    device = Device.create(
        id=table.number(change.href),
        lfdi=data["lFDI"],
        sfdi=data["sFDI"],
        manager=manager,
        enrolled_at=clock.now(),
    )
    _add_audiences(device)
    store.add("DER", f"{change.href}/der", {}, device.lfdi)
    for kind in _DEVICE_PLACEHOLDERS:
        store.add_placeholder(kind, table.rows[kind].href(device=device.id), device.lfdi)
    if caller is not None:
        _register(change.href, _read_pins().get(data["lFDI"]))


def _register(device_href: str, pin: int | None) -> None:
    if pin is not None and not identity.is_pin(pin):
        raise Refused(400, f"PIN {pin:06d}: the last digit is not the sum of the others modulo 10")
    import secrets  # which other commands on devices do not need

    store.put(f"{device_href}/rg", {"dateTimeRegistered": clock.now(),
                                    "pIN": identity.pin(secrets.randbelow(100_000)) if pin is None else pin})


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


def _add_audiences(device: Device) -> int:
    """Let a device and its aggregator see the device's documents; return how many rows were new."""
    rows = {(device.lfdi, EVERYONE), (device.lfdi, device.lfdi)}
    if device.manager:
        rows.add((device.manager, device.lfdi))
    return sum(sql.execute("INSERT INTO audience (lfdi, audience) VALUES (?, ?) ON CONFLICT DO NOTHING",
                           *row).rowcount for row in sorted(rows))


@before("PUT", "EndDevice")
def _check_identity(change: Change) -> None:
    old = change.old or {}
    for key in ("lFDI", "sFDI"):
        if change.data.setdefault(key, old.get(key)) != old.get(key):
            raise Refused(403, f"EndDevice/{key}: an EndDevice keeps its identity")
    if change.caller is not None:
        change.data["changedTime"] = clock.now()


@before("DELETE", "EndDevice")
def _check_removal(change: Change) -> None:
    if change.caller is not None and not settings.registration:
        raise Refused(403, "devices are enrolled and removed by the utility here")


@after("DELETE", "EndDevice")
def _remove_device(change: Change) -> None:
    lfdi = change.data["lFDI"]
    for mirror in documents.own("/mup", lfdi):
        store.remove(mirror.href)
    _release_managed(lfdi)
    Audience.delete().where((Audience.lfdi == lfdi) | (Audience.audience == lfdi)).execute()
    Device.delete().where(Device.lfdi == lfdi).execute()


@rebuild
def _rebuild_rows() -> int:
    """Rebuild Device and Audience rows from the EndDevice documents; return how many changed."""
    changed = 0
    numbers = set()
    for document in store.items("/edev"):
        number, data = table.number(document.href), document.submitted
        numbers.add(number)
        device, created = Device.get_or_create(id=number, defaults={
            "lfdi": data["lFDI"], "sfdi": data["sFDI"], "enrolled_at": data["changedTime"]})
        changed += created + _add_audiences(device)
    aggregators = Device.select(Device.lfdi).where(Device.kind == AGGREGATOR)
    changed += int(Device.update(manager="").where(
        (Device.manager != "") & Device.manager.not_in(aggregators)).execute())
    return changed + int(Device.delete().where(Device.id.not_in(numbers)).execute())
