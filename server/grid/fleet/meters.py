"""Where the power of each device is read: the rows Meter, kept in step with what is mirrored.

A device is read at the usage points of its DER (roleFlags isDER or isPEV) if it mirrors one, else at whatever
it mirrors; the meter of its premises is read besides. Of those, the readings of active power (uom 38, W)
count: forward is delivered to the customer, so consumption, reverse is injection. Where both directions are
reported, each is a magnitude, and the injection is the difference. A new reading costs one update.
"""
from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, NamedTuple

from server.grid.fleet import devicetypes
from server.grid.fleet.devicetypes import is_premises, role_flags
from server.models import Device
from server.resources import hooks, sql
from server.resources.codes import DataQualifier, FlowDirection, PhaseCode, RoleFlags, Uom
from server.resources.hooks import Change, after

Data = dict[str, Any]
Readings = list[tuple[int, int]]  # value, and the end of its time (UTC, s)
_SIGN: dict[int, int] = {FlowDirection.FORWARD: -1, FlowDirection.REVERSE: 1, FlowDirection.NOT_APPLICABLE: 1}
# An average represents a period best, then a normal value; extremes and deviations do not represent it.
_QUALIFIERS: dict[int, int] = {
    DataQualifier.AVERAGE: 0,
    DataQualifier.NOT_APPLICABLE: 1,
    DataQualifier.NORMAL: 1,
}
_NEWEST_SETS = 3
_READINGS = (
    "SELECT r.value, r.start + r.duration_s FROM reading r JOIN reading_set s ON r.set_id = s.id "
    "WHERE s.meter = ? AND r.value IS NOT NULL"
)
_NEWEST_READINGS = (
    f"{_READINGS} AND s.id IN (SELECT id FROM reading_set WHERE meter = ? ORDER BY start DESC LIMIT ?)"
)
_RECORD = (
    "UPDATE meter SET "
    "injection_w = CASE WHEN read_at IS NULL OR read_at <= ? THEN factor * ? ELSE injection_w END, "
    "read_at = CASE WHEN read_at IS NULL OR read_at <= ? THEN ? ELSE read_at END, "
    "peak_load_w = CASE WHEN -factor * ? > peak_load_w THEN -factor * ? WHEN -factor * ? > peak_load_w "
    "THEN -factor * ? ELSE peak_load_w END WHERE href = ?"
)


class PowerMeter(NamedTuple):
    """A MeterReading of active power: its href, and the factor from its values to W of injection."""
    href: str
    factor: float


def best(types: dict[str, Data]) -> list[PowerMeter]:
    """Return, of MeterReadings (by href) with their ReadingTypes, one for each direction. Pure.

    The sum of the phases is preferred to one of them, an average to an instantaneous value.
    """
    chosen: dict[int, tuple[tuple[bool, int], PowerMeter]] = {}
    for href, reading_type in types.items():
        flow = reading_type.get("flowDirection", FlowDirection.NOT_APPLICABLE)
        qualifier = reading_type.get("dataQualifier", DataQualifier.NOT_APPLICABLE)
        if reading_type.get("uom") != Uom.W or qualifier not in _QUALIFIERS or flow not in _SIGN:
            continue
        one_phase = reading_type.get("phase", PhaseCode.NOT_APPLICABLE) != PhaseCode.NOT_APPLICABLE
        rank = (one_phase, _QUALIFIERS[qualifier])
        if flow not in chosen or rank < chosen[flow][0]:
            factor = _SIGN[flow] * 10.0 ** reading_type.get("powerOfTenMultiplier", 0)
            chosen[flow] = rank, PowerMeter(href, factor)
    return [meter for _, meter in chosen.values()]


def reconcile(device: int, lfdi: str) -> int:
    """Make the meters of a device agree with what it mirrors; return how many changed."""
    row = sql.row("SELECT kind FROM device_type WHERE device_id = ?", device)
    meters = _meters(lfdi, row[0] if row else "other")
    stored = {href: (kind, factor) for href, kind, factor in sql.rows(
        "SELECT href, kind, factor FROM meter WHERE device_id = ?", device)}
    changed = 0
    for href in stored.keys() - meters.keys():
        sql.execute("DELETE FROM meter WHERE href = ?", href)
        changed += 1
    for href, (kind, factor) in meters.items():
        if href in stored and stored[href][1] == factor:
            if stored[href][0] != kind:
                sql.execute("UPDATE meter SET kind = ? WHERE href = ?", kind, href)
                changed += 1
            continue
        sql.execute("DELETE FROM meter WHERE href = ?", href)
        sql.execute(
            "INSERT INTO meter (href, device_id, kind, factor, peak_load_w) VALUES (?, ?, ?, ?, 0.0)",
            href,
            device,
            kind,
            factor,
        )
        record_readings(href, sql.rows(_READINGS, href))
        changed += 1
    return changed


def _meters(lfdi: str, device_kind: str) -> dict[str, tuple[str, float]]:
    """Return, for each MeterReading (href) that counts for a device, what it measures and its factor."""
    points = {
        href: json.loads(submitted)
        for href, submitted in sql.rows(
            "SELECT href, submitted FROM document WHERE parent = '/upt' AND audience = ? "
            "AND submitted IS NOT NULL ORDER BY sort",
            lfdi,
        )
    }
    premises = [href for href, point in points.items() if is_premises(point)]
    own = [href for href, point in points.items() if role_flags(point) & (RoleFlags.DER | RoleFlags.PEV)]
    own = own or [href for href in points if href not in premises]
    types: dict[str, dict[str, Data]] = defaultdict(dict)
    for point_href in (*own, *premises):
        for meter_href, submitted in sql.rows(
            "SELECT m.href, t.submitted FROM document m JOIN document t ON t.href = m.href || '/rt' "
            "WHERE m.parent = ? AND t.submitted IS NOT NULL ORDER BY m.sort",
            f"{point_href}/mr",
        ):
            types[point_href][meter_href] = json.loads(submitted)
    return {meter.href: ("premises" if point_href in premises else device_kind, meter.factor)
            for point_href, types_of_point in types.items() for meter in best(types_of_point)}


@hooks.on_readings
def record_readings(meter: str, readings: Readings) -> None:
    """Record the newest of these values of a MeterReading (href), and the greatest load."""
    if not readings:
        return
    newest, read_at = max(readings, key=lambda reading: reading[1])
    values = [value for value, _ in readings]
    greatest, least = max(values), min(values)
    sql.execute(_RECORD, read_at, newest, read_at, read_at, greatest, greatest, least, least, meter)


def rebuild() -> int:
    """Make every meter agree with documents and readings; return how many changed."""
    changed = sum(reconcile(device.id, device.lfdi) for device in Device.select(Device.id, Device.lfdi))
    for href, factor, injection_w, read_at in sql.rows(
        "SELECT href, factor, injection_w, read_at FROM meter"
    ):
        readings = sql.rows(_NEWEST_READINGS, href, href, _NEWEST_SETS)
        newest = max((end for _, end in readings), default=None)
        newest_w = [factor * value for value, end in readings if end == newest]
        if read_at != newest or readings and injection_w not in newest_w:
            sql.execute("UPDATE meter SET injection_w = NULL, read_at = NULL WHERE href = ?", href)
            record_readings(href, readings)
            changed += 1
    return changed


@after("PUT", "ReadingType")
def _follow_reading_type(change: Change) -> None:
    if change.old != change.data:
        _reconcile_owner(change)


@after("POST", "UsagePoint")
@after("PUT", "UsagePoint")
def _follow_usage_point(change: Change) -> None:
    if change.old is None or role_flags(change.old) != role_flags(change.data):
        _reconcile_owner(change)


@after("PUT", "MeterReading")
def _follow_new_meter(change: Change) -> None:
    if change.old is None:
        _reconcile_owner(change)


@after("DELETE", "UsagePoint", "MeterReading")
def _reconcile_owner(change: Change) -> None:
    for device, lfdi in sql.rows("SELECT id, lfdi FROM device WHERE lfdi = ?", change.audience):
        devicetypes.reconcile(device, lfdi)
        reconcile(device, lfdi)
