"""Documents as an operator keeps them by href: what no other operation has words for.

They are validated as at the device interface. What other operations keep, since more follows from it than
the document says, is refused here with the operation to use.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypedDict

from server.audit import audited
from server.devices import access, methods
from server.devices.requestcontext import Fragment, ListPage, RequestContext
from server.errors import BadArgument, Refused
from server.models import NOBODY, Device, Document
from server.resources import (codec, hexbinary, hooks, links, profiles, refresh, render, retrieve, schema,
                              sql, store, table)
from server.resources.codes import DEVICE_RESPONSES
from server.resources.schema import PUBLISHED
from server.resources.table import Match
from server.resources.variants import EDITION_2023, NO_LEVEL, WHOLE, Variant
from server.units import Href

Data = dict[str, Any]
# What keeps a kind of resource, where its documents follow from more than themselves.
KEEPERS: Mapping[str, str] = {
    "EndDevice": "enrol, device label, device remove",
    "Registration": "enrol",
    "FunctionSetAssignments": "vder create, vder members add",
    "ProxiedDevice": "enrol, device move, device remove",
    "DERProgram": "vder create, vder update",
    "DemandResponseProgram": "vder create, vder update",
    "DefaultDERControl": "vder default",
    "DERControl": "control post, control cancel",
    "DERCurve": "control curve",
    "EndDeviceControl": "dr event create, dr event cancel",
    "FlowReservationResponse": "ev grant, ev cancel",
    "MirrorUsagePoint": "the device that mirrors it, mirror remove",
    "UsagePoint": "the device that mirrors it",
    "MeterReading": "the device that mirrors it",
    "ReadingType": "the device that mirrors it",
    "Subscription": "the device that subscribes, subscription end",
    "Notification": "none, since this server has subscribed to nothing",
    "Response": "the device that answers",
}
# Of an event: what changes after it has been published, and what the server adds to it.
_CHANGING = {"EventStatus", "version", "subscribable", "replyTo", PUBLISHED}


class StoredDocument(TypedDict):
    """A document as devices get it. `audience` is who: `*` every enrolled device, `-` nobody, an LFDI, or the
    audience of a virtual DER."""
    href: Href
    kind: str
    audience: str
    xml: str


class DocumentRow(TypedDict):
    """An item of a list, with the mRID and description that it has."""
    href: Href
    kind: str
    mrid: str
    description: str
    audience: str


class WrittenDocument(TypedDict):
    """A document that was written; `created` says whether it was new, `warnings` who cannot see it."""
    href: Href
    kind: str
    created: bool
    warnings: list[str]


class RemovedDocument(TypedDict):
    """A document that was removed, and how many below it."""
    href: Href
    kind: str
    below: int


class SubmittedDocument(NamedTuple):
    """A document that was submitted: its root element and its data."""
    name: str
    data: Data


def read(href: Href) -> StoredDocument:
    """Return a document. Refused (404) where there is none, (400) for a list or what is computed."""
    match = _match(href)
    if match.row.is_list:
        raise Refused(400, f"{href} is a list: list it")
    if hooks.instead_of("GET", match.row.name) is not None:
        raise Refused(400, f"{href} is made for each device that asks; nothing is stored there")
    refresh.freshen([table.parent(href)], [href])
    variant = EDITION_2023 if match.row.edition == EDITION_2023.edition else profiles.default()
    document = retrieve.single(href, None, variant)
    if document is None and match.row.blank:
        document = _blank(href, match.row.element, variant)
    if document is None:
        raise Refused(404, f"there is nothing at {href}")
    return {"href": href, "kind": document.kind, "audience": document.audience,
            "xml": codec.wrap(document.kind, document.body, variant).decode()}


def _blank(href: Href, kind: str, variant: Variant) -> retrieve.Single | None:
    """Return a resource of which nothing has been submitted yet; None where what is above it is missing."""
    owner = store.get(table.parent(href))
    if owner is None:
        return None
    fragment = codec.fragment(kind, {"href": href, **render.blank(kind)}, variant)
    return retrieve.Single(kind, fragment, owner.audience)


def read_as(href: Href, device: Device) -> StoredDocument:
    """Return a resource, or a page of a list by the query in the href, as a device gets it that declares no
    level. Refused (403, 404) where it gets none."""
    path, _, query = href.partition("?")
    variant = profiles.variant(device.lfdi, NO_LEVEL)
    caller, match = access.caller(device.lfdi, device.sfdi), table.match_in(variant.edition, path)
    access.admit(caller, "GET", match)
    assert match is not None, path
    context = RequestContext(caller._replace(variant=variant), match, path, variant, query, _no_document)
    result = (hooks.instead_of("GET", match.row.name) or methods.get)(context)
    assert isinstance(result, Fragment | ListPage), result
    fragment = context.represent(result)
    return {"href": href, "kind": fragment.name, "audience": device.lfdi,
            "xml": codec.wrap(fragment.name, fragment.xml, variant).decode()}


def _no_document() -> SubmittedDocument:
    raise Refused(400, "a GET has no document")


def items(list_href: Href, ended: bool = False) -> Iterator[DocumentRow]:
    """Return the items of a list, in its order; with `ended` also events whose period is over. Refused (404)
    where there is no such list, (400) where it has no items of its own."""
    row = _match(list_href).row
    if not row.is_list:
        raise Refused(400, f"{list_href} is not a list: get it")
    if row.of is not None:
        raise Refused(400, f"{list_href} is a view: its items are those of {row.of}")
    _check_owner(table.parent(list_href))
    refresh.freshen(lists=[list_href])
    return map(_row, store.items(list_href, ended))


def _row(document: Document) -> DocumentRow:
    submitted = document.submitted or {}
    return {"href": document.href, "kind": document.kind, "mrid": submitted.get("mRID", ""),
            "description": submitted.get("description", ""), "audience": document.audience}


def parse(name: str, content: bytes) -> SubmittedDocument:
    """Return the document in a file, as XML or as JSON with the root element as its only key. Refused (400)
    where it is neither, or not valid; `name` is that of the file."""
    try:
        if content.lstrip()[:1] == b"{":
            content = _xml(json.loads(content))
        return SubmittedDocument(*codec.decode(content))
    except Refused as refused:
        raise BadArgument("file", f"{name}: {refused.why}") from None
    except RecursionError:
        raise BadArgument("file", f"{name}: it is nested too deeply") from None
    except ValueError as error:
        raise BadArgument("file", f"{name}: {error}") from None


def _xml(parsed: Any) -> bytes:
    """The XML of a document in JSON. ValueError where it has no element of the standard as its only key."""
    if not isinstance(parsed, dict) or len(parsed) != 1:
        raise ValueError('specify one root element: {"TextMessage": {…}}')
    (name, data), = parsed.items()
    if not schema.is_element(name):
        raise ValueError(f"{name} is not an element of the standard")
    if not isinstance(data, dict):
        raise ValueError(f"{name} wants a mapping, not {data!r}")
    return codec.encode(name, data, WHOLE)


@audited("resource post", "{href}", answer=lambda result: {"href": result["href"], "kind": result["kind"]})
def post(list_href: Href, document: SubmittedDocument, audience: str | None = None) -> WrittenDocument:
    """Add an item to a list. `audience` is who sees it; None: who sees what is above. Refused (400, 404, 409)
    where the list takes no such item, or something else keeps it."""
    row, (name, data) = _match(list_href).row, document
    item = table.item(row.name)
    if item is None or row.of is not None or not schema.descends(name, item.element):
        raise Refused(400, f"{list_href} does not take {name}")
    _check_keeper(item.name, name)
    _check_owner(table.parent(list_href))
    change = store.post(name, list_href, methods.without_derived(item.name, data),
                        store.INHERIT if audience is None else audience)
    return _written(change)


@audited("resource put", "{href}", answer=lambda result: {"href": result["href"], "kind": result["kind"]})
def put(href: Href, document: SubmittedDocument, audience: str | None = None) -> WrittenDocument:
    """Write the document at an href, in place of the one that is there. `audience` is as for `post`; None
    leaves it to those who see it. Refused (400, 404, 409) as `post`."""
    row, (name, data) = _match(href).row, document
    if row.is_list or hooks.instead_of("GET", row.name) is not None:
        why = "is a list" if row.is_list else "is made when asked for"
        raise Refused(400, f"{href} is not written: it {why}")
    if not schema.descends(name, row.element):
        raise Refused(400, f"{href} takes {row.element}, not {name}")
    _check_keeper(row.name, *({name} - {row.element}))
    above = table.parent(href)
    _check_owner(table.parent(above) if table.number(href) else above)
    _check_unpublished(store.get(href), data)
    change = store.put(href, methods.without_derived(row.name, data),
                       store.INHERIT if audience is None else audience, kind=name)
    return _written(change)


@audited("resource delete", "{href}", answer=lambda result: {"href": result["href"], "kind": result["kind"]})
def delete(href: Href) -> RemovedDocument:
    """Remove a document and all below it. Refused (404) where there is none, (409) where something else keeps
    it."""
    match, document = _match(href), _stored(href)
    _check_keeper(match.row.name, *({document.kind} - {match.row.element}))
    _check_unpublished(document, None)
    (below,) = sql.row(f"SELECT count(*) FROM document WHERE {sql.below('href')}", *sql.bounds(href)) or (0,)
    store.remove(href)
    return {"href": href, "kind": document.kind, "below": below}


def _match(href: Href) -> Match:
    match = table.match(href)
    if match is None:
        raise Refused(404, f"{href} is not a resource of the standard; specify its path, such as /msg/1/txt")
    return match


def _stored(href: Href) -> Document:
    document = store.get(href)
    if document is None:
        raise Refused(404, f"there is nothing at {href}")
    return document


def _check_owner(href: Href) -> None:
    """Refuse (404) where what a list is below of is not there."""
    if href and store.get(href) is None:
        raise Refused(404, f"there is nothing at {href}")


def _check_keeper(*kinds: str) -> None:
    keeper = next((KEEPERS[kind] for kind in kinds if kind in KEEPERS), None)
    if keeper is not None:
        raise Refused(409, f"{kinds[0]} is kept by other operations: {keeper}")


def _check_unpublished(document: Document | None, data: Data | None) -> None:
    """Refuse (409) another content of an event that is there, or of what is below one, such as the prices of
    an interval; None is no content: nothing but the status of an event changes (10.2)."""
    if document is None:
        return
    href, kind = document.href, document.kind
    event = href if links.is_event(kind) else table.parent(document.parent)
    match = table.match(event)
    if match is None or not links.is_event(match.row.element) or data is None and event == href:
        return
    if data is None or _lasting(methods.without_derived(kind, data)) != _lasting(document.submitted or {}):
        raise Refused(409, f"{event} is published, and an event is never edited save its EventStatus; cancel "
                           "it by that, or post a newer one")


def _lasting(event: Data) -> Any:
    """Return what never changes of an event once it is published."""
    complete = {"responseRequired": f"{DEVICE_RESPONSES:02X}", **event}
    return hexbinary.comparable({key: value for key, value in complete.items() if key not in _CHANGING})


def _written(change: hooks.Change) -> WrittenDocument:
    warnings = []
    if change.audience == NOBODY:
        warnings.append("no device sees it: say whose it is (--for DEVICE, --for-vder VDER)")
    return {"href": change.href, "kind": change.kind, "created": change.old is None, "warnings": warnings}
