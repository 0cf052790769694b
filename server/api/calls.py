"""One call of an operation: read the values, check who may, do it in the caller's name, answer its result."""
from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Request, Response
from werkzeug.datastructures import MultiDict

from server.api import access, changes, etags, exports, jobs, lists, requestvalues, values
from server.api.encoding import REASON
from server.api.routes import Route
from server.errors import Refused
from server.operators import authorisation

EXTRA = "pip install"  # part of the message of an import error where an extra is missing
JSON = requestvalues.JSON


def answer(route: Route, request: Request, in_path: Mapping[str, str]) -> Response:
    """Return the answer to a request for an operation. Refused where it cannot be done."""
    who = access.principal(request)
    reason = _reason(request.headers.get(REASON, ""))
    query = MultiDict(request.args)
    page = _page(route, query)
    given = requestvalues.confirmed(route, requestvalues.read(route, request, in_path, query))
    try:
        with authorisation.acting(who, reason):
            authorisation.check(who, route.operation, given)
            do = partial(_do, route, request, given, page)
            if jobs.is_wanted(route, request):
                do = partial(jobs.queue, route, who, reason, given, _written_kind(route, request))
            if not route.operation.changes:
                return do()
            return changes.done(route, changes.asked(request), who.name, given, do)
    except ImportError as missing:
        if EXTRA not in str(missing):
            raise
        raise Refused(501, str(missing)) from None


def _written_kind(route: Route, request: Request) -> str:
    """The media type that is wanted of what an operation may write."""
    return request.accept_mimetypes.best_match([JSON, *route.written], JSON)


def _reason(text: str) -> str:
    """The reason of a header, whose octets WSGI has as Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except ValueError:
        return text


def _do(route: Route, request: Request, given: dict[str, Any], page: lists.AskedPage | None) -> Response:
    exported = exports.types(route)
    best = request.accept_mimetypes.best_match([JSON, *route.written, *exported], JSON)
    if best in exported:
        limit = page.limit if page and lists.LIMIT in request.args else None
        return exports.answer(route, route.operation.run(given), best, limit)
    return produced(route, given, best, request.path, page)


def produced(route: Route, given: dict[str, Any], kind: str, place: str, page: lists.AskedPage | None = None
             ) -> Response:
    """Do an operation, and return the answer of a media type; `place` is where its file is."""
    if kind in route.written:
        return _written(route, given, kind)
    if not route.written:
        document = _document(route, route.operation.run(given), page)
        answer = _json(document)
        if etags.is_tagged(route, given):
            answer.headers[etags.HEADER] = etags.tag(document)
        return answer
    with tempfile.TemporaryDirectory() as folder:  # the operation writes it, whether it is wanted or not
        argument = next(iter(route.written.values()))
        file = Path(folder) / argument
        result = route.operation.run({**given, argument: file})
        if isinstance(result, dict):  # the file is at this address, for who accepts its type
            result = {key: place if value == str(file) else value for key, value in result.items()}
        return _json(_document(route, result, page))


def _written(route: Route, given: dict[str, Any], kind: str) -> Response:
    """Return the file that the operation writes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / route.written[kind]
        route.operation.run({**given, route.written[kind]: file})
        return Response(file.read_bytes(), content_type=f"{kind}; charset=utf-8")


def _document(route: Route, result: Any, page: lists.AskedPage | None) -> Any:
    declared = route.operation.result
    if not lists.is_list(result):
        return values.as_json(result, declared)
    return lists.as_json(result, declared, page or lists.AskedPage(limit=lists.WHOLE))


def whole(route: Route, result: Any) -> Response:
    """Return the answer that has a result; a list whole."""
    return _json(_document(route, result, None))


def _json(document: Any) -> Response:
    return Response(json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False),
                    content_type=JSON)


def _page(route: Route, query: MultiDict[str, str]) -> lists.AskedPage | None:
    """Return the page that is asked for, and take its parameters out of the query."""
    parameters = {argument.name for argument in lists.paging(route)}
    if not parameters:
        return None
    asked = {name: query.poplist(name) for name in parameters & query.keys()}
    if lists.LIMIT not in parameters:
        return lists.page_of(asked, limit=lists.WHOLE)
    return lists.page_of(asked)
