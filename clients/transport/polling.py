"""Polling at the advertised rates: what is due is read again, everything else is cached.

Discovery asks for every resource every time, and gets it from here. So a discovery costs requests only for
what is due, and a program, group or control that appears or disappears on the server does so with the next
discovery.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from clients.transport.connection import Reply

# "If not specified, a default of 900 seconds (15 minutes) is used" for every pollRate.
DEFAULT_RATE = 900
# One request asks for this many items of a list; the server may return fewer.
PAGE_SIZE = 255


class CachedDocument(NamedTuple):
    """A document as last read, the server second at which it is due, its rate in seconds, and the server
    second at which it was read."""
    data: dict[str, Any]
    due: float
    rate: int
    read_at: float


class Poller:
    """The documents that one client has read.

    `get` reads one href from the server. `now` returns the server's second, which a reading of Time may just
    have set.
    """

    def __init__(self, get: Callable[[str], Reply], now: Callable[[], float]):
        self._get, self._now = get, now
        self._cache: dict[str, CachedDocument] = {}
        self._used: set[str] = set()

    @property
    def now(self) -> float:
        """The server's second."""
        return self._now()

    def begin(self) -> None:
        """Begin a discovery."""
        self._used = set()

    def end(self) -> float:
        """End a discovery: forget what it did not use; return the server second at which something is due."""
        self._cache = {href: cached for href, cached in self._cache.items() if href in self._used}
        return min((cached.due for cached in self._cache.values()), default=0.0)

    def forget(self, href: str) -> None:
        """Read this again at the next discovery (after it was changed)."""
        if href in self._cache:
            self._cache[href] = self._cache[href]._replace(due=0.0)

    def shift_clock(self, seconds: float) -> None:
        """Follow a server whose clock was set by so many seconds: what was due in a minute still is."""
        self._cache = {
            href: cached._replace(due=cached.due + seconds, read_at=cached.read_at + seconds)
            for href, cached in self._cache.items()
        }

    def read(self, href: str, rate: int = DEFAULT_RATE) -> dict[str, Any]:
        """Return the document at `href`, read again if it is due.

        A resource without a pollRate of its own is polled at the `rate` of the resource that links it: a
        pollRate holds for "this resource and all resources below".
        """
        return self._cached(href, rate, lambda: self._get(href).data)

    def read_list(self, href: str, item: str, rate: int = DEFAULT_RATE) -> dict[str, Any]:
        """Return the list at `href` likewise, with the items of all pages under `item`."""
        return self._cached(href, rate, lambda: self._pages(href, item))

    def rate(self, href: str) -> int:
        """Return the rate, in seconds, at which an href that was read is polled."""
        return self._cache[href].rate if href in self._cache else DEFAULT_RATE

    def read_at(self, href: str) -> float:
        """Return the server second at which a document was last read."""
        return self._cache[href].read_at

    def _cached(self, href: str, rate: int, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._used.add(href)
        cached = self._cache.get(href)
        if cached is None or self._now() >= cached.due:
            data = read()
            own_rate = data.get("pollRate") or rate
            now = self._now()
            cached = self._cache[href] = CachedDocument(data, now + own_rate, own_rate, now)
        return cached.data

    def _pages(self, href: str, item: str) -> dict[str, Any]:
        data: dict[str, Any] = {}
        items: list[dict[str, Any]] = []
        while True:
            page = self._get(f"{href}?s={len(items)}&l={PAGE_SIZE}").data
            data = data or page
            items += page.get(item, [])
            if not page.get(item) or len(items) >= page.get("all", 0):
                return data | {item: items}
