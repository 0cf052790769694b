"""Operating envelopes as they are kept: what limits a connection point, for plans.

Limits are magnitudes in W. What is published of them is the business of controls/envelopepublication.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import envelopesegments
from server.grid.series.envelopesegments import LimitSpan
from server.models import JSON, PointEnvelope, VirtualDER
from server.resources import sql
from server.units import Instant, Seconds

_COLUMNS = ("vder_id", "segments", "events", "source", "issued_at", "until", "due_at")
_REPLACE = ("ON CONFLICT (vder_id) DO UPDATE SET segments = excluded.segments, source = excluded.source, "
            "issued_at = excluded.issued_at, until = excluded.until, due_at = excluded.due_at")


def segments_of(rows: Iterable[Any]) -> list[LimitSpan]:
    """Return segments from the lists that are kept."""
    return [LimitSpan(start, end, (limits[0], limits[1], limits[2], limits[3]))
            for start, end, *limits in rows]


def rows_of(segments: Iterable[LimitSpan]) -> list[list[Any]]:
    """Return the lists that are kept."""
    return [[segment.start, segment.end, *segment.limits] for segment in segments]


def save(contents: dict[int, list[LimitSpan]], source: str, now: Instant) -> None:
    """Write the segments of connection points (virtual DERs by number) from now on, in the caller's
    transaction; the worker is to publish them at once."""
    to_text = JSON().db_value
    sql.insert("envelope", _COLUMNS, (
        (number, to_text(rows_of(segments)), "[]", source, now, segments[-1].end if segments else now, now)
        for number, segments in contents.items()), _REPLACE)


def known(vder: VirtualDER, kind: str, start: Instant, steps: int, step: Seconds) -> Floats:
    """Return [steps]: the least limit of one of envelopesegments.KINDS of a connection point in each step,
    infinite where there is none."""
    row = PointEnvelope.get_or_none(PointEnvelope.vder == vder)
    if row is None:
        return np.full(steps, np.inf)
    return envelopesegments.values(segments_of(row.segments), kind, start, steps, step)
