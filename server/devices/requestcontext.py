"""A device's request and its result, without HTTP.

The device interface makes a RequestContext of each request. `methods` and the function sets return one of the
results below, from which `protocol/views.py` makes the response.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from server.config import settings
from server.devices.access import Caller
from server.errors import Refused
from server.resources import codec, pollrates, refresh, retrieve, schema, subscribability, table
from server.resources.table import Match
from server.resources.variants import Variant

Data = dict[str, Any]
MAX_PAGE = 255  # items
_MAX_NUMBER = (1 << 32) - 1  # for the list parameters s and l
_MAX_INSTANT = 1 << 62  # for the list parameter a


class Fragment(NamedTuple):
    """A resource: its root element, and its XML fragment (see `codec.wrap`)."""
    name: str
    xml: bytes


class ListPage(NamedTuple):
    """A page of a list, and the list's root element."""
    name: str
    page: retrieve.Page


class Created(NamedTuple):
    """A resource was created; `href` is its Location."""
    href: str


class Changed(NamedTuple):
    """A resource was changed or removed; `href` is its Location, empty for none."""
    href: str = ""


Result = Fragment | ListPage | Created | Changed


class ListParameters(NamedTuple):
    """The list parameters (IEEE 2030.5-2018, 6.3): from item `start` of those later than `after`, at most
    `limit`."""
    start: int
    after: int | None
    limit: int


class RequestContext(NamedTuple):
    """A request for a resource.

    `match` is the row of the table with the numbers in the href, `variant` the one of the
    response, `query` the query string. `read_document` returns root element and data of the submitted
    document; refused (415, 413, 400) where there is none.
    """
    caller: Caller
    match: Match
    href: str
    variant: Variant
    query: str
    read_document: Callable[[], tuple[str, Data]]

    @property
    def parameters(self) -> dict[str, int]:
        """The numbers in the href."""
        return self.match.parameters

    @property
    def list_parameters(self) -> ListParameters:
        """The requested part of the list. Refused (400) where a parameter is not a number from 0 on."""
        return list_parameters(self.query, self.match.row.query)

    def page(self, selection: retrieve.Selection) -> retrieve.Page:
        """Return the requested page of what is selected for the caller, with what time has changed by now."""
        is_due = refresh.due()
        if is_due:
            refresh.freshen(lists=[selection.parent])
        parameters = self.list_parameters
        page = retrieve.page(selection, self.caller.lfdi, *parameters, self.variant)
        if is_due and refresh.freshen(documents=page.hrefs):
            page = retrieve.page(selection, self.caller.lfdi, *parameters, self.variant)
        return page

    def fragment(self, name: str, data: Data) -> Fragment:
        """Return the result with this data, at the requested href."""
        data = {"href": self.href, **data, **subscribability.attribute(self.match.row.name)}
        return Fragment(name, codec.fragment(name, data, self.variant))

    def moved(self, name: str, document: retrieve.Single, href: str) -> Fragment:
        """Return the result with a document that is stored at another href, at the requested one."""
        stored, requested = b'href="%s"' % href.encode(), b'href="%s"' % self.href.encode()
        body = document.body.replace(stored, requested, 1)
        of_stored, of_requested = map(subscribability.of, (name, self.match.row.name))
        if of_stored != of_requested:
            body = body.replace(b' subscribable="%d"' % of_stored, b' subscribable="%d"' % of_requested, 1)
        return Fragment(name, body)

    def represent(self, result: Fragment | ListPage) -> Fragment:
        """Return what a GET has found as the resource that is served."""
        if isinstance(result, Fragment):
            return result
        name, page = result
        row = self.match.row
        attributes = {"href": self.href, "all": page.all, "results": len(page.items),
                      **subscribability.attribute(row.name)}
        if "pollRate" in schema.type_spec(name).by_key:
            attributes["pollRate"] = pollrates.poll(name, self.caller.lfdi)
        item = table.item(row.name)
        assert item is not None, name
        return Fragment(name, codec.page(name, attributes, item.element, page.items, self.variant))


def list_parameters(query: str, accepted: str) -> ListParameters:
    """Return the list parameters of a query string, of those that the list accepts (letters of `sal`).

    Refused (400) where one is not a number from 0 on.
    """
    start, after, limit = _numbers(query, accepted)
    return ListParameters(start or 0, after, min(settings.list_limit if limit is None else limit, MAX_PAGE))


@lru_cache(maxsize=1024)
def _numbers(query: str, accepted: str) -> tuple[int | None, int | None, int | None]:
    """Return the values of s, a and l, None for what is not said; devices repeat a few queries for ever."""
    values: dict[str, int] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in {*accepted} and name not in values:
            if not text.isascii() or not text.isdigit():
                raise Refused(400, f"list parameter {name}={text} is not a whole number from 0 on")
            values[name] = min(int(text[:20]), _MAX_INSTANT if name == "a" else _MAX_NUMBER)
    return values.get("s"), values.get("a"), values.get("l")
