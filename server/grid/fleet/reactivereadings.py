"""The reactive power that devices inject, from the readings that they post: as far as it is known.

Injection is positive. Readings of what is delivered to the customer (flowDirection forward, or net) are of
absorbed vars; several of one device are added up.
"""
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from server.resources import meterreadings, sql
from server.resources.codes import FlowDirection, Uom
from server.units import Href, Instant, Lfdi, Vars

_ABSORBED = (FlowDirection.FORWARD, FlowDirection.NET)


class _Meter(NamedTuple):
    """A MeterReading of reactive power; `factor` turns its values into vars of injection."""
    lfdi: Lfdi
    href: Href
    factor: float


def mean(lfdis: Iterable[Lfdi], start: Instant, end: Instant) -> dict[Lfdi, Vars]:
    """Return the mean reactive injection of each device of which it is known over [start, end), by the time
    of each reading within it; a reading of an instant counts as any other."""
    totals: dict[Lfdi, Vars] = defaultdict(float)
    for meter in _meters(lfdis) if end > start else ():
        weighed = [(max(min(at + duration_s, end) - max(at, start), 0) or float(at >= start), value)
                   for at, duration_s, value in meterreadings.between(meter.href, start - 3600, end)
                   if value is not None and at + max(duration_s, 1) > start]
        seconds = sum(weight for weight, _ in weighed)
        if seconds > 0:
            totals[meter.lfdi] += meter.factor * sum(weight * value for weight, value in weighed) / seconds
    return dict(totals)


def _meters(lfdis: Iterable[Lfdi]) -> list[_Meter]:
    points = dict(sql.among("SELECT href, audience FROM document WHERE audience IN ({}) AND parent = '/upt'",
                            lfdis))
    point_of = {href: parent.rpartition("/")[0] for href, parent in sql.among(
        "SELECT href, parent FROM document WHERE parent IN ({})", [f"{point}/mr" for point in points])}
    types: dict[Href, Any] = {href: json.loads(submitted) for href, submitted in sql.among(
        "SELECT href, submitted FROM document WHERE href IN ({}) AND submitted IS NOT NULL",
        [f"{meter}/rt" for meter in point_of])}
    return [
        _Meter(points[point], meter, _factor(types[f"{meter}/rt"]))
        for meter, point in point_of.items() if types.get(f"{meter}/rt", {}).get("uom") == Uom.VAR
    ]


def _factor(reading_type: dict[str, Any]) -> float:
    sign = -1.0 if reading_type.get("flowDirection") in _ABSORBED else 1.0
    return float(sign * 10.0 ** reading_type.get("powerOfTenMultiplier", 0))
