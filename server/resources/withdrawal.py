"""Documents that are withdrawn: nobody is served them any more, and what was read below them stays.

A mirror that its device deletes takes its UsagePoint along (IEEE 2030.5-2018, 10.11.3 l), while bills and
baselines go on to need the readings. A withdrawn document is served again once it is written again.
"""
from __future__ import annotations

from server.models import Document
from server.resources import sql, table
from server.resources.transactions import touch, touch_counts, transaction
from server.units import Href


def withdraw(href: Href) -> None:
    """Serve a document, which is no event, and what is below it to nobody any more."""
    _set(href, Document.WITHDRAWN)


def restore(href: Href) -> None:
    """Serve a withdrawn document and what is below it again."""
    _set(href, Document.LISTED)


def _set(href: Href, visibility: int) -> None:
    with transaction(href):
        sql.execute("UPDATE document SET visibility = ? WHERE href = ?", visibility, href)
        sql.execute(f"UPDATE document SET visibility = ? WHERE {sql.below('href')}", visibility,
                    *sql.bounds(href))
        touch(href)
        touch_counts(table.parent(table.parent(href)))  # which has a link that counts
