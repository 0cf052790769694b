"""The limits of virtual DERs over time, and what flows under them. Limits are magnitudes in W.

A limit is the least of what is set, of a schedule of the connection point, and of a signal. Injection is
positive, as in forecasts.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.grid.series import envelopes, forecastvalues, issuedseries, presentpower
from server.grid.series.intervals import Span
from server.models import VirtualDER
from server.resources import sql
from server.units import Watts

QUANTITIES = ("import_limit", "export_limit")
UNCONTROLLED = ("load", "pv", "thermal")
CHARGING = ("ev", "storage")


class NodeLimit(NamedTuple):
    """A virtual DER and its limits on import and export [T], infinite where there is none."""
    vder: VirtualDER
    import_w: Floats
    export_w: Floats


def limited(vders: Iterable[VirtualDER], span: Span) -> Iterator[NodeLimit]:
    """Yield those of these virtual DERs that have a limit in the span."""
    signalled = {
        (number, kind)
        for number, kind in sql.rows(
            "SELECT DISTINCT vder_id, quantity FROM series WHERE quantity IN ('import_limit', "
            "'export_limit') AND until > ?",
            span.start,
        )
    }
    for vder in vders:
        import_w, export_w = (
            _limit(vder, kind, fixed_w, span, (vder.id, kind) in signalled)
            for kind, fixed_w in zip(QUANTITIES, (vder.import_limit_w, vder.export_limit_w), strict=True)
        )
        if np.isfinite(import_w).any() or np.isfinite(export_w).any():
            yield NodeLimit(vder, import_w, export_w)


def _limit(vder: VirtualDER, kind: str, fixed_w: Watts | None, span: Span, signalled: bool) -> Floats:
    limit_w = envelopes.known(vder, kind, span.start, span.steps, span.step)
    limit_w = limit_w if fixed_w is None else np.minimum(limit_w, fixed_w)
    if not signalled:
        return limit_w
    signal_w = issuedseries.known(vder, kind, span.start, span.steps, span.step, span.at)
    return np.where(np.isnan(signal_w), limit_w, np.minimum(signal_w, limit_w))


def uncontrolled_w(vder: VirtualDER, span: Span) -> tuple[Floats, bool]:
    """Return the injection [T] of loads and generation of a virtual DER as they are without orders, and
    whether its load is known: it was read once, or forecast."""
    forecasts = [forecastvalues.forecast(vder, kind, span.start, span.steps, span.at, span.step)
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
