"""Operating envelopes as they are kept: what limits a connection point, for plans and orders.

Limits are magnitudes in W. What is published of them is the business of controls/envelopepublication.
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import envelopesegments
from server.grid.series.envelopesegments import KINDS, LimitSpan
from server.models import JSON, PointEnvelope, VirtualDER
from server.resources import sql
from server.units import Instant, Seconds, Watts

_COLUMNS = ("vder_id", "segments", "events", "source", "issued_at", "until", "due_at")
_REPLACE = ("ON CONFLICT (vder_id) DO UPDATE SET segments = excluded.segments, source = excluded.source, "
            "issued_at = excluded.issued_at, until = excluded.until, due_at = excluded.due_at")
_OF_DEVICES = ("SELECT v.device_id, e.segments FROM envelope e JOIN virtual_der v ON v.id = e.vder_id "
               "WHERE v.device_id IN ({}) AND e.until > ?")


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
    """Return [steps]: the least limit of one of KINDS of a connection point in each step, infinite where
    there is none."""
    row = PointEnvelope.get_or_none(PointEnvelope.vder == vder)
    if row is None:
        return np.full(steps, np.inf)
    return envelopesegments.values(segments_of(row.segments), kind, start, steps, step)


def least_of_devices(devices: Iterable[int], start: Instant, end: Instant) -> dict[int, list[Watts]]:
    """Return, for each device (by number) whose connection point is limited within [start, end), the least
    limit of each of KINDS in that time, infinite where there is none."""
    if not sql.row("SELECT EXISTS (SELECT 1 FROM envelope)")[0]:
        return {}
    least: dict[int, list[Watts]] = {}
    for device, text in sql.among(_OF_DEVICES, devices, start):
        segments = envelopesegments.cut(segments_of(json.loads(text)), start, end)
        if envelopesegments.limiting(segments):
            least[device] = [float(envelopesegments.values(segments, kind, start, 1, end - start)[0])
                             for kind in KINDS]
    return least
