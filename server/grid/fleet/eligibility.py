"""Who of a virtual DER's members is left out, and why."""
from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from server.config import settings
from server.grid.fleet.membercolumns import MemberColumns
from server.grid.optimisation.arrays import np
from server.resources import sql

SUSPENDED, STALE, OPTED_OUT, NON_RESPONDING, CONTRACT = (
    "suspended",
    "stale",
    "opted out",
    "silent",
    "contract",
)
UNRATED, DISCONNECTED, MODES, OFFERS = "unrated", "disconnected", "takes no control", "offers to give"
REASONS = (SUSPENDED, STALE, OPTED_OUT, NON_RESPONDING, CONTRACT, UNRATED, DISCONNECTED, MODES, OFFERS)
DAY = 86400
_SHARES = ('SELECT c.device_id, o.start, o.start + o.duration_s FROM participation c JOIN membership p ON '
           'p.device_id = c.device_id AND '
           'p.vder_id = ? JOIN device d ON d.id = c.device_id JOIN share s ON s.lfdi = d.lfdi JOIN '
           'dispatch_order o ON o.id = s.order_id '
           "WHERE (c.max_events IS NOT NULL OR c.max_hours IS NOT NULL) AND o.cancelled_at IS NULL AND "
           "o.start >= ? AND o.start < ? AND "
           "(s.planned_w IS NULL OR s.baseline_w IS NULL OR s.planned_w <> s.baseline_w) ORDER BY "
           "c.device_id, o.start")


def exclusions(known: MemberColumns, at: int) -> Any:
    """[n] of str: why each member is left out at `at`, by itself and by what was agreed with it; empty for
    who is not."""
    why = np.full(len(known.device), "", dtype="U16")
    why[_used_up(known, at)] = CONTRACT
    why[at - known.silent_since < settings.non_response_hold_hours * 3600] = NON_RESPONDING
    why[known.out_until > at] = OPTED_OUT
    last = np.where(np.isnan(known.read_at), known.site_at, known.read_at)
    why[~(at - known.seen_at <= known.unseen) | (at - last > known.unread)] = STALE
    why[known.suspended] = SUSPENDED
    return why


def _used_up(known: MemberColumns, at: int) -> Any:
    """The places of those whose contract allows no more events this season, or no more hours today. Orders
    that follow each other without a gap are one event, and one that is going on is not cut short."""
    if not (np.isfinite(known.events) | np.isfinite(known.hours)).any():
        return np.zeros(0, dtype=np.intp)
    zone = ZoneInfo(settings.timezone)
    today = int(datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0).timestamp())
    taken: dict[int, list[tuple[int, int]]] = {}
    for device, start, end in sql.rows(
        _SHARES, known.area.id, min(at - settings.season_days * DAY, today), at + 1
    ):
        taken.setdefault(device, []).append((start, end))
    found = []
    for place in np.flatnonzero(np.isfinite(known.events) | np.isfinite(known.hours)).tolist():
        count, seconds, running = used(taken.get(int(known.device[place]), []), today, at)
        if (known.events[place] <= count and not running) or known.hours[place] * 3600 <= seconds:
            found.append(place)
    return np.array(found, dtype=np.intp)


def used(periods: list[tuple[int, int]], today: int, at: int) -> tuple[int, int, bool]:
    """Of periods [start, end), ordered by start: how many events they are, the seconds since `today` began
    that they took until `at`, and whether one goes on at that instant. Pure."""
    count, seconds, reached = 0, 0, -1
    for start, end in periods:
        count += start > reached
        seconds += max(0, min(end, at) - max(start, reached, today))
        reached = max(reached, end)
    return count, seconds, reached >= at > 0 and bool(periods)
