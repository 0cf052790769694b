"""Requests that a device makes anew, under another mRID, as chargers do that were restarted: they count once.

A device has as many plugs as DERs. Of requests of one device in one direction whose windows are the same for
the most part, the newest count, as many as there are plugs; the others are superseded.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.resources import sql
from server.units import Href, Instant

_SAME = 0.5  # of the shorter of two windows; the next trip of a vehicle has less in common with this one
_COLUMNS = "href, arrival_at, departure_at, energy_wh, superseded"
_STANDING = "device_id = ? AND (superseded OR NOT cancelled)"
_OVERLAPPING = (f"SELECT {_COLUMNS} FROM charging_session WHERE {_STANDING} AND departure_at > ? "
                "AND arrival_at < ?")
_MARK = "UPDATE charging_session SET superseded = ?, cancelled = ? WHERE href = ?"


class Request(NamedTuple):
    """A request that was not cancelled by its device; `href` ends with its number, greater for newer ones."""
    href: Href
    arrival_at: Instant
    departure_at: Instant
    energy_wh: float
    superseded: bool | None = None

    @property
    def number(self) -> int:
        return int(self.href.rpartition("/")[2])


def is_superseded(request: Request, others: Iterable[Request], plugs: int = 1) -> bool:
    """Return whether the requests of a device that are newer take the place of one. Pure."""
    newer = [other for other in others if other.number > request.number and _is_same(request, other)]
    return len(newer) >= plugs


def _is_same(one: Request, other: Request) -> bool:
    common_s = min(one.departure_at, other.departure_at) - max(one.arrival_at, other.arrival_at)
    shorter_s = min(one.departure_at - one.arrival_at, other.departure_at - other.arrival_at)
    return common_s > _SAME * shorter_s and (one.energy_wh > 0) == (other.energy_wh > 0)


def mark(device: int, windows: Sequence[tuple[Instant, Instant]]) -> int:
    """Mark which requests of a device (by number) are superseded, of those that overlap these windows.

    Returns how many changed.
    """
    if not windows:
        return 0
    concerned = _overlapping(device, windows)
    others = _overlapping(device, [(row.arrival_at, row.departure_at) for row in concerned])
    plugs = max(sql.row("SELECT count(*) FROM der_state WHERE device_id = ?", device)[0], 1)
    changed = 0
    for request in concerned:
        superseded = is_superseded(request, others, plugs)
        if superseded != bool(request.superseded):
            sql.execute(_MARK, superseded, superseded, request.href)
            changed += 1
    return changed


def mark_all(device: int) -> int:
    """Mark which of all requests of a device are superseded; return how many changed."""
    return mark(device, [(-(1 << 62), 1 << 62)])


def _overlapping(device: int, windows: Sequence[tuple[Instant, Instant]]) -> list[Request]:
    if not windows:
        return []
    first, last = min(start for start, _ in windows), max(end for _, end in windows)
    return [Request(*row) for row in sql.rows(_OVERLAPPING, device, first, last)]
