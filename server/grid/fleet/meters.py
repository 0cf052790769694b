"""Where each device's power is read: the rows Meter, kept in step with what is mirrored; what is read costs
one update.

A device is read at the usage points of its DER (roleFlags isDER or isPEV) if it mirrors one, else at whatever
it mirrors; what a whole premises draws is read besides. There, readings of active power (uom 38, W) count:
forward is delivered to the customer and so consumption, reverse is injection; where both are given, each is a
magnitude and the difference is meant.
"""
from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, NamedTuple

from server.grid.fleet import devicetypes
from server.grid.fleet.devicetypes import DER, PEV, is_premises, role
from server.models import Device
from server.resources import hooks, sql
from server.resources.codes import DataQualifier, FlowDirection, PhaseCode, Uom
from server.resources.hooks import Change, after

Data = dict[str, Any]
Taken = list[tuple[int, int]]
_SIGN: dict[int, int] = {FlowDirection.FORWARD: -1, FlowDirection.REVERSE: 1, FlowDirection.NOT_APPLICABLE: 1}
# dataQualifier: an average says most about a period, then a normal value; extremes and deviations say nothing
# of it.
_QUALIFIERS: dict[int, int] = {
    DataQualifier.AVERAGE: 0,
    DataQualifier.NOT_APPLICABLE: 1,
    DataQualifier.NORMAL: 1,
}
_NEWEST_SETS = 3
_READ = (
    "SELECT r.value, r.start + r.duration_s FROM reading r JOIN reading_set s ON r.set_id = s.id WHERE "
    "s.meter = ? AND "
    "r.value IS NOT NULL"
)


class Meter(NamedTuple):
    """A MeterReading of active power: its href, and by what its values give W of injection."""
    href: str
    factor: float


def best(types: dict[str, Data]) -> list[Meter]:
    """Of MeterReadings by their ReadingTypes one for each direction: the sum of the phases rather than one of
    them, an average rather than an instant. Pure."""
    chosen: dict[int, tuple[tuple[bool, int], Meter]] = {}
    for href, said in types.items():
        flow = said.get("flowDirection", FlowDirection.NOT_APPLICABLE)
        qualifier = said.get("dataQualifier", DataQualifier.NOT_APPLICABLE)
        if said.get("uom") != Uom.W or qualifier not in _QUALIFIERS or flow not in _SIGN:
            continue
        one_phase = said.get("phase", PhaseCode.NOT_APPLICABLE) != PhaseCode.NOT_APPLICABLE
        rank = (one_phase, _QUALIFIERS[qualifier])
        if flow not in chosen or rank < chosen[flow][0]:
            chosen[flow] = rank, Meter(href, _SIGN[flow] * 10.0 ** said.get("powerOfTenMultiplier", 0))
    return [meter for _, meter in chosen.values()]


def reconcile(device: int, lfdi: str) -> int:
    """Make the rows of a device agree with what it mirrors; how many did not."""
    row = sql.row("SELECT kind FROM device_type WHERE device_id = ?", device)
    wanted = _counting(lfdi, row[0] if row else "other")
    kept = {href: (what, factor) for href, what, factor in sql.rows(
        "SELECT href, kind, factor FROM meter WHERE device_id = ?", device)}
    changed = 0
    for href in kept.keys() - wanted.keys():
        sql.execute("DELETE FROM meter WHERE href = ?", href)
        changed += 1
    for href, (what, factor) in wanted.items():
        if href in kept and kept[href][1] == factor:
            if kept[href][0] != what:
                sql.execute("UPDATE meter SET kind = ? WHERE href = ?", what, href)
                changed += 1
            continue
        sql.execute("DELETE FROM meter WHERE href = ?", href)
        sql.execute(
            "INSERT INTO meter (href, device_id, kind, factor, peak_load_w) VALUES (?, ?, ?, ?, 0.0)",
            href,
            device,
            what,
            factor,
        )
        record_readings(href, sql.rows(_READ, href))
        changed += 1
    return changed


def _counting(lfdi: str, what: str) -> dict[str, tuple[str, float]]:
    """What each MeterReading that counts for a device measures, and its factor."""
    points = {
        href: json.loads(stated)
        for href, stated in sql.rows(
            "SELECT href, submitted FROM document WHERE parent = '/upt' AND audience = ? AND submitted IS "
            "NOT NULL ORDER BY sort",
            lfdi,
        )
    }
    whole = [href for href, said in points.items() if is_premises(said)]
    own = [href for href, said in points.items() if role(said) & (DER | PEV)]
    own = own or [href for href in points if href not in whole]
    types: dict[str, dict[str, Data]] = defaultdict(dict)
    for point in (*own, *whole):
        for meter, stated in sql.rows(
            "SELECT m.href, t.submitted FROM document m JOIN document t ON t.href = m.href || '/rt' WHERE "
            "m.parent = ? AND t.submitted IS NOT NULL ORDER BY m.sort",
            f"{point}/mr",
        ):
            types[point][meter] = json.loads(stated)
    return {meter.href: ("premises" if point in whole else what, meter.factor)
            for point, known in types.items() for meter in best(known)}


@hooks.on_readings
def record_readings(meter: str, read: Taken) -> None:
    """Values of a MeterReading, each with the end of its time, have been read: keep the newest and the
    greatest draw."""
    if not read:
        return
    value, at = max(read, key=lambda each: each[1])
    values = [value for value, _ in read]
    sql.execute(
        "UPDATE meter SET injection_w = CASE WHEN read_at IS NULL OR read_at <= ? THEN factor * ? ELSE "
        "injection_w END, "
        "read_at = CASE WHEN read_at IS NULL OR read_at <= ? THEN ? ELSE read_at END, "
        "peak_load_w = CASE WHEN -factor * ? > peak_load_w THEN -factor * ? WHEN -factor * ? > peak_load_w "
        "THEN -factor * ? ELSE peak_load_w END "
        "WHERE href = ?",
        at,
        value,
        at,
        at,
        max(values),
        max(values),
        min(values),
        min(values),
        meter,
    )


def rebuild() -> int:
    """Make every row agree with documents and readings; how many did not."""
    changed = sum(reconcile(device.id, device.lfdi) for device in Device.select(Device.id, Device.lfdi))
    for href, factor, watts, at in sql.rows("SELECT href, factor, injection_w, read_at FROM meter"):
        read = sql.rows(
            f"{_READ} AND s.id IN (SELECT id FROM reading_set WHERE meter = ? ORDER BY start DESC LIMIT ?)",
            href,
            href,
            _NEWEST_SETS,
        )
        newest = max((end for _, end in read), default=None)
        if at != newest or read and watts not in [factor * value for value, end in read if end == newest]:
            sql.execute("UPDATE meter SET injection_w = NULL, read_at = NULL WHERE href = ?", href)
            record_readings(href, read)
            changed += 1
    return changed


@after("PUT", "ReadingType")
def _typed(change: Change) -> None:
    if change.old != change.data:
        _changed(change)


@after("POST", "UsagePoint")
@after("PUT", "UsagePoint")
def _pointed(change: Change) -> None:
    if change.old is None or role(change.old) != role(change.data):
        _changed(change)


@after("DELETE", "UsagePoint", "MeterReading")
@after("PUT", "MeterReading")
def _changed(change: Change) -> None:
    if change.kind == "MeterReading" and change.method == "PUT" and change.old is not None:
        return
    for device, lfdi in sql.rows("SELECT id, lfdi FROM device WHERE lfdi = ?", change.audience):
        devicetypes.settle(device, lfdi)
        reconcile(device, lfdi)
