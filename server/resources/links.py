"""What follows from what was said: links with their counts, rates, places in lists, the state of events.
Pure."""
from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from server.resources import events, hexbinary, schema, table
from server.resources.codes import ResponseRequired
from server.resources.table import Row

Data = dict[str, Any]
REPLY_TO = "/rsps/1/rsp"
_DEFAULT_RESPONSES = ResponseRequired.RECEIVED | ResponseRequired.SPECIFIC  # of an event that names none


class LinkSpec(NamedTuple):
    """A link that a kind may hold, or has to: its key, the row it leads to, and the last step of the href."""
    key: str
    row: Row
    step: str
    required: bool


@lru_cache(maxsize=None)
def link_rows(kind: str) -> tuple[LinkSpec, ...]:
    """The links that a resource holds to what stands below it: EndDevice -> DERListLink, RegistrationLink,
    …"""
    if kind not in table.rows:
        return ()
    known = schema.type_spec(table.rows[kind].element).by_key
    return tuple(
        LinkSpec(key, row, row.path.rpartition("/")[2], known[key].required)
        for row in table.children(kind)
        for key in (f"{row.name}Link", f"csipaus:{row.name}Link")
        if key in known
    )


def links(kind: str, href: str, counts: Mapping[str, int | None], present: set[str]) -> Data:
    """The derived links of a document.

    `counts` has the number of items by list href, None where each caller sees another; `present` the hrefs of
    the single resources that exist. A list always resolves, so its link is always there.
    """
    found: Data = {}
    for link in link_rows(kind):
        target = f"{href}/{link.step}"
        if link.row.is_list:
            count = counts.get(target, 0)
            found[link.key] = {"href": target} if count is None else {"href": target, "all": count}
        elif link.required or target in present:
            found[link.key] = {"href": target}
    return found


def complete(kind: str, href: str, stated: Data, extra: Data, ruled: Data) -> Data:
    """What is served: what was said, with `extra` where nothing was said, and `ruled` whatever was said."""
    known = schema.type_spec(kind).by_key
    data = {
        key: value for key, value in {**extra, **stated, **ruled}.items() if key in known or key not in extra
    }
    if "href" in known:
        data["href"] = href
    if is_event(kind):
        data.setdefault("responseRequired", f"{_DEFAULT_RESPONSES:02X}")
    if hexbinary.bits(data.get("responseRequired")) and "replyTo" in known:
        data.setdefault("replyTo", REPLY_TO)
    return data


@lru_cache(maxsize=None)
def is_event(kind: str) -> bool:
    """Whether documents of this kind follow the rules of events."""
    return kind in events.KINDS


def period(data: Data) -> tuple[int, int]:
    """The scheduled period of an event, [start, end)."""
    interval = data["interval"]
    return interval["start"], interval["start"] + interval["duration"]
