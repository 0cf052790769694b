"""Rotation: the tier in which members are asked, and how much of each one's quota of events remains."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from server import clock
from server.config import settings
from server.grid.fleet import stops
from server.grid.fleet.members import Member
from server.resources import sql

_DAY = 86400
_USED = (
    "SELECT s.lfdi, count(DISTINCT o.start) FROM share s JOIN dispatch_order o ON o.id = s.order_id "
    "WHERE s.lfdi IN ({}) AND o.cancelled_at IS NULL "
    f"AND o.quantity <> '{stops.STOP}' AND o.start >= ? AND s.planned_w <> s.baseline_w "
    "GROUP BY s.lfdi"
)
_CONTRACTS = (
    "SELECT d.lfdi, c.tier, c.max_events FROM participation c JOIN device d ON d.id = c.device_id "
    "WHERE d.lfdi IN ({})"
)


def ranked(members: Iterable[Member]) -> list[Member]:
    """Return the members with their `tier` and `remaining_quota`.

    A member without a contract has a quota of one more than the most events that anybody was asked for, so
    that all take their turn.
    """
    chosen = list(members)
    lfdis = [member.lfdi for member in chosen]
    used: dict[str, int] = dict(sql.among(_USED, lfdis, clock.now() - settings.season_days * _DAY))
    contracts = {lfdi: (tier, max_events) for lfdi, tier, max_events in sql.among(_CONTRACTS, lfdis)}
    default_quota = max(used.values(), default=0) + 1
    rows = []
    for member in chosen:
        tier, max_events = contracts.get(member.lfdi, (0, None))
        remaining = remaining_quota(used.get(member.lfdi, 0), max_events, default_quota)
        rows.append(replace(member, tier=tier, remaining_quota=remaining))
    return rows


def remaining_quota(used: int, max_events: int | None, default_quota: int) -> float:
    """Return the fraction of a quota of events that remains: of the one agreed, else of the default. Pure."""
    quota = default_quota if max_events is None else max_events
    return max(quota - used, 0) / quota if quota else 0.0
