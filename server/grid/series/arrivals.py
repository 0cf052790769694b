"""Charging sessions that are expected and not requested yet: as in the weeks before, or as submitted.

Charging is positive, energy in Wh, power in W, as in FlowReservation.
"""
from __future__ import annotations

import math
from collections.abc import Collection, Container, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import dispatchgroups, virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.clusters import Sessions
from server.grid.series import arrivalspread, intervals
from server.grid.series.intervals import STEP, WEEK
from server.grid.series.results import PutSessions, SessionForecast
from server.models import Device, Series, VirtualDER
from server.resources import sql
from server.units import Hours

QUANTITY = "ev"
MAX_WEEKS = 4  # so many of the last weeks tell which cars usually come
_MAX_SESSIONS = 100_000
SessionValues = Sequence[float]  # arrival (UTC, s), departure, Wh, W


class ExpectedSession(NamedTuple):
    """A session that is expected in a dispatch group (`group` is its index).

    Of sessions of several weeks each is a part: of so many weeks, its energy and power are divided by their
    number.
    """
    arrival_at: float
    departure_at: float
    energy_wh: float
    power_w: float
    group: int


class ExpectedArrivals(NamedTuple):
    """The sessions that are expected, in the mean, and by group [g] how much more energy there may be: the
    quantile of 0.9 over the mean (see `arrivalspread`); 1 where sessions are as submitted."""
    sessions: Sessions
    spread: Floats


def put(
    vder: str | int | VirtualDER,
    sessions: Iterable[SessionValues],
    source: str = "",
    issued_at: int | None = None,
    *,
    dry_run: bool = False,
    origin: str = QUANTITY,
) -> PutSessions:
    """Store the sessions that are expected in a dispatch group, each as [arrival, departure, Wh, W].

    They replace what our own readings let expect, until the last of them ends. Refused (400) as a whole where
    one is not a session; `origin` begins the message.
    """
    group, now = virtualders.find(vder), clock.now()
    checked = [_checked(session, f"{origin}, session {number}") for number, session in enumerate(sessions, 1)]
    if not 0 < len(checked) <= _MAX_SESSIONS:
        raise Refused(400, f"{origin}: {len(checked)} sessions; specify 1 to {_MAX_SESSIONS}")
    if issued_at is not None and issued_at > now:
        raise Refused(
            400, f"{origin}: it cannot have been issued at {intervals.iso(issued_at)}, later than now"
        )
    row = Series(
        vder=group,
        quantity=QUANTITY,
        issued_at=now if issued_at is None else issued_at,
        step_s=STEP,
        values=checked,
        source=source,
        start=int(min(arrival for arrival, *_ in checked)),
        until=int(max(departure for _, departure, *_ in checked)),
    )
    if not dry_run:
        row.save(force_insert=True)
    below = group.children.count()
    warnings = [
        f"{group.name} has {below} virtual DERs below it: these sessions count only for devices that are in "
        "none of them"
    ] if below else []
    return {**describe(row), "dry_run": dry_run, "warnings": warnings}


def describe(row: Series) -> SessionForecast:
    """Return submitted sessions in brief."""
    return {
        "vder": row.vder.name,
        "quantity": QUANTITY,
        "start": row.start,
        "end": row.until,
        "sessions": len(row.values),
        "energy_wh": sum(energy_wh for _, _, energy_wh, _ in row.values),
        "source": row.source,
        "issued_at": row.issued_at,
    }


def _checked(session: SessionValues, position: str) -> list[float]:
    if len(session) != 4 or any(
        isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value)
        for value in session
    ):
        raise Refused(400, f"{position}: {session!r} is not arrive, depart, Wh and W")
    arrival, departure, energy_wh, power_w = session
    if not 0 <= arrival < departure or energy_wh <= 0 or power_w <= 0:
        raise Refused(400, f"{position}: departure has to be after arrival, energy and power positive")
    return list(session)


def expected(
    dispatch_groups: Sequence[VirtualDER],
    start: int,
    steps: int,
    at: int | None = None,
    hours: Hours = STEP / 3600,
) -> Sessions:
    """Return the sessions that are expected in the mean: see `expected_arrivals`."""
    return expected_arrivals(dispatch_groups, start, steps, at, hours).sessions


def expected_arrivals(
    dispatch_groups: Sequence[VirtualDER],
    start: int,
    steps: int,
    at: int | None = None,
    hours: Hours = STEP / 3600,
) -> ExpectedArrivals:
    """Return the sessions that begin after `at` (default: now) and before the end of the horizon: `steps`
    steps of `hours` from `start` on.

    Arrival and departure are in steps from `start`, `group` is an index in `dispatch_groups`. A session is
    not expected where its device has already requested one for that time, nor as in the weeks before in a
    group for which sessions are submitted. Of these weeks the last MAX_WEEKS count, as far as there are
    sessions.
    """
    at = clock.now() if at is None else at
    step = round(hours * 3600)
    end = start + steps * step
    submitted = {index: values for index, group in enumerate(dispatch_groups)
                 if (values := _submitted(group, at)) is not None}
    sessions = [ExpectedSession(arrival, departure, energy_wh, power_w, index)
                for index, values in submitted.items()
                for arrival, departure, energy_wh, power_w in values if at < arrival < end]
    usual, spread = _usual(dispatch_groups, submitted, at, end)
    sessions += usual
    rows = [
        (
            max(math.ceil((session.arrival_at - start) / step), 0),
            math.floor((session.departure_at - start) / step),
            session.energy_wh,
            session.power_w,
            session.group,
        )
        for session in sorted(sessions)
    ]
    rows = [row for row in rows if row[0] < min(row[1], steps)]
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    return ExpectedArrivals(
        Sessions(columns[0].astype(np.intp), columns[1].astype(np.intp), columns[2], columns[3],
                 columns[4].astype(np.intp)),
        spread)


def _submitted(group: VirtualDER, at: int) -> list[SessionValues] | None:
    """Return the sessions of the newest forecast from outside that is not over; None where there is none."""
    row = (
        Series.select()
        .where(
            (Series.vder == group)
            & (Series.quantity == QUANTITY)
            & (Series.issued_at <= at)
            & (Series.until > at)
        )
        .order_by(Series.issued_at.desc(), Series.id.desc())
        .first()
    )
    return None if row is None else row.values


def _groups_of_devices(dispatch_groups: Sequence[VirtualDER], devices: Collection[int]) -> dict[int, int]:
    """Return, by device (number), the index of the group through which it is dispatched, of these devices."""
    index = {group.id: number for number, group in enumerate(dispatch_groups)}
    if not index or not devices:
        return {}
    deepest = dispatchgroups.deepest_of_devices(list(index), Tree.read(include=dispatch_groups), devices)
    return {device: index[groups[0]] for device, groups in deepest.items()}


def _usual(
    dispatch_groups: Sequence[VirtualDER], submitted: Container[int], at: int, end: int
) -> tuple[list[ExpectedSession], Floats]:
    """The sessions of the weeks before, and the spread of each group; those that are `submitted` (indices)
    have none.

    Each session is a part: of as many weeks as there are since the first with a session of its group.
    """
    found = [_weeks_ago(number, at, end) for number in range(1, MAX_WEEKS + 1)]
    groups = _groups_of_devices(dispatch_groups, {device for week in found for device, _ in week})
    weeks = [[session._replace(group=groups[device]) for device, session in week
              if device in groups and groups[device] not in submitted] for week in found]
    known: dict[int, int] = {}
    energy_wh = np.zeros((MAX_WEEKS, len(dispatch_groups)))
    for number, week in enumerate(weeks):
        for session in week:
            known[session.group] = number + 1
            energy_wh[number, session.group] += session.energy_wh
    sessions = [
        session._replace(energy_wh=session.energy_wh / known[session.group],
                         power_w=session.power_w / known[session.group])
        for week in weeks for session in week
    ]
    spread = np.ones(len(dispatch_groups))
    for group, count in known.items():
        spread[group] = arrivalspread.spread(energy_wh[:count, [group]])[0]
    return sessions, spread


def _weeks_ago(number: int, at: int, end: int) -> list[tuple[int, ExpectedSession]]:
    """Return devices and their sessions of so many weeks ago at this week's times, without a group, save
    those of devices that have requested one."""
    week = _weeks_s(number, at)
    requested: dict[int, list[tuple[int, int]]] = {}
    # A session that begins later may be requested already, but in a replay that was not known at `at`.
    latest = end if at >= clock.now() else at
    for device, arrival, departure in sql.rows(
        "SELECT device_id, arrival_at, departure_at FROM charging_session WHERE departure_at > ? "
        "AND arrival_at <= ? AND NOT cancelled",
        at,
        latest,
    ):
        requested.setdefault(device, []).append((arrival, departure))
    sessions = []
    for device, arrival, departure, energy_wh, power_w in sql.rows(
        "SELECT v.device_id, v.arrival_at, v.departure_at, v.energy_wh, v.power_w FROM charging_session v "
        "JOIN device d ON d.id = v.device_id WHERE v.arrival_at > ? AND v.arrival_at < ? "
        "AND NOT v.cancelled AND v.energy_wh > 0 AND v.power_w > 0 AND d.state = ?",
        at - week,
        end - week,
        Device.ENROLLED,
    ):
        overlaps = any(begin < departure + week and arrival + week < until
                       for begin, until in requested.get(device, ()))
        if not overlaps:
            ahead = ExpectedSession(arrival + week, departure + week, energy_wh, power_w, 0)
            sessions.append((device, ahead))
    return sessions


def _weeks_s(number: int, at: int) -> int:
    """Return the seconds since the same weekday and local time so many weeks ago."""
    zone, ago = ZoneInfo(settings.timezone), number * WEEK
    offset, offset_then = (datetime.fromtimestamp(instant, zone).utcoffset() for instant in (at, at - ago))
    assert offset is not None and offset_then is not None
    return ago + int((offset_then - offset).total_seconds())
