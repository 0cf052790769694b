"""Eligibility: which members of a virtual DER are excluded from dispatch, and why."""
from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from server.config import settings
from server.grid.fleet import stops
from server.grid.fleet.membercolumns import MemberColumns
from server.grid.optimisation.arrays import Whole, np
from server.resources import sql

SUSPENDED = "suspended"
STOPPED = "stopped"
STALE = "stale"  # out of contact, or without readings
OPTED_OUT = "opted out"
NON_RESPONDING = "not responding"
CONTRACT = "contract"  # its quota is used up
UNRATED = "unrated"  # it reported no power
DISCONNECTED = "disconnected"
MODES = "no supported control"
UNREAD_SITE = "site's load is not read"  # of a generator that carries its site apart from the network
OFFERS = "offers energy"  # a vehicle that would discharge: no plan counts on it, a step may use it
REASONS = (SUSPENDED, STOPPED, STALE, OPTED_OUT, NON_RESPONDING, CONTRACT, UNRATED, DISCONNECTED, MODES,
           UNREAD_SITE, OFFERS)
DAY = 86400
_QUOTA_PERIODS = (
    "SELECT c.device_id, o.start, o.start + o.duration_s FROM participation c "
    "JOIN membership p ON p.device_id = c.device_id AND p.vder_id = ? "
    "JOIN device d ON d.id = c.device_id JOIN share s ON s.lfdi = d.lfdi "
    "JOIN dispatch_order o ON o.id = s.order_id "
    "WHERE (c.max_events IS NOT NULL OR c.max_hours IS NOT NULL) AND o.cancelled_at IS NULL "
    f"AND o.quantity <> '{stops.STOP}' AND o.start >= ? AND o.start < ? "
    "AND (s.planned_w IS NULL OR s.baseline_w IS NULL OR s.planned_w <> s.baseline_w) "
    "ORDER BY c.device_id, o.start"
)


def exclusions(columns: MemberColumns, at: int) -> Any:
    """Return [n] of str: why each member is excluded at `at` (UTC, s), empty where it is not.

    These are reasons of the device and its contract; `resources` adds those of DERs and loads.
    """
    participation, contact = columns.participation, columns.contact
    hold_s = settings.non_response_hold_hours * 3600
    reasons = np.full(len(columns.device), "", dtype=f"U{max(map(len, REASONS))}")
    reasons[_quota_used_up(columns, at)] = CONTRACT
    reasons[at - participation.non_responding_since < hold_s] = NON_RESPONDING
    reasons[participation.opted_out_until > at] = OPTED_OUT
    in_contact = at - contact.last_contact_at <= contact.contact_timeout_s
    silent = np.isfinite(columns.meters.last_read_at) & ~columns.meters.recent
    reasons[~in_contact | silent] = STALE
    reasons[np.isin(columns.device, sorted(stops.stopped_devices(columns.area)))] = STOPPED
    reasons[contact.suspended] = SUSPENDED
    return reasons


def _quota_used_up(columns: MemberColumns, at: int) -> Whole:
    """Return the indices of members whose contract allows no more events this season or hours today.

    Orders that follow each other without a gap are one event. The quota of events does not end an event that
    is under way.
    """
    max_events, max_hours = columns.participation.max_events, columns.participation.max_hours
    limited = np.isfinite(max_events) | np.isfinite(max_hours)
    if not limited.any():
        return np.zeros(0, dtype=np.intp)
    zone = ZoneInfo(settings.timezone)
    today = int(datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0).timestamp())
    periods: dict[int, list[tuple[int, int]]] = {}
    since = min(at - settings.season_days * DAY, today)
    for device, start, end in sql.rows(_QUOTA_PERIODS, columns.area.id, since, at + 1):
        periods.setdefault(device, []).append((start, end))
    used_up = []
    for index in np.flatnonzero(limited).tolist():
        count, seconds, running = used(periods.get(int(columns.device[index]), []), today, at)
        if (max_events[index] <= count and not running) or max_hours[index] * 3600 <= seconds:
            used_up.append(index)
    return np.array(used_up, dtype=np.intp)


def used(periods: list[tuple[int, int]], today: int, at: int) -> tuple[int, int, bool]:
    """Return how many events these periods are, their seconds today, and whether one is under way. Pure.

    Periods are [start, end), ordered by start. The seconds are from `today` (its beginning) until `at`.
    """
    count, seconds, reached = 0, 0, -1
    for start, end in periods:
        count += start > reached
        seconds += max(0, min(end, at) - max(start, reached, today))
        reached = max(reached, end)
    return count, seconds, reached >= at > 0 and bool(periods)
