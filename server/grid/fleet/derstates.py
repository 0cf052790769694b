"""DERs in numbers: the row Unit, kept in step with DERCapability, DERSettings, DERStatus and DERAvailability.

Settings override ratings. Status and availability come with every report, so each of them costs one update by
key.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from server.grid.fleet import devicetypes, power
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
EFFICIENCY = 0.9 ** 0.5  # of one way, in or out
_EV = frozenset({DERType.ELECTRIC_VEHICLE, DERType.EVSE})
_TELLING = 0.02  # change of the state of charge from which a capacity may be inferred
_WEIGHT = 0.3
COLUMNS = ("der_type", "max_injection_w", "max_absorption_w", "capacity_wh", "ramp_w_per_s", "soc", "soc_at",
           "dischargeable_wh", "chargeable_wh", "available_w", "connected", "modes")
_UPSERT = (
    f"INSERT INTO der_state (href, device_id, {', '.join(COLUMNS)}) VALUES ({sql.marks(len(COLUMNS) + 2)}) "
    "ON CONFLICT (href) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_KEPT = f"SELECT {', '.join(COLUMNS)} FROM der_state WHERE href = ?"


def ratings_of(said: Mapping[str, Data]) -> dict[str, Any] | None:
    """The columns of a Unit from its documents by kind; None where no rating is stated. Pure."""
    capability, settings = said.get("DERCapability", {}), said.get("DERSettings", {})
    if "type" not in capability and not settings:
        return None

    def rating(name: str) -> float | None:
        return base_value(settings.get(f"set{name}", capability.get(f"rtg{name}")))

    absorb, discharge, most = (
        rating("MaxChargeRateW") or 0.0,
        rating("MaxDischargeRateW"),
        rating("MaxW") or 0.0,
    )
    inject = (
        discharge or 0.0
        if capability.get("type") in _EV
        else most
        if discharge is None
        else max(discharge, most)
    )
    gradient = settings.get("setGradW")
    up, down, offered = _available(said.get("DERAvailability", {}))
    charge, charge_at, connected = _status(said.get("DERStatus", {}))
    return {
        "der_type": capability.get("type"),
        "max_injection_w": inject,
        "max_absorption_w": absorb,
        "capacity_wh": rating("MaxWh"),
        "ramp_w_per_s": gradient / FULL * most if gradient else None,
        "soc": charge,
        "soc_at": charge_at,
        "dischargeable_wh": None if up is None else inject * up,
        "chargeable_wh": None if down is None else absorb * down,
        "available_w": offered,
        "connected": connected,
        "modes": " ".join(sorted(dermodes.supported_modes(capability, settings))),
    }


def _status(status: Data) -> tuple[float | None, int | None, bool]:
    """State of charge, the time it is of, and whether the DER is connected as far as it says."""
    said = status.get("stateOfChargeStatus")
    bits = [
        hexbinary.bits(status[key]["value"])
        for key in ("genConnectStatus", "storConnectStatus", "connectStatus")
        if key in status
    ]
    return (None if said is None else said["value"] / FULL,
            None if said is None else status.get("readingTime", said["dateTime"]),
            not bits or any(one & ConnectStatus.CONNECTED for one in bits))


def _available(said: Data) -> tuple[float | None, float | None, float | None]:
    """Hours at full power that it can still give and take, and the W that it offers beyond the present."""
    return (
        _hours(said.get("availabilityDuration"), said.get("reservePercent")),
        _hours(said.get("maxChargeDuration"), said.get("reserveChargePercent")),
        base_value(said.get("statWAvail")),
    )


def _hours(seconds: int | None, percent: int | None) -> float | None:
    return None if seconds is None else seconds / 3600 * (1.0 if percent is None else percent / FULL)


def reconcile(der: str) -> bool:
    """Make the row of a DER (its href) agree with its documents; whether it did not."""
    kinds = {href: kind for kind, href in ((kind, f"{der}/{last}") for kind, last in SINGLETONS.items())}
    said = {
        kinds[href]: json.loads(stated)
        for href, stated in sql.rows(
            f"SELECT href, submitted FROM document WHERE href IN ({sql.marks(4)}) AND submitted IS NOT NULL",
            *kinds,
        )
    }
    now, kept = ratings_of(said), sql.row(_KEPT, der)
    if now is None:
        sql.execute("DELETE FROM der_state WHERE href = ?", der)
        return kept is not None
    values = tuple(now.values())
    if kept is not None and (*kept[:-2], bool(kept[-2]), kept[-1]) == values:
        return False
    sql.execute(_UPSERT, der, _device(der), *values)
    return True


def rebuild() -> int:
    """Make every row agree with the documents; how many did not."""
    ders = {
        href
        for (href,) in sql.rows("SELECT href FROM document WHERE kind = 'DER' AND parent LIKE ?", "/edev/%")
    }
    gone = {href for href, in sql.rows("SELECT href FROM der_state")} - ders
    for href in gone:
        sql.execute("DELETE FROM der_state WHERE href = ?", href)
    return len(gone) + sum(reconcile(der) for der in sorted(ders))


def _device(der: str) -> int:
    return int(der.split("/")[2])


def _of(change: Change) -> str:
    return change.href.rpartition("/")[0]


@after("PUT", "DERCapability", "DERSettings")
@after("DELETE", *SINGLETONS)
def _rated(change: Change) -> None:
    news = {key: value for key, value in change.data.items() if key != "updatedTime"}
    if change.method == "PUT" and news == {
        key: value for key, value in (change.old or {}).items() if key != "updatedTime"
    }:
        return
    if reconcile(_of(change)):
        _report(_device(change.href))


def _report(number: int) -> None:
    device = Device.get_or_none(Device.id == number)
    if device is not None:
        devicetypes.settle(device.id, device.lfdi)


@after("DELETE", "DER")
def _gone(change: Change) -> None:
    if sql.execute("DELETE FROM der_state WHERE href = ?", change.href).rowcount:
        _report(_device(change.href))


@after("PUT", "DERAvailability")
def _available_now(change: Change) -> None:
    up, down, offered = _available(change.data)
    sql.execute(
        "UPDATE der_state SET dischargeable_wh = max_injection_w * ?, chargeable_wh = max_absorption_w * ?, "
        "available_w = ? WHERE href = ?",
        up,
        down,
        offered,
        _of(change),
    )


@after("PUT", "DERStatus")
def _status_now(change: Change) -> None:
    row = sql.execute(
        "UPDATE der_state SET soc = ?, soc_at = ?, connected = ? WHERE href = ? RETURNING capacity_wh, "
        "previous_soc, previous_soc_at, "
        "inferred_capacity_wh",
        *_status(change.data),
        _of(change),
    ).fetchone()
    if row is not None and row[0] is None and change.old:
        _infer(_of(change), *_status(change.old)[:2], *row[1:])


def _infer(der: str, charge: float | None, at: int | None, was: float | None, was_at: int | None,
           inferred: float | None) -> None:
    """Learn a capacity from the status before the present one, since the readings of what led to it have come
    by now."""
    if charge is None or at is None:
        return
    if was is not None and was_at is not None:
        if abs(charge - was) < _TELLING:
            return
        drawn = -power.energy(_device(der), was_at, at)
        stored = drawn * (EFFICIENCY if drawn > 0 else 1 / EFFICIENCY)
        if stored / (charge - was) > 0:
            found = stored / (charge - was)
            inferred = found if inferred is None else (1 - _WEIGHT) * inferred + _WEIGHT * found
    sql.execute(
        "UPDATE der_state SET previous_soc = ?, previous_soc_at = ?, inferred_capacity_wh = ? WHERE href = ?",
        charge,
        at,
        inferred,
        der,
    )
