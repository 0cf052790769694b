"""Operating envelopes as they are kept: what limits a connection point, for plans.

Limits are magnitudes in W. What is published of them is the business of controls/envelopepublication.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import envelopesegments
from server.grid.series.envelopesegments import LimitSpan
from server.grid.series.intervals import Span
from server.models import JSON, PointEnvelope, among
from server.resources import sql
from server.units import Instant

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


def segments(vders: Iterable[int], since: Instant) -> dict[int, list[LimitSpan]]:
    """Return the segments of connection points (virtual DERs by number) that have any after an instant."""
    rows = among(PointEnvelope.select().where(PointEnvelope.until > since), PointEnvelope.vder, vders)
    return {row.vder_id: segments_of(row.segments) for row in rows}


def least(of_point: Iterable[LimitSpan], kinds: Iterable[str], span: Span) -> Floats:
    """Return [T]: the least limit of some of envelopesegments.KINDS in each step, infinite where there is
    none."""
    least_w = np.full(span.steps, np.inf)
    for kind in kinds:
        kind_w = envelopesegments.values(of_point, kind, span.start, span.steps, span.step)
        least_w = np.minimum(least_w, kind_w)
    return least_w
