"""The type of each device, from what it reports: the rows DeviceType, kept in step with the documents."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from server import alarms
from server.devices import enrolment  # noqa: F401  (its hooks make the Device first)
from server.grid.fleet.plausibility import Plausible
from server.models import Device
from server.resources import documents, hexbinary, sql, table
from server.resources.codes import DERType, DeviceCategory, RoleFlags
from server.resources.hooks import Change, after, after_all
from server.units import Watts

KINDS = ("storage", "pv", "ev", "thermal", "generator", "interruptible", "premises", "other")
# A DER of another type, or of none, is storage if its type is vague and it reports a capacity; a mixed one
# also if it reports that it charges, else it generates.
_KINDS_OF_TYPES: dict[int, str] = {
    DERType.PHOTOVOLTAIC: "pv",
    DERType.OTHER_STORAGE: "storage",
    DERType.ELECTRIC_VEHICLE: "ev",
    DERType.EVSE: "ev",
    DERType.PV_AND_STORAGE: "storage",
    DERType.RECIPROCATING_ENGINE: "generator",
    DERType.FUEL_CELL: "generator",
    DERType.COMBINED_HEAT_AND_POWER: "generator",
    DERType.OTHER_GENERATION: "generator",
}
GENERATOR_TYPES = tuple(code for code, kind in _KINDS_OF_TYPES.items() if kind == "generator")
STORAGE_TYPES = (DERType.OTHER_STORAGE, DERType.PV_AND_STORAGE)
NOT_STORAGE_TYPES = (DERType.PHOTOVOLTAIC, DERType.ELECTRIC_VEHICLE, DERType.EVSE, *GENERATOR_TYPES)
_VAGUE = (None, DERType.UNKNOWN, DERType.VIRTUAL_OR_MIXED)
_SWITCHED = int(  # thermal loads that can only be switched
    DeviceCategory.STRIP_HEATER
    | DeviceCategory.BASEBOARD_HEATER
    | DeviceCategory.WATER_HEATER
    | DeviceCategory.POOL_PUMP
    | DeviceCategory.SAUNA
    | DeviceCategory.HOT_TUB
)
# The categories of thermal loads, by how they are controlled: a thermostat takes an Offset.
THERMAL_VARIETIES = int(DeviceCategory.THERMOSTAT), _SWITCHED
_THERMAL = int(DeviceCategory.THERMOSTAT) | _SWITCHED
_EV = int(DeviceCategory.ELECTRIC_VEHICLE | DeviceCategory.EVSE)
_INTERRUPTIBLE = int(  # loads of businesses that are turned off for a time
    DeviceCategory.SMART_APPLIANCE
    | DeviceCategory.IRRIGATION_PUMP
    | DeviceCategory.COMMERCIAL
    | DeviceCategory.ON_OFF
    | DeviceCategory.EXTERIOR_LIGHTING
    | DeviceCategory.INTERIOR_LIGHTING
    | DeviceCategory.LOAD_SWITCH
)
_STRONGEST_FIRST = ("storage", "ev", "pv", "generator")
_SELECT = "SELECT kind, category, max_load_w FROM device_type WHERE device_id = ?"
_COLUMNS = ("device_id", "kind", "category", "max_load_w")
_REPLACE = ("ON CONFLICT (device_id) DO UPDATE "
            "SET kind = excluded.kind, category = excluded.category, max_load_w = excluded.max_load_w")


def kind_of_der(der_type: int | None, has_capacity: bool, charges: bool = False) -> str | None:
    """Return the kind of a DER of this DERType; None where the type does not tell. Pure."""
    kind = _KINDS_OF_TYPES.get(der_type or DERType.UNKNOWN)
    if der_type == DERType.VIRTUAL_OR_MIXED:
        return "storage" if has_capacity or charges else "generator"
    return kind or ("storage" if has_capacity and der_type in _VAGUE else None)


def kind_of(der_kinds: Iterable[str | None], category: int, premises: bool) -> str:
    """Return the kind of a device, one of KINDS. Pure.

    It follows from the kinds of its DERs (`kind_of_der`), else from its DeviceCategoryType bits, else from
    whether all that it mirrors is whole premises.
    """
    reported = list(der_kinds)
    kind = next((kind for kind in _STRONGEST_FIRST if kind in reported), None)
    if kind is not None:
        return kind
    if category & _THERMAL:
        return "thermal"
    if category & _EV:
        return "ev"
    if category & _INTERRUPTIBLE and not reported:
        return "interruptible"
    return "premises" if premises and not reported else "other"


def role_flags(point: Mapping[str, Any]) -> int:
    """Return the roleFlags of a UsagePoint."""
    return hexbinary.bits(point.get("roleFlags"))


def is_premises(point: Mapping[str, Any]) -> bool:
    """Return whether a UsagePoint measures a whole premises, and no DER or vehicle alone."""
    roles = role_flags(point) & (RoleFlags.PREMISES | RoleFlags.PEV | RoleFlags.DER)
    return roles == RoleFlags.PREMISES


def reconcile(device: int, lfdi: str) -> bool:
    """Make the type of a device (by number), and the kind of its meters, agree with the documents.

    Returns whether it changed.
    """
    end_device = _submitted(f"/edev/{device}")
    if end_device is None:
        return False
    category = hexbinary.bits(end_device.get("deviceCategory"))
    capabilities = (_submitted(f"/edev/{device}/di") or {}).get("DRLCCapabilities", {})
    der_kinds = [
        kind_of_der(der_type, capacity_wh is not None, absorption_w > 0)
        for der_type, capacity_wh, absorption_w in sql.rows(
            "SELECT der_type, capacity_wh, max_absorption_w FROM der_state WHERE device_id = ?", device)]
    points = [point.submitted for point in documents.ever("/upt", lfdi) if point.submitted is not None]
    premises = bool(points) and all(is_premises(point) for point in points)
    kind = kind_of(der_kinds, category, premises)
    values = kind, category, _max_load_w(device, capabilities)
    if sql.row(_SELECT, device) == values:
        return False
    sql.insert("device_type", _COLUMNS, [(device, *values)], _REPLACE)
    if kind != "premises":
        sql.execute("UPDATE meter SET kind = ? WHERE device_id = ? AND kind <> 'premises'", kind, device)
    return True


def _max_load_w(device: int, capabilities: Mapping[str, Any]) -> Watts | None:
    """Return the greatest load that a device reports; None, with an alarm, where it cannot be."""
    read, source = Plausible(), f"device {device}, DRLCCapabilities"
    max_load_w = read.power_w("maxDemand", capabilities.get("maxDemand"))
    if read.faults:
        alarms.raise_alarm("implausible rating", source, f"{read.faults[0]}. It is kept and not used.")
    elif max_load_w is not None:
        alarms.clear("implausible rating", source)
    return max_load_w


def _submitted(href: str) -> dict[str, Any] | None:
    row = sql.row("SELECT submitted FROM document WHERE href = ? AND submitted IS NOT NULL", href)
    return json.loads(row[0]) if row else None


def rebuild() -> int:
    """Make the type of every device agree with the documents; return how many changed."""
    return sum(reconcile(device.id, device.lfdi) for device in Device.select(Device.id, Device.lfdi))


@after_all("POST", "EndDevice")
def _add_types(changes: list[Change]) -> None:
    """Give new devices, which have reported nothing yet, the type of their category."""
    categories = {table.number(change.href): hexbinary.bits(change.data.get("deviceCategory"))
                  for change in changes}
    sql.insert("device_type", _COLUMNS, ((device, kind_of((), category, premises=False), category, None)
                                         for device, category in categories.items()))


@after("PUT", "EndDevice")
def _follow_category(change: Change) -> None:
    if change.old is None or change.old.get("deviceCategory") != change.data.get("deviceCategory"):
        reconcile(int(change.href.split("/")[2]), change.data["lFDI"])


@after("PUT", "DeviceInformation")
@after("DELETE", "DeviceInformation")
def _follow_capabilities(change: Change) -> None:
    if not change.href.startswith("/edev/"):
        return  # it is that of the server
    current = change.data if change.method == "PUT" else {}
    if (change.old or {}).get("DRLCCapabilities") != current.get("DRLCCapabilities"):
        reconcile(int(change.href.split("/")[2]), change.data["lFDI"])
