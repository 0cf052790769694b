"""Limits and schedules of which the load has never been read: they cannot be kept, and it is said."""
from __future__ import annotations

from collections.abc import Iterator

from server.errors import Refused
from server.grid.balance import grouplimits
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import np
from server.grid.series import issuedseries, nodelimits
from server.grid.series.intervals import Span
from server.models import VirtualDER

SCHEDULE = "schedule"


def check(area: VirtualDER, span: Span) -> None:
    """Refuse (409) where the load below a limit of an area, or that of its schedule, has never been read."""
    sentences = list(_unknown(area, span))
    if sentences:
        raise Refused(409, "; ".join(sentences))


def _unknown(area: VirtualDER, span: Span) -> Iterator[str]:
    limited = nodelimits.limited(grouplimits.nodes(area, Tree.read(include=[area])), span)
    for vder in [limit.vder for limit in limited]:
        if not nodelimits.uncontrolled_w(vder, span)[1]:
            yield nodelimits.unknown_load(vder.name)
    schedule_w = issuedseries.known(area, SCHEDULE, span.start, span.steps, span.step, span.at)
    if np.isfinite(schedule_w).any() and not nodelimits.uncontrolled_w(area, span)[1]:
        yield nodelimits.unknown_load(area.name, SCHEDULE)
