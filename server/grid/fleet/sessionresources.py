"""EV members as charging sessions of a plan.

Consumption is positive, in W; energy in Wh.
"""
from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

from server.grid.fleet import eligibility, meanloads, resources
from server.grid.fleet.kindmembers import EvMembers
from server.grid.fleet.meanloads import Window
from server.grid.fleet.membercolumns import MemberColumns
from server.grid.optimisation.arrays import np
from server.grid.optimisation.clusters import Sessions
from server.grid.series import meterrows
from server.resources import sql

_NEED_AT = "(CASE WHEN x.reported_at >= x.arrival_at THEN x.reported_at ELSE x.arrival_at END)"
_OLD_NEED = f"x.cancelled = ? AND x.departure_at > ? AND {_NEED_AT} < ?"
_ENERGY_SINCE_NEED = (
    "SELECT x.href, m.href, "
    + meanloads.ENERGY_SINCE.format("charging_session x", _NEED_AT, _NEED_AT)
    + f"{_OLD_NEED} AND m.read_at > {_NEED_AT} GROUP BY x.href, m.href"
)
_OLD_NEEDS = (
    f"SELECT x.href, x.device_id, {_NEED_AT} FROM charging_session x "
    f"JOIN membership p ON p.device_id = x.device_id AND p.vder_id = ? WHERE {_OLD_NEED}"
)
_SESSIONS = (
    "SELECT v.href, v.device_id, v.arrival_at, v.departure_at, v.energy_wh, v.power_w, v.reported_need_wh, "
    "v.reported_at FROM charging_session v JOIN membership p ON p.device_id = v.device_id AND p.vder_id = ? "
    "WHERE v.cancelled = ? AND v.departure_at > ? ORDER BY v.device_id, v.arrival_at, v.href"
)


class _SessionRow(NamedTuple):
    """A row of charging_session; energy and power are positive for charging."""
    href: str
    device: int
    arrival_at: int
    departure_at: int
    energy_wh: float
    power_w: float
    reported_need_wh: float | None
    reported_at: int | None


def charging_sessions(
    columns: MemberColumns, reasons: Any, at: int, hours: float, start: int
) -> tuple[EvMembers, Sessions]:
    """Return the charging sessions that are not over at `at` (UTC, s), in steps of `hours` from `start` on.

    The energy still needed is what the vehicle reported last, less what was read since where that is not
    fresh. A vehicle that offers to discharge and needs no energy is excluded: a plan counts on needs, and the
    balance spends offers on what it leaves. Writes into `reasons` ([n] of str) why members cannot be
    dispatched.
    """
    rows = _dispatchable_sessions(columns, reasons, at)
    member = np.searchsorted(columns.device, np.array([row.device for row in rows], dtype=np.intp))
    max_w = np.bincount(columns.ders.member, columns.ders.max_absorption_w, len(columns.device))
    mean_load_w = _mean_load_since_need(columns, at) if rows else {}
    need_at = np.full(len(rows), at, dtype=np.intp)
    need_wh = np.zeros(len(rows))
    for number, row in enumerate(rows):
        timeout_s = columns.contact.reading_timeout_s[member[number]]
        need_wh[number], need_at[number] = _need(row, mean_load_w.get(row.href, 0.0), timeout_s, at)
    step_s = hours * 3600
    arrive = np.array([max(-int((start - row.arrival_at) // step_s), 0) for row in rows], dtype=np.intp)
    depart = np.array([int((row.departure_at - start) // step_s) for row in rows], dtype=np.intp)
    power_w = np.array([min(row.power_w, max_w[index] or row.power_w)
                        for row, index in zip(rows, member, strict=True)], dtype=float)
    sessions = Sessions(arrive, depart, need_wh, power_w, columns.group[member])
    members = EvMembers(
        **resources.identity(columns, member), need_at=need_at, requests=[row.href for row in rows]
    )
    lasts_a_step = depart > arrive
    return members.only(lasts_a_step), sessions.only(lasts_a_step)


def _dispatchable_sessions(columns: MemberColumns, reasons: Any, at: int) -> list[_SessionRow]:
    """Return the sessions of members that can be dispatched; of two of a device that overlap, the later."""
    current = [_SessionRow(*row) for row in sql.rows(_SESSIONS, columns.area.id, False, at)]
    rows = [row for row in current if row.energy_wh > 0]
    offering = columns.indices({row.device for row in current} - {row.device for row in rows})
    reasons[offering] = np.where(reasons[offering] == "", eligibility.OFFERS, reasons[offering])
    rows = [
        row
        for row, following in zip_longest(rows, rows[1:])
        if following is None
        or following.device != row.device
        or following.arrival_at >= row.departure_at
    ]
    dispatchable = set(columns.device[reasons == ""].tolist())
    return [row for row in rows if row.device in dispatchable]


def _need(row: _SessionRow, mean_load_w: float, timeout_s: float, at: int) -> tuple[float, int]:
    """Return the Wh that a vehicle still needs, and the instant (UTC, s) that this is of."""
    need_wh, since = row.energy_wh, row.arrival_at
    if row.reported_need_wh is not None and row.reported_at is not None and row.reported_at >= row.arrival_at:
        need_wh, since = row.reported_need_wh, row.reported_at
        if at - since <= timeout_s:
            return max(need_wh, 0.0), since
    return max(need_wh - max(mean_load_w, 0.0) * max(at - since, 0) / 3600, 0.0), at


def _mean_load_since_need(columns: MemberColumns, at: int) -> dict[str, float]:
    """Return, by request (href), the mean load since the vehicle arrived, or reported its need long ago."""
    oldest_s = float(columns.contact.reading_timeout_s.min(initial=np.inf))
    old = False, at, at - oldest_s
    windows = {href: Window(device, since)
               for href, device, since in sql.rows(_OLD_NEEDS, columns.area.id, *old)}
    least = meanloads.least_set_start(windows.values(), at)
    energy = sql.rows(_ENERGY_SINCE_NEED, least, at, columns.area.id, *meterrows.bounds(), *old)
    return meanloads.mean_load_w(windows, energy, at)
