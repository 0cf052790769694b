"""GET /api/v1/stream: changes of state as server-sent events, as they happen.

The answer begins in the thread of the request. Then the worker hands the connection over (`threadworker`) to
the one thread that feeds all listeners. A server that hands nothing over ends the answer after what has
changed since; a client then comes again.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask, Request, Response, request

from server import statechanges
from server.api import access, streamtexts
from server.api.listeners import StreamListener, StreamListeners
from server.api.routes import ROOT
from server.api.schemas import Schema
from server.errors import BadArgument
from server.models import check_schema, first_statement
from server.models.changes import KINDS
from server.operators import authorisation

PATH = f"{ROOT}/stream"
LISTENERS = "counterpoise.listeners"  # of the environment, where connections can be handed over
MEDIA_TYPE = "text/event-stream"
LAST_ID, AFTER, KIND = "Last-Event-ID", "last_event_id", "kind"
HEADERS = {"X-Accel-Buffering": "no"}  # a proxy is to pass on each message at once
_KEPT = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "REMOTE_ADDR", "REQUEST_METHOD", "wsgi.url_scheme", "HTTP_HOST",
         "SERVER_NAME", "SERVER_PORT", "gunicorn.socket")
_PASSIVE = {f"HTTP_{access.PASSIVE.upper().replace('-', '_')}": "stream"}  # a page that is open is not used
MOST = 1000  # changes of an answer that ends


class HandedOver(BaseException):
    """Leaves the thread of a request, whose connection goes on without it. It is no error to be caught."""

    def __init__(self, listener: StreamListener) -> None:
        super().__init__()
        self.listener = listener


def register(app: Flask) -> None:
    """Add the stream to the application."""
    app.add_url_rule(PATH, "stream", _stream, methods=["GET"], provide_automatic_options=False)


def _stream() -> Response:
    first_statement(check_schema)
    environ = {name: request.environ[name] for name in _KEPT if name in request.environ} | _PASSIVE
    who = access.principal(Request(environ))
    kinds = _kinds(request)
    key, given = streamtexts.key(), request.headers.get(LAST_ID, "") or request.args.get(AFTER, "")
    position = streamtexts.position_of(given, key) if given else None
    lost = bool(given) and (position is None or not statechanges.is_kept(position))
    if position is None or lost:
        position = statechanges.newest()
    opening = streamtexts.opening(position, key, lost)
    listeners: StreamListeners | None = request.environ.get(LISTENERS)
    if listeners is None or request.method == "HEAD":
        with authorisation.acting(who):
            rows = [row for row in streamtexts.backlog(position, MOST) if not kinds or row.kind in kinds]
        body: Any = [opening, *(streamtexts.message(row, key) for row in rows)]
    else:
        listeners.check(who.name)
        chunked = request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
        listener = StreamListener(
            who, lambda: access.principal(Request(environ)), position, kinds, chunked)
        body = _hand_over(opening, listener)
    return Response(body, content_type=f"{MEDIA_TYPE}; charset=utf-8", headers=HEADERS)


def _hand_over(opening: bytes, listener: StreamListener) -> Iterator[bytes]:
    yield opening
    raise HandedOver(listener)


def _kinds(request: Request) -> frozenset[str]:
    """Return the kinds that are asked for; empty: all. BadArgument for one that there is not."""
    chosen = frozenset(request.args.getlist(KIND))
    unknown = sorted(chosen - set(KINDS))
    if unknown:
        raise BadArgument(KIND, f"there is no kind {unknown[0]!r}; there are {', '.join(KINDS)}")
    return chosen


def document(refusals: Mapping[int, Schema]) -> dict[str, Any]:
    """Return the path as the OpenAPI document has it; `refusals` are its answers to what is refused, by
    status."""
    after = "The id of the last message that was read: it goes on behind that one."
    return {PATH: {"get": {
        "operationId": "stream", "tags": ["stream"],
        "summary": "Listen to changes of state, as they happen.",
        "description": "Server-sent events, without an end: who reads them shows what was read last when it "
                       "comes again. A `ready` message comes first, and `lost` where some are not kept.",
        "parameters": [
            {"name": KIND, "in": "query", "required": False, "description": "Only these kinds.",
             "explode": True, "schema": {"type": "array", "items": {"type": "string", "enum": list(KINDS)}}},
            {"name": LAST_ID, "in": "header", "required": False, "description": after,
             "schema": {"type": "string"}},
            {"name": AFTER, "in": "query", "required": False,
             "description": f"Likewise, for who cannot send {LAST_ID}.", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "Messages, each with its id, its kind and JSON.", "content": {
            MEDIA_TYPE: {"schema": {"type": "string"}}}},
            **{str(status): refusal for status, refusal in refusals.items()}}}}}
