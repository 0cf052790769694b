"""The audience that a document inherits from those above it."""
from __future__ import annotations

from collections.abc import Iterable, Iterator

from server.models import EVERYONE, NOBODY
from server.resources import sql, table
from server.units import Href


def inherited(hrefs: Iterable[Href]) -> dict[Href, str]:
    """Return, by href, the audience of the nearest document at or above each.

    Where there is none it is EVERYONE, or NOBODY for the data of customers.
    """
    above = {href: list(_upwards(href)) for href in hrefs}
    audience_of = dict(sql.among("SELECT href, audience FROM document WHERE href IN ({})",
                                 (href for of_href in above.values() for href in of_href)))
    return {href: next((audience_of[other] for other in of_href if other in audience_of), None)
            or _general_audience(href) for href, of_href in above.items()}


def _upwards(href: Href) -> Iterator[Href]:
    while href:
        yield href
        href = table.parent(href)


def _general_audience(href: Href) -> str:
    top = table.match("/".join(href.split("/")[:2]))
    return NOBODY if top is not None and top.row.private else EVERYONE
