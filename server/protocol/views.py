"""The one view: GET, HEAD, PUT, POST and DELETE for every row of the table."""
from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Request

from server.config import settings
from server.devices import access, methods
from server.devices.requestcontext import Changed, Created, Fragment, ListPage, RequestContext, Result
from server.errors import Refused
from server.models import first_statement
from server.protocol import answers, filetransfers
from server.resources import codec, filecontents, hooks, profiles, table
from server.resources.variants import SEP_XML

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def respond(environ: dict[str, Any], lfdi: str, sfdi: int) -> answers.Answer:
    """Return the answer to a device's request (its WSGI environ). Refused where it gets none."""
    href = f"/{environ['PATH_INFO'].lstrip('/')}"
    match = table.match(href)
    method = environ["REQUEST_METHOD"].upper()
    if match is None and (file := filecontents.file_of(href)) is not None:
        return filetransfers.respond(file, access.caller(lfdi, sfdi), environ)
    if match is not None and match.row.edition:
        match = table.match_in(profiles.variant(lfdi, answers.level(environ)).edition, href)
    instead = hooks.instead_of("GET" if method == "HEAD" else method, match.row.name) if match else None
    if method in access.SAFE and match and match.row.allows(method) and (
            not instead or match.row.name in access.SHOWS_ENROLMENT):
        # who sees a stored document is enrolled: one statement answers whether both is so
        with suppress(Refused):
            context = _context(environ, access.presumed(lfdi, sfdi), match, href)
            result = first_statement(partial(instead or methods.get, context))
            if methods.shows_enrolment(context, result):
                return _answer(result, context, environ)
    caller = access.caller(lfdi, sfdi)
    access.admit(caller, method, match)
    assert match is not None
    if method not in access.SAFE:
        caller = caller._replace(address=_address(environ), base=_base(environ))
    context = _context(environ, caller, match, href)
    return _answer(instead(context) if instead else methods.BY_NAME[method](context), context, environ)


def _context(environ: dict[str, Any], caller: access.Caller, match: table.Match, href: str) -> RequestContext:
    variant = profiles.variant(caller.lfdi, answers.level(environ))
    if variant is not caller.variant:
        caller = caller._replace(variant=variant)
    return RequestContext(caller, match, href, variant, environ["QUERY_STRING"],
                          lambda: read(Request(environ), _longest(match.row)))


def _address(environ: dict[str, Any]) -> str:
    """Return the IP address of a client; "" behind a proxy, whose own that would be."""
    return "" if settings.proxies else str(environ.get("REMOTE_ADDR", ""))


def _base(environ: dict[str, Any]) -> str:
    """Return how a client addresses this server, by its Host; "" where it does not say it."""
    host = environ.get("HTTP_HOST", "")
    return f"https://{host}" if _HOST.fullmatch(host) else ""


def _answer(result: Result, context: RequestContext, environ: dict[str, Any]) -> answers.Answer:
    """Return the answer for a result."""
    if isinstance(result, Fragment | ListPage):
        name, xml = context.represent(result)
        return answers.document(name, xml, environ, context.variant)
    if isinstance(result, Created):
        return answers.empty(201, result.href)
    assert isinstance(result, Changed), result
    return answers.empty(204, result.href)


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
        raise Refused(415, f"Content-Type is {kind or 'missing'}, not {SEP_XML}")
    if (request.content_length or 0) > most:
        raise Refused(413, f"the body has more than {most} bytes")
    return codec.decode(request.get_data(cache=False))
