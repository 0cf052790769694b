"""/healthz, /readyz and /metrics: what monitoring systems ask the operator interface.

`application` is WSGI, so that any listener of the operator interface can serve it beside its own paths.
"""
from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from server import logs
from server.config import settings
from server.models import check_schema, discard_connection
from server.models.unavailable import DATABASE_ERRORS, reason, verb
from server.monitoring import measures, presence

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)
TEXT, JSON = "text/plain; charset=utf-8", "application/json"
STATUS_LINES = {200: "200 OK", 401: "401 Unauthorized", 404: "404 Not Found", 405: "405 Method Not Allowed",
                500: "500 Internal Server Error", 503: "503 Service Unavailable"}


class ProbeAnswer(NamedTuple):
    """An answer."""
    status: int
    body: str | bytes
    kind: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request for one of PATHS (PEP 3333)."""
    request = logs.request_id(environ.get("HTTP_X_REQUEST_ID", ""))
    with logs.context(request=request, method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"]):
        page = respond(environ)
    body = page.body if isinstance(page.body, bytes) else page.body.encode()
    start_response(STATUS_LINES[page.status], [
        ("Content-Type", page.kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
        ("X-Request-ID", request), *page.headers])
    return () if environ["REQUEST_METHOD"] == "HEAD" else (body,)


def respond(environ: WSGIEnvironment) -> ProbeAnswer:
    """Return the answer to a request. No traceback leaves."""
    path = PATHS.get(environ["PATH_INFO"])
    if path is None:
        return ProbeAnswer(404, f"There is nothing here; there is {', '.join(PATHS)}.\n")
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return ProbeAnswer(405, "Only GET and HEAD are possible.\n", headers=(("Allow", "GET, HEAD"),))
    try:
        return path(environ)
    except DATABASE_ERRORS as error:
        discard_connection()
        return ProbeAnswer(503, f"The database {verb(error)}: {reason(error)}\n")
    except Exception:
        return ProbeAnswer(500, logs.unexpected(log, "The request") + "\n")


def _health(environ: WSGIEnvironment) -> ProbeAnswer:
    """Say that this process answers; it looks at nothing else."""
    return ProbeAnswer(200, "ok\n")


def _readiness(environ: WSGIEnvironment) -> ProbeAnswer:
    """Say whether this machine can do its work: the database answers, is of this version, a worker runs."""
    faults: dict[str, str] = {}
    try:
        check_schema()
        if presence.beaten_at() is None:
            faults["worker"] = "it has never run"
        elif presence.is_away():
            faults["worker"] = "it does not run"
    except DATABASE_ERRORS as error:
        discard_connection()
        faults["database"] = f"it {verb(error)}"
    body: dict[str, Any] = {"ready": not faults, "faults": faults}
    return ProbeAnswer(503 if faults else 200, json.dumps(body) + "\n", JSON)


def _metrics(environ: WSGIEnvironment) -> ProbeAnswer:
    """Return what is measured, to who may see it."""
    if not _may_see(environ):
        return ProbeAnswer(401, "The metrics are for who has the token of the setting metrics_token; without "
                           "one only this machine may see them.\n",
                           headers=(("WWW-Authenticate", "Bearer"),))
    return ProbeAnswer(200, *measures.written(environ.get("HTTP_ACCEPT", "")))


def _may_see(environ: WSGIEnvironment) -> bool:
    """Return whether a request has the token or, where none is set, comes from this machine and through no
    proxy on it."""
    if settings.metrics_token:
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        return scheme.lower() == "bearer" and hmac.compare_digest(digest, settings.metrics_token.lower())
    if any(name in environ for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")):
        return False
    try:
        return ipaddress.ip_address(environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


PATHS: dict[str, Callable[[Any], ProbeAnswer]] = {
    "/healthz": _health, "/readyz": _readiness, "/metrics": _metrics}
