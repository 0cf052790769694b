"""Polling at the advertised rates: what is due is read again, what is not is remembered.

The discovery walk asks for every resource every time, and gets it from here; so a walk costs requests only
for what is due, and a program, group or control that comes or goes on the server comes or goes with the next
walk.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from clients.transport.connection import Reply

# "If not specified, a default of 900 seconds (15 minutes) is used" for every pollRate.
DEFAULT_RATE = 900
# One request asks for this many items of a list; the server may give fewer.
PAGE_SIZE = 255


class CachedDocument(NamedTuple):
    """A document as last read, the server second at which to read it again, and the rate that says so."""
    data: dict[str, Any]
    due: float
    rate: int


class Poller:
    """What one client has read. `get` reads one href from the server, `now` gives the server's second: that
    which a reading of Time may just have set."""

    def __init__(self, get: Callable[[str], Reply], now: Callable[[], float]):
        self._get, self._now = get, now
        self._kept: dict[str, CachedDocument] = {}
        self._used: set[str] = set()

    def begin(self) -> None:
        """A walk begins."""
        self._used = set()

    def end(self) -> float:
        """A walk has ended: forget what it did not touch; the server second at which something is due
        again."""
        self._kept = {href: kept for href, kept in self._kept.items() if href in self._used}
        return min((kept.due for kept in self._kept.values()), default=0.0)

    def forget(self, href: str) -> None:
        """Read this again at the next walk (after having changed it)."""
        if href in self._kept:
            self._kept[href] = self._kept[href]._replace(due=0.0)

    def shift(self, seconds: float) -> None:
        """The server's clock was set by so many seconds: what was due in a minute still is."""
        self._kept = {href: kept._replace(due=kept.due + seconds) for href, kept in self._kept.items()}

    def read(self, href: str, rate: int = DEFAULT_RATE) -> dict[str, Any]:
        """The document at `href`, read again if it is due.

        A resource without a pollRate of its own is polled at the `rate` of the resource it was reached
        through: a pollRate is said for "this resource and all resources below".
        """
        return self._through(href, rate, lambda: self._get(href).data)

    def read_list(self, href: str, item: str, rate: int = DEFAULT_RATE) -> dict[str, Any]:
        """Likewise a list, with all its pages' items under `item`."""
        return self._through(href, rate, lambda: self._pages(href, item))

    def rate(self, href: str) -> int:
        """The rate at which an href that was read is polled."""
        return self._kept[href].rate if href in self._kept else DEFAULT_RATE

    def _through(self, href: str, rate: int, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._used.add(href)
        kept = self._kept.get(href)
        if kept is None or self._now() >= kept.due:
            data = read()
            own = data.get("pollRate") or rate
            kept = self._kept[href] = CachedDocument(data, self._now() + own, own)
        return kept.data

    def _pages(self, href: str, item: str) -> dict[str, Any]:
        data: dict[str, Any] = {}
        items: list[dict[str, Any]] = []
        while True:
            page = self._get(f"{href}?s={len(items)}&l={PAGE_SIZE}").data
            data = data or page
            items += page.get(item, [])
            if not page.get(item) or len(items) >= page.get("all", 0):
                return data | {item: items}
