"""EndDevice and Registration: who is enrolled, by the utility or by itself (IEEE 2030.5-2018, 8.5).

The EndDevice document is the truth; the Device and Audience rows say the same by value. An enrolled device
has a DER of its own from the start, so that every link it follows resolves before it has said anything.
"""
from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from server import audit, clock
from server.config import settings
from server.devices import access, identity
from server.errors import Refused
from server.models import EVERYONE, Audience, Device, Document
from server.resources import store, table
from server.resources.codes import DeviceCategory
from server.resources.hooks import Change, after, before, rebuild, seed

AGGREGATOR = "aggregator"
# The DeviceCategoryType of loads whose kind leaves no doubt; DERs say by their DERType what they are.
CATEGORIES: dict[str, DeviceCategory] = {
    "thermostat": DeviceCategory.THERMOSTAT,
    "waterheater": DeviceCategory.WATER_HEATER,
    "poolpump": DeviceCategory.POOL_PUMP,
    "ev": DeviceCategory.ELECTRIC_VEHICLE,
    "evcharger": DeviceCategory.EVSE,
    "evse": DeviceCategory.EVSE,
}
_TREE = ("DeviceInformation", "DeviceStatus", "PowerStatus")
_DER = ("DERCapability", "DERSettings", "DERStatus", "DERAvailability")


def _state(device: str | Device) -> dict[str, Any]:
    """What the utility says of a device, and nothing that is secret."""
    row = find(device.lfdi if isinstance(device, Device) else device)
    return {name: getattr(row, name) for name in ("id", "lfdi", "name", "kind", "labels", "state", "manager")}


@audit.audited("device enrol", "{lfdi} {name}", answer=_state)
def enrol(
    lfdi: str,
    pin: int | None = None,
    name: str = "",
    kind: str = "",
    labels: dict[str, str] | None = None,
    manager: str = "",
    category: int | None = None,
) -> Device:
    """Enrol a device out of band. `pin` has its check digit (None: a new one), `manager` is the LFDI of the
    aggregator that acts for it, `category` the DeviceCategoryType bitmap (None: by the kind, where that
    tells). Refused where the LFDI or PIN is malformed or known."""
    lfdi = lfdi.replace("-", "").replace(":", "").upper()
    if manager and not Device.select().where(Device.lfdi == manager, Device.kind == AGGREGATOR).exists():
        raise Refused(409, f"no aggregator is enrolled with the LFDI {manager}")
    data: dict[str, Any] = {"lFDI": lfdi}
    if category is None:
        category = CATEGORIES.get("".join(filter(str.isalnum, kind.lower())))
    if category is not None:
        data["deviceCategory"] = f"{category:08X}"
    with store.transaction():
        change = store.post("EndDevice", "/edev", data, audience=lfdi)
        device = Device.get(Device.lfdi == lfdi)
        device.name, device.kind, device.labels, device.manager = name, kind, labels or {}, manager
        device.save()
        _add_audiences(device)
        _register(change.href, pin)
        rerender(device)
    return device


def rerender(device: Device) -> None:
    """Say a device's EndDevice again, so that what depends on its row (labels, kind, manager) follows."""
    document = store.get(href(device))
    assert document is not None, device.lfdi
    store.put(document.href, document.submitted)


def href(device: Device) -> str:
    """The EndDevice of a device."""
    return table.rows["EndDevice"].href(device=device.id)


def find(name: str) -> Device:
    """The device with this LFDI, SFDI, number or name. Refused (404) where there is none, or more than
    one."""
    text = name.replace("-", "").upper()
    query = (Device.lfdi == text) | (Device.name == name)
    if name.isdecimal() and len(name) < 19:
        query |= (Device.sfdi == int(name)) | (Device.id == int(name))
    found = list(Device.select().where(query))
    if len(found) != 1:
        raise Refused(
            404, f"{len(found) or 'no'} device{'s are' if len(found) > 1 else ' is'} called {name!r}"
        )
    return found[0]


@audit.audited("device suspend", "{lfdi} {name}", state=_state)
def suspend(device: Device, suspended: bool = True) -> None:
    """Refuse a device everything, or let it in again."""
    with store.transaction(href(device)):
        device.state = Device.SUSPENDED if suspended else Device.ENROLLED
        device.save()
        rerender(device)


@audit.audited("device restore", "{lfdi} {name}", state=_state)
def restore(device: Device) -> None:
    """Let a suspended device in again."""
    suspend(device, False)


@audit.audited("device label", "{lfdi} {name}", state=_state)
def relabel(
    device: Device, labels: dict[str, str | None], name: str | None = None, kind: str | None = None
) -> None:
    """Set labels (None removes one), name or kind; what virtual DERs it is in follows at once."""
    with store.transaction():
        kept = {key: value for key, value in {**device.labels, **labels}.items() if value is not None}
        device.labels = kept
        device.name = device.name if name is None else name
        device.kind = device.kind if kind is None else kind
        device.save()
        rerender(device)


@audit.audited("device remove", "{lfdi} {name}", state=_state)
def remove(device: Device) -> None:
    """Remove a device and all that it said of itself; its readings stay."""
    store.remove(href(device))


# --- rules ----------------------------------------------------------------------------------------

@before("POST", "EndDevice")
def _check(change: Change) -> None:
    data, who = change.data, change.caller
    lfdi = data.setdefault("lFDI", who.lfdi if who else "")
    if not identity.is_lfdi(lfdi) or not int(lfdi, 16):
        raise Refused(400, f"EndDevice/lFDI: {lfdi!r} is not 40 hexadecimal digits")
    sfdi = data.setdefault("sFDI", identity.sfdi(lfdi))
    if who is not None:
        _may_register(who, lfdi)
    if sfdi != identity.sfdi(lfdi):
        raise Refused(400, f"EndDevice/sFDI: {sfdi} is not the SFDI of {lfdi}")
    if Device.select().where((Device.lfdi == lfdi) | (Device.sfdi == sfdi)).exists():
        raise Refused(409, f"EndDevice/lFDI: {lfdi} is enrolled already")
    data["changedTime"] = clock.now()
    data.setdefault("enabled", True)
    change.audience = lfdi


def _may_register(who: access.Caller, lfdi: str) -> None:
    if lfdi != who.lfdi and who.kind != AGGREGATOR:
        raise Refused(403, "EndDevice/lFDI: this is not the LFDI of your certificate")
    if not settings.registration:
        raise Refused(403, "devices are enrolled by the utility here, not by themselves")


@after("POST", "EndDevice")
def _enrolled(change: Change) -> None:
    data, who = change.data, change.caller
    manager = who.lfdi if who is not None and who.lfdi != data["lFDI"] else ""
    device = Device.create(
        id=table.number(change.href),
        lfdi=data["lFDI"],
        sfdi=data["sFDI"],
        manager=manager,
        enrolled_at=clock.now(),
    )
    _add_audiences(device)
    der = store.add("DER", f"{change.href}/der", {})
    for kind in _TREE:
        store.add_placeholder(kind, table.rows[kind].href(device=device.id))
    for kind in _DER:
        store.add_placeholder(kind, table.rows[kind].href(device=device.id, der=table.number(der)))
    if who is not None:
        _register(change.href, _known_pins().get(data["lFDI"]))


def _register(device_href: str, pin: int | None) -> None:
    if pin is not None and not identity.is_pin(pin):
        raise Refused(400, f"PIN {pin:06d}: the last digit is not the sum of the others modulo 10")
    store.put(f"{device_href}/rg", {"dateTimeRegistered": clock.now(),
                                    "pIN": identity.pin(secrets.randbelow(100_000)) if pin is None else pin})


@seed
def _known_pins() -> dict[str, int]:
    """The PINs, by LFDI, that stand on devices which may register themselves. The file is read each time,
    being asked once in a device's life; and at the start, so that what is wrong with it shows then."""
    if not settings.pins:
        return {}
    try:
        return {entry["lfdi"]: int(entry["pin"]) for entry in json.loads(Path(settings.pins).read_text())}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused(
            503, f"setting pins: {settings.pins} is no JSON list of objects with lfdi and pin: {error}"
        ) from None


def _add_audiences(device: Device) -> int:
    """See that the device, and who acts for it, is among those whose documents these are; how many rows were
    new."""
    wanted = {(device.lfdi, EVERYONE), (device.lfdi, device.lfdi)}
    if device.manager:
        wanted.add((device.manager, device.lfdi))
    kept = {(row.lfdi, row.audience) for row in Audience.select().where(
        (Audience.lfdi == device.lfdi) | (Audience.audience == device.lfdi))}
    Audience.insert_many(sorted(wanted), [Audience.lfdi, Audience.audience]).on_conflict_ignore().execute()
    return len(wanted - kept)


@before("PUT", "EndDevice")
def _same(change: Change) -> None:
    old = change.old or {}
    for key in ("lFDI", "sFDI"):
        if change.data.setdefault(key, old.get(key)) != old.get(key):
            raise Refused(403, f"EndDevice/{key}: an EndDevice keeps its identity")
    if change.caller is not None:
        change.data["changedTime"] = clock.now()


@before("DELETE", "EndDevice")
def _may_leave(change: Change) -> None:
    if change.caller is not None and not settings.registration:
        raise Refused(403, "devices are enrolled and removed by the utility here")


@after("DELETE", "EndDevice")
def _left(change: Change) -> None:
    lfdi = change.data["lFDI"]
    for mirror in Document.select().where((Document.parent == "/mup") & (Document.audience == lfdi)):
        store.remove(mirror.href)
    Audience.delete().where((Audience.lfdi == lfdi) | (Audience.audience == lfdi)).execute()
    Device.delete().where(Device.lfdi == lfdi).execute()


@rebuild
def _rows() -> int:
    """The Device and Audience rows as the EndDevice documents have them."""
    changed = 0
    numbers = set()
    for document in store.items("/edev"):
        number, data = table.number(document.href), document.submitted
        numbers.add(number)
        device, made = Device.get_or_create(id=number, defaults={
            "lfdi": data["lFDI"], "sfdi": data["sFDI"], "enrolled_at": data["changedTime"]})
        changed += made + _add_audiences(device)
    return changed + Device.delete().where(Device.id.not_in(numbers)).execute()
