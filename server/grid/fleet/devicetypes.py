"""What each device is, as the balance sees it: the row Nature, kept in step with what devices say of
themselves."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from server.devices import enrolment  # noqa: F401  (its hooks make the Device first)
from server.models import Device
from server.resources import hexbinary, sql
from server.resources.codes import DERType, DeviceCategory, RoleFlags
from server.resources.hooks import Change, after
from server.resources.quantities import base_value

KINDS = ("storage", "pv", "ev", "thermal", "premises", "other")
# RoleFlagsType
PREMISES, PEV, DER = RoleFlags.PREMISES, RoleFlags.PEV, RoleFlags.DER
# DERType; whoever says 0, 1 or nothing is a store if it says how much it stores
_TYPES: dict[int, str] = {
    DERType.PHOTOVOLTAIC: "pv",
    DERType.OTHER_STORAGE: "storage",
    DERType.ELECTRIC_VEHICLE: "ev",
    DERType.EVSE: "ev",
    DERType.PV_AND_STORAGE: "storage",
}
STORAGE_TYPES = (DERType.OTHER_STORAGE, DERType.PV_AND_STORAGE)
NOT_STORAGE_TYPES = (DERType.PHOTOVOLTAIC, DERType.ELECTRIC_VEHICLE, DERType.EVSE)
_VAGUE = (None, DERType.UNKNOWN, DERType.VIRTUAL_OR_MIXED)
SWITCHED_HEATS = int(  # thermal loads that can only be switched; a thermostat takes an Offset
    DeviceCategory.STRIP_HEATER
    | DeviceCategory.BASEBOARD_HEATER
    | DeviceCategory.WATER_HEATER
    | DeviceCategory.POOL_PUMP
    | DeviceCategory.SAUNA
    | DeviceCategory.HOT_TUB
)
HEATS = int(DeviceCategory.THERMOSTAT) | SWITCHED_HEATS
CARS = int(DeviceCategory.ELECTRIC_VEHICLE | DeviceCategory.EVSE)
HEAT_KINDS = int(DeviceCategory.THERMOSTAT), SWITCHED_HEATS
_RANKED = ("storage", "ev", "pv")
_COLUMNS = "SELECT kind, category, max_load_w FROM device_type WHERE device_id = ?"


def of_der(der_type: int | None, stores: bool) -> str | None:
    """What a DER of this DERType is; None where that does not tell. Pure."""
    return _TYPES.get(der_type or DERType.UNKNOWN) or ("storage" if stores and der_type in _VAGUE else None)


def kind_of(ders: Iterable[str | None], category: int, premises: bool) -> str:
    """What a device is, by its DERs (`of_der`), its DeviceCategoryType bits, and whether all that it mirrors
    are whole premises: one of WHATS. Pure."""
    found = list(ders)
    ranked = next((one for one in _RANKED if one in found), None)
    if ranked is not None:
        return ranked
    if category & HEATS:
        return "thermal"
    if category & CARS:
        return "ev"
    return "premises" if premises and not found else "other"


def role(point: Mapping[str, Any]) -> int:
    """The roleFlags of a UsagePoint."""
    return hexbinary.bits(point.get("roleFlags"))


def is_premises(point: Mapping[str, Any]) -> bool:
    """Whether a UsagePoint measures a whole premises, and no DER or car alone."""
    return role(point) & (PREMISES | PEV | DER) == PREMISES


def settle(device: int, lfdi: str) -> bool:
    """Say of a device (its number) what it is now, and the same of its meters; whether that is news."""
    end = _stated(f"/edev/{device}")
    if end is None:
        return False
    category = hexbinary.bits(end.get("deviceCategory"))
    load = (_stated(f"/edev/{device}/di") or {}).get("DRLCCapabilities", {})
    ders = [of_der(kind, capacity is not None) for kind, capacity in sql.rows(
        "SELECT der_type, capacity_wh FROM der_state WHERE device_id = ?", device)]
    points = [
        json.loads(stated)
        for (stated,) in sql.rows(
            "SELECT submitted FROM document WHERE parent = '/upt' AND audience = ? AND submitted IS NOT NULL",
            lfdi,
        )
    ]
    premises = bool(points) and all(is_premises(point) for point in points)
    now = kind_of(ders, category, premises), category, base_value(load.get("maxDemand"))
    if sql.row(_COLUMNS, device) == now:
        return False
    sql.execute(
        "INSERT INTO device_type (device_id, kind, category, max_load_w) VALUES (?, ?, ?, ?) ON CONFLICT "
        "(device_id) DO UPDATE "
        "SET kind = excluded.kind, category = excluded.category, max_load_w = excluded.max_load_w",
        device,
        *now,
    )
    if now[0] != "premises":
        sql.execute("UPDATE meter SET kind = ? WHERE device_id = ? AND kind <> 'premises'", now[0], device)
    return True


def _stated(href: str) -> dict[str, Any] | None:
    row = sql.row("SELECT submitted FROM document WHERE href = ? AND submitted IS NOT NULL", href)
    return json.loads(row[0]) if row else None


def rebuild() -> int:
    """Say of every device what it is; of how many that was news."""
    return sum(settle(device.id, device.lfdi) for device in Device.select(Device.id, Device.lfdi))


@after("POST", "EndDevice")
@after("PUT", "EndDevice")
def _category(change: Change) -> None:
    if change.old is None or change.old.get("deviceCategory") != change.data.get("deviceCategory"):
        settle(int(change.href.split("/")[2]), change.data["lFDI"])


@after("PUT", "DeviceInformation")
def _information(change: Change) -> None:
    if (change.old or {}).get("DRLCCapabilities") != change.data.get("DRLCCapabilities"):
        settle(int(change.href.split("/")[2]), change.data["lFDI"])
