"""DERs as numbers: the rows DerState, kept in step with DERCapability, DERSettings, DERStatus and
DERAvailability.

Settings override ratings. Status and availability come with every report, so each costs one update by key.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from server.grid.fleet import devicetypes, meters, power
from server.models import Device
from server.resources import dermodes, hexbinary, sql
from server.resources.codes import ConnectStatus, DERType
from server.resources.hooks import Change, after
from server.resources.quantities import FULL, base_value

Data = Mapping[str, Any]
SINGLETONS = {
    "DERCapability": "dercap",
    "DERSettings": "derg",
    "DERStatus": "ders",
    "DERAvailability": "dera",
}
EFFICIENCY = 0.9 ** 0.5  # of one way, charging or discharging
_EV = frozenset({DERType.ELECTRIC_VEHICLE, DERType.EVSE})
_MIN_SOC_CHANGE = 0.02  # from which a capacity is inferred
_WEIGHT = 0.3  # of a newly inferred capacity against those before
COLUMNS = ("der_type", "max_injection_w", "max_absorption_w", "capacity_wh", "ramp_w_per_s", "soc", "soc_at",
           "dischargeable_wh", "chargeable_wh", "available_w", "connected", "modes")
_UPSERT = (
    f"INSERT INTO der_state (href, device_id, {', '.join(COLUMNS)}) VALUES ({sql.marks(len(COLUMNS) + 2)}) "
    f"ON CONFLICT (href) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM der_state WHERE href = ?"


class _Status(NamedTuple):
    """What a DERStatus reports: state of charge (0 to 1) and its instant, and whether the DER is connected,
    which it is if it does not report it."""
    soc: float | None
    soc_at: int | None
    connected: bool


class _Availability(NamedTuple):
    """What a DERAvailability reports: hours of discharge and charge at full power, and the W available."""
    discharge_h: float | None
    charge_h: float | None
    available_w: float | None


def ratings_of(documents: Mapping[str, Data]) -> dict[str, Any] | None:
    """Return the columns of DerState from a DER's documents by kind; None where no rating is reported.
    Pure."""
    capability, settings = documents.get("DERCapability", {}), documents.get("DERSettings", {})
    if "type" not in capability and not settings:
        return None

    def rating(name: str) -> float | None:
        return base_value(settings.get(f"set{name}", capability.get(f"rtg{name}")))

    max_w, discharge_w = rating("MaxW") or 0.0, rating("MaxDischargeRateW")
    absorption_w = rating("MaxChargeRateW") or 0.0
    if capability.get("type") in _EV:
        injection_w = discharge_w or 0.0
    else:
        injection_w = max_w if discharge_w is None else max(discharge_w, max_w)
    gradient = settings.get("setGradW")
    availability = _availability(documents.get("DERAvailability", {}))
    status = _status(documents.get("DERStatus", {}))
    return {
        "der_type": capability.get("type"),
        "max_injection_w": injection_w,
        "max_absorption_w": absorption_w,
        "capacity_wh": rating("MaxWh"),
        "ramp_w_per_s": gradient / FULL * max_w if gradient else None,
        "soc": status.soc,
        "soc_at": status.soc_at,
        "dischargeable_wh": _times(injection_w, availability.discharge_h),
        "chargeable_wh": _times(absorption_w, availability.charge_h),
        "available_w": availability.available_w,
        "connected": status.connected,
        "modes": " ".join(sorted(dermodes.supported_modes(capability, settings))),
    }


def _times(power_w: float, hours: float | None) -> float | None:
    return None if hours is None else power_w * hours


def _status(status: Data) -> _Status:
    soc = status.get("stateOfChargeStatus")
    bits = [
        hexbinary.bits(status[key]["value"])
        for key in ("genConnectStatus", "storConnectStatus", "connectStatus")
        if key in status
    ]
    return _Status(
        soc=None if soc is None else soc["value"] / FULL,
        soc_at=None if soc is None else status.get("readingTime", soc["dateTime"]),
        connected=not bits or any(bitmap & ConnectStatus.CONNECTED for bitmap in bits),
    )


def _availability(availability: Data) -> _Availability:
    return _Availability(
        discharge_h=_hours(availability.get("availabilityDuration"), availability.get("reservePercent")),
        charge_h=_hours(availability.get("maxChargeDuration"), availability.get("reserveChargePercent")),
        available_w=base_value(availability.get("statWAvail")),
    )


def _hours(duration_s: int | None, percent: int | None) -> float | None:
    """Return the hours at full power, from those at `percent` (hundredths) of it; None where not reported."""
    if duration_s is None:
        return None
    return duration_s / 3600 * (1.0 if percent is None else percent / FULL)


def reconcile(der: str) -> bool:
    """Make the row of a DER (href) agree with its documents; return whether it changed."""
    kinds = {f"{der}/{last}": kind for kind, last in SINGLETONS.items()}
    documents = {
        kinds[href]: json.loads(submitted)
        for href, submitted in sql.rows(
            f"SELECT href, submitted FROM document WHERE href IN ({sql.marks(4)}) AND submitted IS NOT NULL",
            *kinds,
        )
    }
    columns, stored = ratings_of(documents), sql.row(_SELECT, der)
    if columns is None:
        sql.execute("DELETE FROM der_state WHERE href = ?", der)
        return stored is not None
    values = tuple(columns.values())
    if stored is not None and (*stored[:-2], bool(stored[-2]), stored[-1]) == values:
        return False
    sql.execute(_UPSERT, der, _device(der), *values)
    return True


def rebuild() -> int:
    """Make every row agree with the documents; return how many changed."""
    ders = {
        href
        for (href,) in sql.rows("SELECT href FROM document WHERE kind = 'DER' AND parent LIKE ?", "/edev/%")
    }
    removed = {href for href, in sql.rows("SELECT href FROM der_state")} - ders
    for href in removed:
        sql.execute("DELETE FROM der_state WHERE href = ?", href)
    return len(removed) + sum(reconcile(der) for der in sorted(ders))


def _device(der: str) -> int:
    return int(der.split("/")[2])


def _der_of(change: Change) -> str:
    return change.href.rpartition("/")[0]


@after("PUT", "DERCapability", "DERSettings")
@after("DELETE", *SINGLETONS)
def _follow_ratings(change: Change) -> None:
    unchanged = _without_time(change.data) == _without_time(change.old or {})
    if change.method == "PUT" and unchanged:
        return
    if reconcile(_der_of(change)):
        _reconcile_type(_device(change.href))


def _without_time(document: Data) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "updatedTime"}


def _reconcile_type(number: int) -> None:
    """Make the type of a device and the ratings of its meters agree with its DERs."""
    device = Device.get_or_none(Device.id == number)
    if device is not None:
        devicetypes.reconcile(device.id, device.lfdi)
        meters.reconcile(device.id, device.lfdi)


@after("DELETE", "DER")
def _remove(change: Change) -> None:
    if sql.execute("DELETE FROM der_state WHERE href = ?", change.href).rowcount:
        _reconcile_type(_device(change.href))


@after("PUT", "DERAvailability")
def _follow_availability(change: Change) -> None:
    sql.execute(
        "UPDATE der_state SET dischargeable_wh = max_injection_w * ?, "
        "chargeable_wh = max_absorption_w * ?, available_w = ? WHERE href = ?",
        *_availability(change.data),
        _der_of(change),
    )


@after("PUT", "DERStatus")
def _follow_status(change: Change) -> None:
    row = sql.execute(
        "UPDATE der_state SET soc = ?, soc_at = ?, connected = ? WHERE href = ? "
        "RETURNING capacity_wh, previous_soc, previous_soc_at, inferred_capacity_wh",
        *_status(change.data),
        _der_of(change),
    ).fetchone()
    if row is not None and row[0] is None and change.old:
        _infer_capacity(_der_of(change), _status(change.old), *row[1:])


def _infer_capacity(
    der: str,
    status: _Status,
    previous_soc: float | None,
    previous_soc_at: int | None,
    inferred_wh: float | None,
) -> None:
    """Infer a capacity from how the state of charge changed with the energy that was read.

    `status` is the one before the present one, since the readings until then have arrived by now.
    """
    soc, soc_at = status.soc, status.soc_at
    if soc is None or soc_at is None:
        return
    if previous_soc is not None and previous_soc_at is not None:
        if abs(soc - previous_soc) < _MIN_SOC_CHANGE:
            return
        load_wh = -power.energy_wh(_device(der), previous_soc_at, soc_at)
        charged_wh = load_wh * (EFFICIENCY if load_wh > 0 else 1 / EFFICIENCY)
        capacity_wh = charged_wh / (soc - previous_soc)
        if capacity_wh > 0:
            inferred_wh = (
                capacity_wh if inferred_wh is None
                else (1 - _WEIGHT) * inferred_wh + _WEIGHT * capacity_wh
            )
    sql.execute(
        "UPDATE der_state SET previous_soc = ?, previous_soc_at = ?, inferred_capacity_wh = ? WHERE href = ?",
        soc,
        soc_at,
        inferred_wh,
        der,
    )
