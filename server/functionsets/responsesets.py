"""ResponseSets: one for each program, and the general one (IEEE 2030.5-2018, 8.8).

They are computed: a set is there for who sees its program, with the number of the Responses that the caller
sees. Its mRID is that of the program with one bit changed, so that the order of both is the same, and
its description is that of the program. The Responses are documents, and outlive a program that is removed.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.devices import access
from server.devices.requestcontext import Fragment, ListPage, RequestContext
from server.errors import Refused
from server.resources import codec, numbering, responsesets, retrieve, sql, store, table
from server.resources.hooks import instead, seed
from server.units import Href, Lfdi

Data = dict[str, Any]
LIST = table.rows["ResponseSetList"].path
_SOURCES = (LIST, *responsesets.PROGRAM_LISTS)  # the general set, and programs
_OTHER = 1 << 32  # the last bit of an mRID before the enterprise number, which is random


@seed
def _seed_general_set() -> None:
    if store.get(responsesets.GENERAL) is None:
        data = {"mRID": numbering.new_mrid(), "description": "Responses to events"}
        store.put(responsesets.GENERAL, data)


@instead("COUNT", "ResponseList")
def _counts(hrefs: list[Href]) -> dict[Href, int]:
    """Return no number, since each caller sees its own Responses."""
    return {}


def count(of_lists: Mapping[Href, int]) -> int:
    """Return how many ResponseSets a caller sees, who sees so many items of each list at the root."""
    return sum(of_lists.get(path, 0) for path in _SOURCES)


@instead("GET", "ResponseSet")
def _response_set(context: RequestContext) -> Fragment:
    """Return a set. Refused (404) where the caller does not see its program."""
    source = _source(context.href)
    seen = retrieve.identified([source], context.caller.lfdi) if source else []
    if not seen:
        raise Refused(404, access.NOT_THERE)
    return Fragment("ResponseSet", _fragments(seen, context)[0])


@instead("GET", "ResponseSetList")
def _response_sets(context: RequestContext) -> ListPage:
    """Return a page of the sets that the caller sees."""
    start, _, limit = context.list_parameters
    lfdi = context.caller.lfdi
    seen = retrieve.by_mrid(_SOURCES, lfdi, start, limit) if limit else []
    total = count(retrieve.counts(list(_SOURCES), lfdi))
    items = [("ResponseSet", xml) for xml in _fragments(seen, context)]
    return ListPage("ResponseSetList", retrieve.Page(total, items))


@instead("OWNER", "ResponseSet")
def _is_there(href: Href, lfdi: Lfdi, posts: bool) -> bool:
    """Return whether a set is there: to read from it, for who sees its program; to post to it, for everyone,
    since a device answers an event that it was given although it has left the virtual DER (see response)."""
    source = _source(href)
    if posts:
        return bool(source) and sql.row("SELECT 1 FROM document WHERE href = ?", source) is not None
    return bool(source) and retrieve.visible(source, lfdi)


def _source(href: Href) -> Href:
    """Return the document from which a set is made: its program, or the set itself; "" for none."""
    return href if href == responsesets.GENERAL else responsesets.program_of(table.number(href))


def _fragments(seen: list[retrieve.Identified], context: RequestContext) -> list[bytes]:
    hrefs = [source.href if source.href.startswith(LIST) else responsesets.of_program(source.href)
             for source in seen]
    lists = [f"{href}/rsp" for href in hrefs]
    counts = retrieve.counts(lists, context.caller.lfdi) if lists else {}
    return [codec.fragment("ResponseSet", _data(href, source, counts.get(f"{href}/rsp", 0)), context.variant)
            for href, source in zip(hrefs, seen, strict=True)]


def _data(href: Href, source: retrieve.Identified, responses: int) -> Data:
    mrid = source.mrid if href == source.href else f"{int(source.mrid or '0', 16) ^ _OTHER:032X}"
    data = {"href": href, "mRID": mrid, "ResponseListLink": {"href": f"{href}/rsp", "all": responses}}
    description = source.submitted.get("description")
    return {**data, "description": description} if description else data
