"""The outdoor temperature at a virtual DER, in degrees Celsius: forecast and measured.

It is the signal `outdoor_temperature` of the virtual DER itself or, step by step, of the nearest above it:
one weather service for an area is enough.
"""
from __future__ import annotations

from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Floats, np
from server.grid.series import issuedseries
from server.grid.series.forecastmethods import Persistence
from server.grid.series.intervals import DAY, Span
from server.grid.series.signalkinds import TEMPERATURE
from server.models import VirtualDER

LEAST_KNOWN_S = DAY // 2  # of the last day, from which the next can be expected


def known_c(vder: VirtualDER, span: Span) -> Floats:
    """Return [T]: the temperatures of a span that were known at its instant `at`, NaN where none was."""
    tree = Tree.read(include=[vder])
    temperatures_c = np.full(span.steps, np.nan)
    for number in tree.ancestors(vder.id):
        if np.isfinite(temperatures_c).all():
            break
        above_c = issuedseries.known(
            tree.vders[number], TEMPERATURE, span.start, span.steps, span.step, span.at)
        temperatures_c = np.where(np.isfinite(temperatures_c), temperatures_c, above_c)
    return temperatures_c


def expected_c(vder: VirtualDER, span: Span) -> Floats:
    """Return [T]: the temperatures of a span as far as they are known, and beyond as those of the day before,
    with the recent difference; NaN where of that too little is known."""
    temperatures_c = known_c(vder, span)
    if np.isfinite(temperatures_c).all():
        return temperatures_c
    before = 2 * DAY // span.step
    past_c = known_c(vder, span._replace(start=span.start - before * span.step, steps=before))
    if np.isfinite(past_c[-(DAY // span.step):]).sum() * span.step < LEAST_KNOWN_S:
        return temperatures_c
    persisted_c = Persistence(DAY // span.step).ahead(past_c, span.steps)
    return np.where(np.isfinite(temperatures_c), temperatures_c, persisted_c)
