"""Where the power of each device is read: the rows Meter, kept in step with what is mirrored.

A device is read at the usage points of its DER (roleFlags isDER or isPEV) if it mirrors one, else at whatever
it mirrors; the meter of its premises is read besides. Which MeterReadings of a usage point count together
says `series/meteruse`. A mirror that was made anew has a second usage point: it succeeds those of the same
roles for as long as nothing arrives for them. What arrives is recorded by `meterrecords`.
"""
from __future__ import annotations

import json
from typing import Any, NamedTuple

from server.grid.fleet import devicetypes, meterrecords
from server.grid.fleet.devicetypes import is_premises, role_flags
from server.grid.series import meteruse
from server.grid.series.meteruse import Measure, MeterUse
from server.models import Device
from server.resources import documents, meterreadings, sql
from server.resources.codes import RoleFlags, ServiceKind
from server.resources.hooks import Change, after
from server.units import Href, Instant, Lfdi, Watts

Data = dict[str, Any]
_ROLES_OF_DER = RoleFlags.DER | RoleFlags.PEV
_COLUMNS = ("kind", "factor", "rated_w", "measure", "alternative", "part", "needed", "slot")
_INSERT = (f"INSERT INTO meter (href, device_id, {', '.join(_COLUMNS)}, peak_load_w) "
           f"VALUES ({sql.marks(len(_COLUMNS) + 2)}, 0.0)")
_UPDATE = f"UPDATE meter SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE href = ?"
_RATED = "SELECT max_injection_w, max_absorption_w FROM der_state WHERE device_id = ?"
_FIRST_READ = (
    "UPDATE meter SET first_read_at = (SELECT min(start) FROM reading_set WHERE meter = ?) WHERE href = ?"
)


class _Columns(NamedTuple):
    """What follows from documents of a meter, but for which usage point succeeded its own."""
    kind: str
    factor: float
    rated_w: Watts | None
    measure: str | None
    alternative: int | None
    part: int | None
    needed: bool | None
    slot: Href | None


def reconcile(device: int, lfdi: Lfdi) -> int:
    """Make the meters of a device agree with what it mirrors; return how many changed."""
    row = sql.row("SELECT kind FROM device_type WHERE device_id = ?", device)
    points = _points(lfdi)
    stored = {href: _Columns(*columns) for href, *columns in sql.rows(
        f"SELECT href, {', '.join(_COLUMNS)} FROM meter WHERE device_id = ?", device)}
    meters = _meters(points, row[0] if row else "other", rated_w(device), stored)
    changed = 0
    for href in stored.keys() - meters.keys():
        sql.execute("DELETE FROM meter WHERE href = ?", href)
        changed += 1
    for href, columns in meters.items():
        previous = stored.get(href)
        if previous is not None and columns == previous._replace(needed=bool(previous.needed)):
            continue
        changed += 1
        if previous is not None and (previous.factor, previous.measure or Measure.POWER) == (
                columns.factor, columns.measure):
            sql.execute(_UPDATE, *columns, href)
            if previous.slot is None:  # of a version before
                sql.execute(_FIRST_READ, href, href)
            if previous.rated_w != columns.rated_w:  # other values are plausible now
                meterrecords.verify(href)
            continue
        sql.execute("DELETE FROM meter WHERE href = ?", href)
        sql.execute(_INSERT, href, device, *columns)
        meterrecords.record_all(href)
    return changed


def rated_w(device: int) -> Watts | None:
    """Return the greatest power of the DERs of a device (by number), None where one does not report it."""
    ratings_w = [max(injection_w, absorption_w) for injection_w, absorption_w in sql.rows(_RATED, device)]
    return sum(ratings_w) if ratings_w and all(ratings_w) else None


def _points(lfdi: Lfdi) -> dict[Href, Data]:
    """Return the usage points of electricity that a device mirrors, in the order in which they were made."""
    points = {document.href: document.submitted for document in documents.ever("/upt", lfdi)
              if document.submitted is not None}
    electric = ServiceKind.ELECTRICITY
    return {href: points[href] for href in sorted(points, key=lambda href: int(href.rpartition("/")[2]))
            if points[href].get("serviceCategoryKind", electric) == electric}


def _meters(
    points: dict[Href, Data], device_kind: str, device_rated_w: Watts | None, stored: dict[Href, _Columns]
) -> dict[Href, _Columns]:
    """Return, for each MeterReading (href) that can count for a device, its columns."""
    premises = [href for href, point in points.items() if is_premises(point)]
    own = [href for href, point in points.items() if role_flags(point) & _ROLES_OF_DER]
    own = own or [href for href in points if href not in premises]
    uses = {href: _uses(href, stored) for href in (*own, *premises)}
    slots = _slots([href for href in points if uses.get(href)], points, stored)
    return {
        meter: _Columns(
            kind="premises" if point in premises else device_kind,
            rated_w=device_rated_w if role_flags(points[point]) & _ROLES_OF_DER else None,
            slot=slots[point],
            **use._asdict(),
        )
        for point, of_point in uses.items()
        for meter, use in of_point.items()
    }


def _uses(point: Href, stored: dict[Href, _Columns]) -> dict[Href, MeterUse]:
    types = {
        href: json.loads(submitted)
        for href, submitted in sql.rows(
            "SELECT m.href, t.submitted FROM document m JOIN document t ON t.href = m.href || '/rt' "
            "WHERE m.parent = ? AND t.submitted IS NOT NULL ORDER BY m.sort",
            f"{point}/mr",
        )
    }
    uses = meteruse.uses(types)
    for href, use in uses.items():
        previous = stored.get(href)
        if previous and previous.measure == Measure.REGISTER and meteruse.is_open(types[href]):
            uses[href] = use._replace(measure=Measure.REGISTER)
    return uses


def _slots(metered: list[Href], points: dict[Href, Data], stored: dict[Href, _Columns]) -> dict[Href, Href]:
    """Return the usage point for which each counts: itself, or the one that succeeded it.

    `metered` are in the order in which they were made. What succeeded what is learnt from what arrives; where
    rows are made anew, from when each was read.
    """
    slots: dict[Href, Href] = {}
    for point in metered:
        slot = next((columns.slot for href, columns in stored.items() if _point_of(href) == point), None)
        slots[point] = slot if slot in metered else point
        if slot is not None:
            continue
        first_read_at, _ = _read_times(point)
        for earlier in slots:
            same = role_flags(points[earlier]) == role_flags(points[point])
            if earlier != point and same and _ended_before(earlier, first_read_at):
                slots[earlier] = point
    return slots


def _ended_before(point: Href, instant: Instant | None) -> bool:
    last_read_at = _read_times(point)[1]
    return instant is None or last_read_at is None or last_read_at < instant


def _read_times(point: Href) -> tuple[Instant | None, Instant | None]:
    """Return when a usage point was first and last read, None for never."""
    first, last = sql.row(
        "SELECT min(r.start + r.duration_s), max(r.start + r.duration_s) FROM reading_set s "
        f"JOIN reading r ON {meterreadings.OF_SET} WHERE {sql.below('s.meter')}", *sql.bounds(point))
    return first, last


def _point_of(meter: Href) -> Href:
    return meter.partition("/mr/")[0]


def rebuild() -> int:
    """Make every meter agree with documents and readings; return how many changed."""
    changed = sum(reconcile(device.id, device.lfdi) for device in Device.select(Device.id, Device.lfdi))
    return changed + sum(meterrecords.verify(href) for href, in sql.rows("SELECT href FROM meter"))


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
