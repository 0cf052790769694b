"""The WSGI application of the REST interface: a rule for each route, and problems for what is refused."""
from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_to_bytes

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from server import diskspace, logs
from server.api import calls, docs, jobs, signin, stream
from server.api.problems import problem
from server.api.routes import ROOT, Route, routes
from server.config import settings
from server.errors import Refused
from server.models import check_schema, discard_connection, first_statement
from server.models.diskfull import is_disk_full
from server.models.unavailable import DATABASE_ERRORS, reason, verb
from server.monitoring import web

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)
access = logging.getLogger(logs.ACCESS)
FORM_BYTES = 1 << 20  # of a request beside its file
RETRY_AFTER_S = 5
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class PathSegment(BaseConverter):
    """A segment of a path. `%2F` in it is a slash of the value."""
    def to_python(self, value: str) -> str:
        return unquote(value)


class HrefSegments(PathSegment):
    """A path of a resource, as one segment (`%2Ffile%2F1`) or as it stands (`file/1`)."""
    regex = ".+?"
    part_isolating = False

    def to_python(self, value: str) -> str:
        return f"/{unquote(value).lstrip('/')}"


class OperatorInterface(Flask):
    """Flask whose rules see `%2F` and `%25` of a path as they were sent."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        if environ["PATH_INFO"] in web.PATHS:
            return web.application(environ, start_response)
        raw = environ.get("RAW_URI", "").partition("?")[0]
        if raw.startswith("/") and "%" in raw:
            kept = raw.replace("%25", "%2525").replace("%2F", "%252F").replace("%2f", "%252F")
            environ["PATH_INFO"] = unquote_to_bytes(kept).decode("latin-1")
        started = time.perf_counter()
        name = logs.request_id(environ.get("HTTP_X_REQUEST_ID", ""))

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", name)], *error)
        with logs.context(request=name, method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"]):
            body = super().wsgi_app(environ, start)
            if settings.access_log:
                access.info("answered in %.1f ms", (time.perf_counter() - started) * 1000)
        return body


def create() -> Flask:
    """Return the application, over the database that is connected."""
    app = OperatorInterface(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.file_bytes + FORM_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_BYTES
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.url_map.converters |= {"segment": PathSegment, "href": HrefSegments}
    for name, route in routes().items():
        app.add_url_rule(ROOT + rule(route), name, partial(_answer, route), methods=[route.method],
                         provide_automatic_options=False)
    docs.register(app)
    signin.register(app)
    stream.register(app)
    jobs.register(app)
    app.register_error_handler(Exception, _refused)
    app.after_request(_with_headers)
    return app


def rule(route: Route) -> str:
    """Return the path of a route as Flask has it."""
    path = route.path
    for argument in route.in_path:
        converter = "href" if argument.unit == "href" else "segment"
        path = path.replace(f"{{{argument.name}}}", f"<{converter}:{argument.name}>")
    return path


def _answer(route: Route, **in_path: str) -> Response:
    first_statement(check_schema)
    return calls.answer(route, request, in_path)


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refused(error: Exception) -> Response:
    """Return the problem of what was raised."""
    return problem(refusal(error))


def refusal(error: Exception) -> Refused:
    """Return what was raised as a refusal; what nobody expected is logged, and told no further."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, DATABASE_ERRORS) or is_disk_full(error):
        return _unavailable(error)
    return Refused(500, logs.unexpected(log, "the request"))


def _of_http(error: HTTPException) -> Refused:
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    words: dict[int, str] = {
        404: f"there is nothing at {request.path}. {ROOT}/openapi.json lists what there is",
        405: f"{request.method} is not possible here, only {allowed}",
        413: f"the request has more than {settings.file_bytes} bytes (setting file_bytes)",
    }
    code = error.code or 500
    refused = Refused(code, words.get(code) or error.description or error.name)
    if allowed:
        refused.headers["Allow"] = allowed
    return refused


def _unavailable(error: Exception) -> Refused:
    discard_connection()
    if is_disk_full(error):
        diskspace.report()
        return Refused(503, "there is no room to store anything. Make room on the disk of the database")
    log.warning("the database %s: %s", verb(error), reason(error))
    return Refused(503, "the database is not available at the moment. Try again",
                   Retry_After=str(RETRY_AFTER_S))
