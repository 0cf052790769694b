"""The one view: GET, HEAD, PUT, POST and DELETE for every row of the table."""
from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from flask import Request, Response

from server.config import settings
from server.devices import access
from server.devices.access import Caller
from server.errors import Refused
from server.protocol import answers
from server.resources import codec, hooks, links, pollrates, retrieve, schema, store, table
from server.resources.table import Match

_LARGEST = (1 << 32) - 1
LONGEST_PAGE = 255


class RequestContext(NamedTuple):
    """A request, as function sets are asked to answer it: who wants what of which resource."""
    who: Caller
    match: Match
    href: str
    request: Request
    edition: int

    @property
    def parameters(self) -> dict[str, int]:
        """The numbers in the href."""
        return self.match.parameters

    def document(self, name: str, data: codec.Data) -> Response:
        """Answer with this data."""
        return answers.document(
            name, codec.fragment(name, {"href": self.href, **data}, self.edition), self.request, self.edition
        )

    def list(self, name: str, found: retrieve.Page) -> Response:
        """Answer with a page of this list."""
        return list_answer(self, name, found)

    def span(self) -> ListParameters:
        """Which part of the list is asked for."""
        return list_parameters(self.request, self.match.row.query)


class ListParameters(NamedTuple):
    """The list parameters: from item `start` of those later than `after`, at most `limit`."""
    start: int
    after: int | None
    limit: int


def respond(request: Request, lfdi: str, sfdi: int) -> Response:
    """Answer a device."""
    href = request.path
    match = table.match(href)
    who = access.caller(lfdi, sfdi)
    method = request.method
    access.admit(who, method, match)
    assert match is not None
    edition = answers.edition(request)
    ask = RequestContext(
        who if edition == 2018 else who._replace(edition=edition), match, href, request, edition
    )
    instead = hooks.instead_of("GET" if method == "HEAD" else method, match.row.name)
    return instead(ask) if instead else _METHODS[method](ask)


def _get(ask: RequestContext) -> Response:
    if store.due():
        store.refresh()
    row = ask.match.row
    if row.is_list:
        return _get_list(ask)
    # Who is not enrolled has no audience, and is admitted only to what everybody may read.
    found = retrieve.single(ask.href, ask.who.lfdi if ask.who.enrolled else None, ask.edition)
    if found is None:
        raise Refused(404, access.NOT_THERE)
    return answers.document(found.kind, found.body, ask.request, ask.edition)


def _get_list(ask: RequestContext) -> Response:
    row, above = ask.match.row, table.parent(ask.href)
    parent, active = ask.href, row.of is not None
    if row.of:
        parent = f"{above}/{table.rows[row.of].path.rpartition('/')[2]}"
    start, after, limit = ask.span()
    which = retrieve.Selection(parent, active, mixed=not above or row.name in access.SHARED_LISTS)
    found = retrieve.page(which, ask.who.lfdi, start, after, limit, ask.edition)
    # Who sees an item sees its list; only of an empty list has to be asked whether it is there for this
    # caller.
    if not found.all and above and not retrieve.visible(above, ask.who.lfdi):
        raise Refused(404, access.NOT_THERE)
    return list_answer(ask, row.element, found)


def list_answer(ask: RequestContext, name: str, found: retrieve.Page) -> Response:
    """200 with a page of a list."""
    attributes = {"href": ask.href, "all": found.all, "results": len(found.items)}
    if "pollRate" in schema.type_spec(name).by_key:
        attributes["pollRate"] = pollrates.poll(name, ask.who.lfdi)
    item = table.item(ask.match.row.name)
    assert item is not None, name
    body = codec.page(name, attributes, item.element, found.items, ask.edition)
    return answers.bytes_of(body, ask.request, ask.edition)


def list_parameters(request: Request, known: str) -> ListParameters:
    """Those list parameters of a request that the list knows. Refused (400) where one is no number or
    negative."""
    query = request.environ["QUERY_STRING"]
    if not query:
        return ListParameters(0, None, settings.list_limit)
    said: dict[str, int] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in {*known} and name not in said:
            if not text.isascii() or not text.isdigit():
                raise Refused(400, f"list parameter {name}={text} is no number from 0 on")
            said[name] = min(int(text[:20]), _LARGEST if name != "a" else (1 << 62))
    return ListParameters(
        said.get("s", 0), said.get("a"), min(said.get("l", settings.list_limit), LONGEST_PAGE)
    )


def put(ask: RequestContext) -> Response:
    """Let a resource hold what is said of it: 204, or 201 with its Location where there was none."""
    name, data = read(ask.request)
    if name != ask.match.row.element:
        raise Refused(400, f"{ask.href} takes {ask.match.row.element}, not {name}")
    document = store.get(ask.href)
    if document is None:
        _owned(ask, table.parent(ask.href))
    elif not access.writable(ask.who, document.audience):
        raise Refused(403 if retrieve.single(ask.href, ask.who.lfdi) else 404, access.NOT_THERE)
    change = store.put(ask.href, _own_words(ask.match.row.name, data), caller=ask.who)
    return (
        answers.empty(204) if change.old is not None or document is not None else answers.empty(201, ask.href)
    )


def _post(ask: RequestContext) -> Response:
    name, data = read(ask.request)
    item = table.item(ask.match.row.name)
    if item is None or not schema.descends(name, item.element):
        raise Refused(400, f"{ask.href} does not take {name}")
    above, audience = table.parent(ask.href), store.INHERIT
    if ask.match.row.name not in access.SHARED_LISTS:
        _owned(ask, above)
    else:
        audience = ask.who.lfdi
        if above and retrieve.single(above, ask.who.lfdi) is None:
            raise Refused(404, access.NOT_THERE)
    change = store.post(name, ask.href, _own_words(item.name, data), audience, caller=ask.who)
    return answers.empty(204 if change.old is not None else 201, change.href)


def _delete(ask: RequestContext) -> Response:
    document = store.get(ask.href)
    seen = document is not None and retrieve.single(ask.href, ask.who.lfdi) is not None
    if document is None or not access.writable(ask.who, document.audience):
        raise Refused(403 if seen else 404, access.NOT_THERE)
    store.remove(ask.href, caller=ask.who)
    return answers.empty(204)


_METHODS = {"GET": _get, "HEAD": _get, "PUT": put, "POST": _post, "DELETE": _delete}


def _owned(ask: RequestContext, href: str) -> None:
    """Refuse a caller to whom the resource above the one it writes does not belong."""
    owner = store.get(href)
    if owner is None or not access.writable(ask.who, owner.audience):
        seen = owner is not None and retrieve.single(href, ask.who.lfdi) is not None
        raise Refused(403 if seen or not href else 404, access.NOT_THERE)


def _own_words(kind: str, data: codec.Data) -> codec.Data:
    """What a device says of a resource, without what is ours to say: where it stands, and the links to what
    is below it. A device that sends back what it read does not mean to fix their counts."""
    ours = {"href", *(link.key for link in links.link_rows(kind))}
    return {key: value for key, value in data.items() if key not in ours}


def read(request: Request) -> tuple[str, codec.Data]:
    """The document that a request carries. Refused (415, 413, 400) where it is not one."""
    kind = (request.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if kind not in ("application/sep+xml", "application/xml", "text/xml"):
        raise Refused(415, f"Content-Type is {kind or 'missing'}, not {answers.SEP_XML}")
    if (request.content_length or 0) > settings.max_body_bytes:
        raise Refused(413, f"the body has more than {settings.max_body_bytes} bytes")
    return codec.decode(request.get_data(cache=False))
