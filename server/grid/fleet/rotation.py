"""Whose turn it is: the tier in which members are asked, and how much of what they owe this season is left to
ask for."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from peewee import chunked

from server import clock
from server.config import settings
from server.grid.fleet.members import Member
from server.resources import sql

_CHUNK = 400
_DAY = 86400
_USED = (
    "SELECT s.lfdi, count(DISTINCT o.start) FROM share s JOIN dispatch_order o ON o.id = s.order_id WHERE "
    "o.cancelled_at IS NULL AND "
    "o.start >= ? AND s.planned_w <> s.baseline_w AND s.lfdi IN ({}) GROUP BY s.lfdi"
)
_AGREED = ("SELECT d.lfdi, c.tier, c.max_events FROM participation c JOIN device d ON d.id = c.device_id "
           "WHERE d.lfdi IN ({})")


def ranked(members: Iterable[Member]) -> list[Member]:
    """The members with their `tier`, and `left`: the part of its quota of events that each has left this
    season. Who has agreed to none has one more than the most that anybody was asked for, so that all come in
    turn."""
    every = list(members)
    used: dict[str, int] = {}
    agreed: dict[str, tuple[int, int | None]] = {}
    for some in chunked([member.lfdi for member in every], _CHUNK):
        marks = sql.marks(len(some))
        used |= dict(sql.rows(_USED.format(marks), clock.now() - settings.season_days * _DAY, *some))
        agreed |= {lfdi: (tier, events) for lfdi, tier, events in sql.rows(_AGREED.format(marks), *some)}
    most = max(used.values(), default=0) + 1
    return [
        replace(
            member,
            tier=agreed.get(member.lfdi, (0, None))[0],
            left=remaining_quota(used.get(member.lfdi, 0), agreed.get(member.lfdi, (0, None))[1], most),
        )
        for member in every
    ]


def remaining_quota(used: int, events: int | None, otherwise: int) -> float:
    """The part of a quota of events that is left: of those agreed, or of `otherwise` many. Pure."""
    quota = otherwise if events is None else events
    return max(quota - used, 0) / quota if quota else 0.0
