"""DERs as numbers: the rows DerState, kept in step with DERCapability, DERSettings, DERStatus and
DERAvailability.

Settings override ratings. Status and availability come with every report, so each costs one update by key.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from server import alarms
from server.grid.fleet import devicetypes, inferredcapacity, meters, ratingoverrides, repeatedrequests
from server.grid.fleet.derreports import DerAvailability, availability_of, ratings_of, status_of, times
from server.grid.fleet.plausibility import Plausible
from server.models import Device
from server.resources import sql, table
from server.resources.hooks import Change, after

Data = Mapping[str, Any]
SINGLETONS = {
    "DERCapability": "dercap",
    "DERSettings": "derg",
    "DERStatus": "ders",
    "DERAvailability": "dera",
}
COLUMNS = ("der_type", "max_injection_w", "max_absorption_w", "capacity_wh", "ramp_w_per_s", "soc", "soc_at",
           "dischargeable_wh", "chargeable_wh", "available_w", "connected", "modes", "implausible",
           "implausible_soc")
# The elements of DERCapability and DERSettings that a rating stands for.
_OVERRIDDEN = {
    "max_injection_w": ("rtgMaxW", "setMaxW", "rtgMaxDischargeRateW", "setMaxDischargeRateW"),
    "max_absorption_w": ("rtgMaxChargeRateW", "setMaxChargeRateW"),
    "capacity_wh": ("rtgMaxWh", "setMaxWh"),
}
_UPSERT = (
    f"INSERT INTO der_state (href, device_id, {', '.join(COLUMNS)}) VALUES ({sql.marks(len(COLUMNS) + 2)}) "
    f"ON CONFLICT (href) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM der_state WHERE href = ?"


def _override(columns: dict[str, Any], ratings: Mapping[str, float], availability: DerAvailability) -> None:
    """Put the ratings that an operator has set in place of what is reported, whatever that is."""
    columns.update(ratings)
    replaced = {element for name in ratings for element in _OVERRIDDEN[name]}
    faults = (columns.get("implausible") or "").split("; ")
    columns["implausible"] = "; ".join(
        fault for fault in faults if fault.partition(" ")[0] not in replaced) or None
    columns["dischargeable_wh"] = times(columns["max_injection_w"], availability.discharge_h)
    columns["chargeable_wh"] = times(columns["max_absorption_w"], availability.charge_h)


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
    override = ratingoverrides.of(der)
    if columns is None and override:
        columns = {**dict.fromkeys(COLUMNS), "max_injection_w": 0.0, "max_absorption_w": 0.0,
                   "connected": True, "modes": ""}
    before = dict(zip(COLUMNS, stored, strict=True)) if stored is not None else {}
    if columns is None:
        sql.execute("DELETE FROM der_state WHERE href = ?", der)
        _report_faults(der, {}, before)
        return stored is not None
    if override:
        _override(columns, override, availability_of(documents.get("DERAvailability", {}), Plausible()))
    if before and {**before, "connected": bool(before["connected"])} == columns:
        return False
    sql.execute(_UPSERT, der, _device(der), *(columns[name] for name in COLUMNS))
    _report_faults(der, columns, before)
    return True


def _report_faults(der: str, columns: Data, before: Data) -> None:
    _report("implausible rating", der, columns.get("implausible"), before.get("implausible"))
    _report("implausible state of charge", der, columns.get("implausible_soc"), before.get("implausible_soc"))


def _report(kind: str, der: str, faults: str | None, before: str | None) -> None:
    """Raise an alarm of what a DER reports that cannot be, or clear it when that is over."""
    source = f"device {_device(der)}, DER {der.rpartition('/')[2]}"
    if faults:
        alarms.raise_alarm(kind, source, f"{der}: {faults}. It is kept and not used.")
    elif before:
        alarms.clear(kind, source)


def refresh(der: str) -> None:
    """Make the row of a DER agree with its documents, and what follows from its ratings with the row."""
    if reconcile(der):
        _reconcile_type(_device(der))


def rebuild() -> int:
    """Make every row agree with the documents; return how many changed."""
    ders = {href for href, in sql.rows(
        f"SELECT href FROM document WHERE kind = 'DER' AND {sql.below('parent')}", *sql.bounds("/edev"))}
    removed = {href for href, in sql.rows("SELECT href FROM der_state")} - ders
    for href in removed:
        sql.execute("DELETE FROM der_state WHERE href = ?", href)
    return len(removed) + sum(reconcile(der) for der in sorted(ders))


def _device(der: str) -> int:
    return int(der.split("/")[2])


def _der_of(change: Change) -> str:
    return change.href.rpartition("/")[0]


def _of_component(change: Change) -> bool:
    """Return whether a document is that of a part of a DER, which the DER's own documents contain."""
    return table.row_name(change.kind, change.href) != change.kind


@after("PUT", "DERCapability", "DERSettings")
@after("DELETE", *SINGLETONS)
def _follow_ratings(change: Change) -> None:
    unchanged = _without_time(change.data) == _without_time(change.old or {})
    if change.method == "PUT" and unchanged or _of_component(change):
        return
    refresh(_der_of(change))


def _without_time(document: Data) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "updatedTime"}


def _reconcile_type(number: int) -> None:
    """Make the type of a device, the ratings of its meters and its plugs agree with its DERs."""
    device = Device.get_or_none(Device.id == number)
    if device is not None:
        devicetypes.reconcile(device.id, device.lfdi)
        meters.reconcile(device.id, device.lfdi)
        repeatedrequests.mark_all(device.id)


@after("DELETE", "DER")
def _remove(change: Change) -> None:
    ratingoverrides.save(change.href, _device(change.href), dict.fromkeys(ratingoverrides.NAMES))
    row = sql.row("DELETE FROM der_state WHERE href = ? RETURNING implausible, implausible_soc", change.href)
    if row is not None:
        _report_faults(change.href, {}, {"implausible": row[0], "implausible_soc": row[1]})
        _reconcile_type(_device(change.href))


@after("PUT", "DERAvailability")
def _follow_availability(change: Change) -> None:
    if _of_component(change):
        return
    read, before = Plausible(), Plausible()
    values = availability_of(change.data, read)
    availability_of(change.old or {}, before)
    if read.faults or before.faults:
        reconcile(_der_of(change))
        return
    sql.execute(
        "UPDATE der_state SET dischargeable_wh = max_injection_w * ?, "
        "chargeable_wh = max_absorption_w * ?, available_w = ? WHERE href = ?",
        *values,
        _der_of(change),
    )


@after("PUT", "DERStatus")
def _followstatus_of(change: Change) -> None:
    der, status = _der_of(change), status_of(change.data)
    row = sql.execute(
        "UPDATE der_state SET soc = ?, soc_at = ?, connected = ?, implausible_soc = ? WHERE href = ? "
        "RETURNING capacity_wh, previous_soc",
        *status,
        der,
    ).fetchone()
    if row is None:
        return
    previous = status_of(change.old or {})
    _report("implausible state of charge", der, status.implausible_soc, previous.implausible_soc)
    if row[0] is None and change.old:
        inferredcapacity.note(der, previous, row[1])
