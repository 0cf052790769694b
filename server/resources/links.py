"""What the server adds to a document: links with their counts, href, replyTo. Pure."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from server.resources import events, hexbinary, responsesets, schema, table
from server.resources.codes import DEVICE_RESPONSES
from server.resources.table import Row

Data = dict[str, Any]


class LinkSpec(NamedTuple):
    """A link that a kind may or must have: its key, the row it leads to, the last step of its href, and the
    edition that it belongs to alone, as in FieldSpec."""
    key: str
    row: Row
    step: str
    required: bool
    edition: int


@lru_cache(maxsize=None)
def link_rows(name: str) -> tuple[LinkSpec, ...]:
    """Return the links of a resource (its row's name) to those below it: of EndDevice DERListLink,
    RegistrationLink …"""
    if name not in table.rows:
        return ()
    fields = schema.type_spec(table.rows[name].element).by_key
    return tuple(
        LinkSpec(key, row, row.path.rpartition("/")[2], fields[key].required, fields[key].edition)
        for row in table.children(name)
        # a view has a link of its own name; of a resource that is there twice, each has that of its element
        for target in {row.name, row.name if row.of else row.element}
        for key in (f"{target}Link", f"csipaus:{target}Link")
        if key in fields
    )


@lru_cache(maxsize=None)
def links_in(edition: int, name: str) -> tuple[LinkSpec, ...]:
    """Return the links of a resource (its row's name) that an edition has."""
    return tuple(link for link in link_rows(name) if link.edition in (0, edition))


def links(specs: Iterable[LinkSpec], href: str, counts: Mapping[str, int | None], present: set[str],
          unlinked: Collection[str] = ()) -> Data:
    """Return the links of a document, of these that it may have.

    `counts` has the number of items by the list's href, None where each caller sees another; `present` has
    the hrefs of the single resources that exist. A list always resolves, so its link is there, unless it is
    among the `unlinked`.
    """
    data: Data = {}
    for link in specs:
        target = f"{href}/{link.step}"
        if link.row.is_list:
            count = counts.get(target, 0)
            if target not in unlinked:
                data[link.key] = {"href": target} if count is None else {"href": target, "all": count}
        elif link.required or link.row.blank or target in present:
            data[link.key] = {"href": target}
    return data


def complete(kind: str, href: str, submitted: Data, defaults: Data, overrides: Data) -> Data:
    """Return what is served: `submitted`, completed by `defaults` that the type has, with `overrides`."""
    fields = schema.type_spec(kind).by_key
    data = {
        key: value
        for key, value in {**defaults, **submitted, **overrides}.items()
        if key in fields or key not in defaults
    }
    if "href" in fields:
        data["href"] = href
    if is_event(kind):
        data.setdefault("responseRequired", f"{DEVICE_RESPONSES:02X}")
    if hexbinary.bits(data.get("responseRequired")) and "replyTo" in fields:
        data.setdefault("replyTo", responsesets.reply_to(href))
    return data


@lru_cache(maxsize=None)
def is_event(kind: str) -> bool:
    """Return whether documents of this kind are events."""
    return kind in events.KINDS


def period(data: Data) -> tuple[int, int]:
    """Return the scheduled period of an event, [start, end)."""
    interval = data["interval"]
    return interval["start"], interval["start"] + interval["duration"]
