"""The one view: GET, HEAD, PUT, POST and DELETE for every row of the table."""
from __future__ import annotations

from flask import Request, Response

from server.config import settings
from server.devices import access, methods
from server.devices.requestcontext import Changed, Created, Fragment, ListPage, RequestContext, Result
from server.errors import Refused
from server.protocol import answers
from server.resources import codec, hooks, pollrates, schema, table


def respond(request: Request, lfdi: str, sfdi: int) -> Response:
    """Return the response to a device's request. Refused where it gets none."""
    href = request.path
    match = table.match(href)
    caller = access.caller(lfdi, sfdi)
    method = request.method
    access.admit(caller, method, match)
    assert match is not None
    edition = answers.edition(request)
    if edition != 2018:
        caller = caller._replace(edition=edition)
    query, most = request.environ["QUERY_STRING"], _longest(match.row)
    context = RequestContext(caller, match, href, edition, query, lambda: read(request, most))
    instead = hooks.instead_of("GET" if method == "HEAD" else method, match.row.name)
    result = instead(context) if instead else methods.BY_NAME[method](context)
    return _response(result, context, request)


def _response(result: Result, context: RequestContext, request: Request) -> Response:
    """Return the response for a result."""
    if isinstance(result, Fragment):
        return answers.document(result.name, result.xml, request, context.edition)
    if isinstance(result, ListPage):
        return answers.bytes_of(_list(result, context), request, context.edition)
    if isinstance(result, Created):
        return answers.empty(201, result.href)
    assert isinstance(result, Changed), result
    return answers.empty(204, result.href)


def _list(result: ListPage, context: RequestContext) -> bytes:
    """Return the document of a page of a list."""
    name, page = result
    attributes = {"href": context.href, "all": page.all, "results": len(page.items)}
    if "pollRate" in schema.type_spec(name).by_key:
        attributes["pollRate"] = pollrates.poll(name, context.caller.lfdi)
    item = table.item(context.match.row.name)
    assert item is not None, name
    return codec.page(name, attributes, item.element, page.items, context.edition)


def _longest(row: table.Row) -> int:
    """Return how many bytes a body for this resource may have: mirrors take readings by the thousand."""
    if row.name in ("MirrorUsagePoint", "MirrorUsagePointList"):
        return int(settings.max_body_bytes)
    return min(int(settings.max_body_bytes), int(settings.quota_document_bytes))


def read(request: Request, most: int) -> tuple[str, codec.Data]:
    """Return root element and data of a request's document of at most so many bytes.

    Refused (415, 413, 400) where it has none.
    """
    coding = (request.environ.get("HTTP_CONTENT_ENCODING") or "identity").strip().lower()
    if coding != "identity":
        why = f"Content-Encoding is {coding}; send bodies without one"
        raise Refused(415, why, Accept_Encoding="identity")
    kind = (request.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    if kind not in ("application/sep+xml", "application/xml", "text/xml"):
        raise Refused(415, f"Content-Type is {kind or 'missing'}, not {answers.SEP_XML}")
    if (request.content_length or 0) > most:
        raise Refused(413, f"the body has more than {most} bytes")
    return codec.decode(request.get_data(cache=False))
