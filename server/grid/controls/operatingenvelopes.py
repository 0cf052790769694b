"""Operating envelopes: schedules of the limits of connection points. Put, list, show, clear.

A connection point is a device, or a virtual DER whose members are all behind it: each of those is told the
limits of the point as a whole. Limits are magnitudes in W.
"""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server import audit, clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.controls import envelopemodes, envelopepublication
from server.grid.controls.envelopepublication import Progress
from server.grid.controls.results import (ClearedEnvelope, EnvelopeDetail, EnvelopeRow, EnvelopeSegment,
                                          PutEnvelopes, ToldLimits, UntoldLimit)
from server.grid.groups import singledevices, virtualders
from server.grid.series import envelopefiles, envelopes, envelopesegments
from server.grid.series.envelopefiles import PointSchedule
from server.grid.series.envelopesegments import NO_LIMITS, LimitSpan
from server.grid.series.intervals import iso
from server.models import Device, PointEnvelope, VirtualDER, among, pages
from server.resources import dryrun, sql, store
from server.units import Href, Instant, Seconds

_FARTHEST_S = 366 * 86400


class _Point(NamedTuple):
    """A connection point, with its schedule."""
    schedule: PointSchedule
    target: VirtualDER | Device


def put(
    text: str, source: str, target: str | None = None, *, factor: float = 1.0, step_s: Seconds | None = None,
    dates: str | None = None, dry_run: bool = False, progress: Progress | None = None
) -> PutEnvelopes:
    """Put the envelopes of a CSV file (see `series.envelopefiles`), of one connection point or of many.

    Where a schedule reaches, it takes the place of what was put before, for all at once. Refused (400, 404)
    as a whole where anything does not fit.
    """
    schedules = envelopefiles.read(text, source, ZoneInfo(settings.timezone), factor, step_s, dates)
    _check_times(schedules, clock.now())
    points = _points(schedules, target, source)
    with dryrun.transaction(True) if dry_run else nullcontext():
        recorded = _record(points, source, dry_run=dry_run)
    if not dry_run:
        envelopepublication.publish_due(progress)
    return recorded


def _check_times(schedules: Iterable[PointSchedule], now: Instant) -> None:
    for schedule in schedules:
        start, end = schedule.segments[0].start, schedule.segments[-1].end
        if end <= now:
            raise Refused(400, f"{schedule.position}: the schedule ends at {iso(end)}, which is past")
        if end - now > _FARTHEST_S:
            raise Refused(400, f"{schedule.position}: it lasts from {iso(start)} until {iso(end)}; a year "
                               "ahead is possible")


# --- connection points ----------------------------------------------------------------------------

def _points(schedules: Sequence[PointSchedule], target: str | None, source: str) -> list[_Point]:
    named = bool(schedules[0].name)
    if named and target is not None:
        raise Refused(400, f"{source} names its connection points: leave out {target}")
    if not named and target is None:
        raise Refused(400, f"{source} has no column {envelopefiles.POINT}: name the device or virtual DER")
    names = [target or schedule.name for schedule in schedules]
    targets = _targets(names)
    points: list[_Point] = []
    seen: dict[tuple[type[VirtualDER | Device], int], str] = {}
    for schedule, name in zip(schedules, names, strict=True):
        found = targets[name] if name in targets else _find(name, schedule.position if named else "")
        key = type(found), found.id
        if key in seen:
            raise Refused(400, f"{schedule.position}: {name} is the same connection point as {seen[key]}")
        seen[key] = name
        points.append(_Point(schedule, found))
    return points


def _targets(names: Iterable[str]) -> dict[str, VirtualDER | Device]:
    """Return what names stand for, as far as one statement for many tells; a name of both is left out."""
    wanted = list(dict.fromkeys(names))
    vders = {vder.name: vder for vder in among(VirtualDER.select(), VirtualDER.name, wanted)}
    devices: dict[str, list[Device]] = defaultdict(list)
    for device in among(Device.select(), Device.name, wanted):
        devices[device.name].append(device)
    for device in among(Device.select(), Device.lfdi, [name.upper() for name in wanted]):
        devices[device.lfdi].append(device)
    found: dict[str, VirtualDER | Device] = {}
    for name in wanted:
        candidates = [*devices[name], *([vders[name]] if name in vders else [])]
        if len(candidates) == 1:
            found[name] = candidates[0]
    return found


def _find(name: str, position: str = "") -> VirtualDER | Device:
    """Return the device or virtual DER of a name. Refused (400) where it is of both, (404) of none."""
    place = f"{position}: " if position else ""
    vder = VirtualDER.get_or_none((VirtualDER.name == name))
    try:
        device = enrolment.find(name)
    except Refused as refused:
        if vder is None:
            raise Refused(refused.status, f"{place}{refused.why}, and no virtual DER of that name") from None
        return vder
    if vder is not None:
        raise Refused(400, f"{place}{name} is the name of a device and of a virtual DER: write the LFDI of "
                           "the device")
    return device


def _vders(points: Sequence[_Point]) -> list[VirtualDER]:
    """Return the virtual DER of each connection point, that of a single device made where there is none."""
    devices = [point.target for point in points if isinstance(point.target, Device)]
    strength: dict[int, int] = dict(sql.among(
        "SELECT m.device_id, min(v.primacy) FROM membership m JOIN virtual_der v ON v.id = m.vder_id "
        "WHERE m.device_id IN ({}) AND v.device_id IS NULL GROUP BY m.device_id",
        (device.id for device in devices)))
    of_strength: dict[int, list[Device]] = defaultdict(list)
    for device in devices:
        of_strength[max(strength.get(device.id, virtualders.PRIMACY), 1)].append(device)
    single: dict[int, VirtualDER] = {}
    for primacy, some in of_strength.items():
        single |= singledevices.ensure(some, primacy)
    return [single[point.target.id] if isinstance(point.target, Device) else point.target for point in points]


def _existing(target: str) -> PointEnvelope:
    """Return the envelope of a connection point. Refused (404) where it has none."""
    found = _find(target)
    owner = VirtualDER.device if isinstance(found, Device) else VirtualDER.id
    row = PointEnvelope.select(PointEnvelope, VirtualDER).join(VirtualDER).where(owner == found.id).first()
    if row is None:
        raise Refused(404, f"{target} has no operating envelope")
    return row  # type: ignore[no-any-return]


# --- putting and clearing -------------------------------------------------------------------------

def _audited(recorded: PutEnvelopes) -> dict[str, Any]:
    fields = ("points", "source", "start", "end", "step_s", "replaced")
    return {key: value for key, value in recorded.items() if key in fields}


@audit.audited("envelope put", "{points} from {source}", answer=_audited)
def _record(points: Sequence[_Point], source: str, *, dry_run: bool) -> PutEnvelopes:
    """Write the envelopes of connection points, and say how their members are told."""
    now = clock.now()
    with store.transaction():
        vders = _vders(points)
        old = {row.vder_id: envelopes.segments_of(row.segments)
               for row in among(PointEnvelope.select(), PointEnvelope.vder, vders)}
        envelopes.save({vder.id: envelopesegments.replaced(old.get(vder.id, []), point.schedule.segments, now)
                        for vder, point in zip(vders, points, strict=True)}, source, now)
        members = envelopepublication.members_of(vder.id for vder in vders)
    told: Counter[tuple[str, str]] = Counter()
    untold: list[UntoldLimit] = []
    for vder, point in zip(vders, points, strict=True):
        kinds = envelopepublication.kinds_of(point.schedule.segments)
        how = envelopemodes.expression(members[vder.id], kinds)
        told.update(envelopepublication.told(how).items())
        untold += ({"connection_point": name_of(vder), "limit": kind, "members": count}
                   for kind, count in how.untold.items())
    steps = {point.schedule.step_s for point in points}
    return {
        "points": _named(points),
        "source": source,
        "start": min(point.schedule.segments[0].start for point in points),
        "end": max(point.schedule.segments[-1].end for point in points),
        "step_s": min(steps),
        "replaced": len(old),
        "told": _told_rows(told),
        "untold": untold,
        "warnings": _warnings(points, untold),
        "dry_run": dry_run,
    }


def _named(points: Sequence[_Point]) -> str:
    target = points[0].target
    return f"{len(points)} connection points" if len(points) > 1 else target.name or str(target.id)


def _told_rows(told: Counter[tuple[str, str]]) -> list[ToldLimits]:
    return [{"limit": kind, "modes": modes, "connection_points": count}
            for (kind, modes), count in sorted(told.items(), key=lambda item: (
                envelopesegments.KINDS.index(item[0][0]), -item[1], item[0][1]))]


def _warnings(points: Sequence[_Point], untold: Sequence[UntoldLimit]) -> list[str]:
    warnings = []
    if untold:
        count = len({row["connection_point"] for row in untold})
        warnings.append(f"{count} of {len(points)} connection points have members that cannot be told a "
                        "limit")
    unlimited = [point for point in points if all(
        segment.limits == NO_LIMITS for segment in point.schedule.segments)]
    if unlimited:
        warnings.append(f"{len(unlimited)} of {len(points)} connection points are limited by nothing")
    return warnings


def _state(target: str) -> dict[str, Any]:
    row = _existing(target)
    return {"point": name_of(row.vder), "until": row.until, "source": row.source,
            "segments": len(row.segments)}


def clear(target: str, start: Instant | None = None, dry_run: bool = False) -> ClearedEnvelope:
    """Let an envelope end now, or at an instant. Refused (404) where there is none."""
    with dryrun.transaction(True) if dry_run else nullcontext():
        result = _clear(target, start, dry_run=dry_run)
    if not dry_run:
        envelopepublication.publish_due()
    return result


@audit.audited("envelope clear", "{point}", state=_state)
def _clear(target: str, start: Instant | None, *, dry_run: bool) -> ClearedEnvelope:
    now = clock.now()
    end = max(now, now if start is None else start)
    with store.transaction():
        row = _existing(target)
        remaining = envelopesegments.cut(envelopes.segments_of(row.segments), now, end)
        row.segments, row.due_at = envelopes.rows_of(remaining), now
        row.until = remaining[-1].end if remaining else now
        row.save(only=[PointEnvelope.segments, PointEnvelope.due_at, PointEnvelope.until])
    return {"connection_point": name_of(row.vder), "end": row.until, "dry_run": dry_run}


# --- showing --------------------------------------------------------------------------------------
def name_of(vder: VirtualDER) -> str:
    """Return the name of a connection point: that of its device, or of the virtual DER."""
    return str(vder.name if vder.device is None else vder.device.name or vder.device.lfdi)


def list_envelopes() -> Iterator[EnvelopeRow]:
    """Yield the envelopes of all connection points, with the limits that hold now."""
    query = PointEnvelope.select(PointEnvelope, VirtualDER, Device).join(VirtualDER)
    for page in pages.rows(query.left_outer_join(Device), PointEnvelope.vder):
        yield from map(_row, page)


def _row(row: PointEnvelope) -> EnvelopeRow:
    now = clock.now()
    present = next(iter(envelopesegments.cut(envelopes.segments_of(row.segments), now, now + 1)), None)
    limits = present.limits if present is not None else NO_LIMITS
    events = envelopepublication.events_of(row)
    return {
        "connection_point": name_of(row.vder),
        "import_limit_w": limits[0],
        "export_limit_w": limits[1],
        "generation_limit_w": limits[2],
        "load_limit_w": limits[3],
        "end": row.until,
        "published": len(events),
        "published_until_at": max((event.segment.end for event in events), default=None),
        "source": row.source,
        "issued_at": row.issued_at,
    }


def show(target: str) -> EnvelopeDetail:
    """Return the envelope of a connection point, step by step, and how its members are told."""
    row = _existing(target)
    segments = envelopesegments.cut(envelopes.segments_of(row.segments), clock.now(), row.until)
    published: dict[tuple[Instant, Any], Href] = {
        (event.segment.end, event.segment.limits): event.href for event in envelopepublication.events_of(row)}
    members = envelopepublication.members_of([row.vder_id])[row.vder_id]
    how = envelopemodes.expression(members, envelopepublication.kinds_of(segments))
    rows = [_segment(segment, published.get((segment.end, segment.limits))) for segment in segments]
    told = Counter(envelopepublication.told(how).items())
    untold: list[UntoldLimit] = [
        {"connection_point": name_of(row.vder), "limit": kind, "members": count}
        for kind, count in how.untold.items()]
    return {**_row(row), "told": _told_rows(told), "untold": untold, "segments": rows}


def _segment(segment: LimitSpan, href: Href | None) -> EnvelopeSegment:
    return {
        "start": segment.start,
        "end": segment.end,
        "import_limit_w": segment.limits[0],
        "export_limit_w": segment.limits[1],
        "generation_limit_w": segment.limits[2],
        "load_limit_w": segment.limits[3],
        "control": href,
    }
