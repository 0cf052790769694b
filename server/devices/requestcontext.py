"""A device's request and what it results in, without HTTP.

The device interface makes a RequestContext of each request. Storage and the function sets return one of the
results below, from which `protocol/views.py` makes the response.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from server.config import settings
from server.devices.access import Caller
from server.errors import Refused
from server.resources import codec, retrieve
from server.resources.table import Match

Data = dict[str, Any]
LONGEST_PAGE = 255
_LARGEST = (1 << 32) - 1  # of the list parameters s and l
_LATEST = 1 << 62  # of the list parameter a, an instant


class Fragment(NamedTuple):
    """The resource that was asked for: its root element, and its XML without namespaces (see
    `codec.wrap`)."""
    name: str
    xml: bytes


class ListPage(NamedTuple):
    """A page of the list that was asked for, and the list's root element."""
    name: str
    page: retrieve.Page


class Created(NamedTuple):
    """A resource is new; `href` is its Location."""
    href: str


class Changed(NamedTuple):
    """A resource was changed or removed; `href` is its Location, empty where none is to be sent."""
    href: str = ""


Result = Fragment | ListPage | Created | Changed


class ListParameters(NamedTuple):
    """The list parameters (IEEE 2030.5-2018, 6.3): from item `start` of those later than `after`, at most
    `limit`."""
    start: int
    after: int | None
    limit: int


class RequestContext(NamedTuple):
    """A request: who wants what of which resource.

    `match` is the row of the table with the numbers in the href, `edition` that of the standard which the
    caller speaks, `query` the query string. `read_document` returns root element and data of the document
    that was submitted; refused (415, 413, 400) where there is none.
"""
    caller: Caller
    match: Match
    href: str
    edition: int
    query: str
    read_document: Callable[[], tuple[str, Data]]

    @property
    def parameters(self) -> dict[str, int]:
        """The numbers in the href."""
        return self.match.parameters

    @property
    def list_parameters(self) -> ListParameters:
        """Which part of the list is asked for. Refused (400) where a parameter is not a number from 0 on."""
        return list_parameters(self.query, self.match.row.query)

    def fragment(self, name: str, data: Data) -> Fragment:
        """The result with this data, at the href that was asked for."""
        return Fragment(name, codec.fragment(name, {"href": self.href, **data}, self.edition))

    def moved(self, name: str, document: retrieve.Single, href: str) -> Fragment:
        """The result with a document that is kept at another href, at the href that was asked for."""
        kept, asked = b'href="%s"' % href.encode(), b'href="%s"' % self.href.encode()
        return Fragment(name, document.body.replace(kept, asked, 1))


def list_parameters(query: str, known: str) -> ListParameters:
    """Those list parameters of a query string that the list knows (letters of `s`, `a`, `l`). Refused (400)
    where one is no number or negative."""
    if not query:
        return ListParameters(0, None, settings.list_limit)
    values: dict[str, int] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in {*known} and name not in values:
            if not text.isascii() or not text.isdigit():
                raise Refused(400, f"list parameter {name}={text} is no number from 0 on")
            values[name] = min(int(text[:20]), _LATEST if name == "a" else _LARGEST)
    return ListParameters(
        values.get("s", 0), values.get("a"), min(values.get("l", settings.list_limit), LONGEST_PAGE)
    )
