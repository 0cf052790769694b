"""The audience that a document inherits from those above it."""
from __future__ import annotations

from collections.abc import Iterable, Iterator

from server.config import settings
from server.models import EVERYONE, NOBODY, vder_audience, vder_of_audience
from server.resources import sql, table
from server.units import Href

TREE = "tree"  # the setting `assignments`: a view of a virtual DER has the programs of those above it
_BELOW = ("WITH RECURSIVE below(id) AS (SELECT id FROM virtual_der WHERE id = ? UNION ALL "
          "SELECT v.id FROM virtual_der v JOIN below b ON v.parent_id = b.id) SELECT id FROM below")


def inherited(hrefs: Iterable[Href]) -> dict[Href, str]:
    """Return, by href, the audience of the nearest document at or above each.

    Where there is none it is EVERYONE, or NOBODY for the data of customers.
    """
    above = {href: list(_upwards(href)) for href in hrefs}
    audience_of = dict(sql.among("SELECT href, audience FROM document WHERE href IN ({})",
                                 (href for of_href in above.values() for href in of_href)))
    return {href: next((audience_of[other] for other in of_href if other in audience_of), None)
            or _general_audience(href) for href, of_href in above.items()}


def viewing(audience: str) -> list[str]:
    """Return the audiences of the virtual DERs in whose views (see functionsets/fsa.py) is what has this
    audience: itself, and by the setting `assignments` those below it."""
    number = vder_of_audience(audience)
    if not number or settings.assignments != TREE:
        return [audience]
    return [vder_audience(below) for below, in sql.rows(_BELOW, number)] or [audience]


def _upwards(href: Href) -> Iterator[Href]:
    while href:
        yield href
        href = table.parent(href)


def _general_audience(href: Href) -> str:
    top = table.match("/".join(href.split("/")[:2]))
    return NOBODY if top is not None and top.row.private else EVERYONE
