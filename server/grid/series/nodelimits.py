"""The limits of virtual DERs over time, and what flows under them. Limits are magnitudes in W.

A limit is the least of what is set, of a schedule of the connection point, and of a signal. Injection is
positive, as in forecasts.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import envelopes, forecastvalues, issuedseries, presentpower
from server.grid.series.envelopesegments import LimitSpan
from server.grid.series.intervals import Span
from server.models import VirtualDER
from server.resources import sql
from server.units import Watts

QUANTITIES = ("import_limit", "export_limit")
UNCONTROLLED = ("load", "pv", "thermal")
CHARGING = ("ev", "storage")


# What a schedule limits of a device by itself, beside its connection point, which is the same device here.
_OF_DEVICE = {"import_limit": "load_limit", "export_limit": "generation_limit"}
_SIGNALLED = (
    "SELECT DISTINCT vder_id, quantity FROM series WHERE vder_id IN ({}) "
    "AND quantity IN ('import_limit', 'export_limit') AND until > ?"
)


class NodeLimit(NamedTuple):
    """A virtual DER and its limits on import and export [T], infinite where there is none."""
    vder: VirtualDER
    import_w: Floats
    export_w: Floats


def limited(vders: Iterable[VirtualDER], span: Span) -> Iterator[NodeLimit]:
    """Yield those of these virtual DERs that have a limit in the span."""
    nodes = list(vders)
    numbers = [vder.id for vder in nodes]
    signalled = set(sql.among(_SIGNALLED, numbers, span.start))
    segments = envelopes.segments(numbers, span.start)
    for vder in nodes:
        import_w, export_w = (
            _limit(vder, kind, fixed_w, span, (vder.id, kind) in signalled, segments.get(vder.id))
            for kind, fixed_w in zip(QUANTITIES, (vder.import_limit_w, vder.export_limit_w), strict=True)
        )
        if np.isfinite(import_w).any() or np.isfinite(export_w).any():
            yield NodeLimit(vder, import_w, export_w)


def _limit(
    vder: VirtualDER, kind: str, fixed_w: Watts | None, span: Span, signalled: bool,
    segments: list[LimitSpan] | None
) -> Floats:
    limit_w = np.full(span.steps, np.inf if fixed_w is None else fixed_w)
    if segments is not None:
        kinds = [kind] if vder.device_id is None else [kind, _OF_DEVICE[kind]]
        limit_w = np.minimum(limit_w, envelopes.least(segments, kinds, span))
    if not signalled:
        return limit_w
    signal_w = issuedseries.known(vder, kind, span.start, span.steps, span.step, span.at)
    return np.where(np.isnan(signal_w), limit_w, np.minimum(signal_w, limit_w))


def uncontrolled_w(vder: VirtualDER, span: Span, corrected: bool = True) -> tuple[Floats, bool]:
    """Return the injection [T] of loads and generation of a virtual DER as they are without orders, and
    whether its load is known: it was read once, or forecast.

    What was submitted is `corrected` by what was measured since.
    """
    forecasts = [forecastvalues.corrected(vder, kind, span) if corrected
                 else forecastvalues.forecast(vder, kind, span.start, span.steps, span.at, span.step)
                 for kind in UNCONTROLLED]
    total_w = np.sum([forecast.values for forecast in forecasts], axis=0)
    return np.asarray(total_w, dtype=float), forecasts[0].source != forecastvalues.NOTHING


def charging_w(vder: VirtualDER, at: int) -> Watts:
    """Return the injection of the storage and cars of a virtual DER by their newest readings."""
    return sum(presentpower.of_members(vder, kind, at) or 0.0 for kind in CHARGING)


def unknown_load(name: str, kept: str = "limit") -> str:
    """Return the sentence that the load of a virtual DER has never been read, though it is to be kept within
    a limit, or to a schedule."""
    return (f"the load of {name} has never been read, so its {kept} cannot be kept: 0 W is used. Have the "
            "premises post readings, or put a forecast of load or its history (0 where there is none)")
