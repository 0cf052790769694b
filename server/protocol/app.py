"""The WSGI application: Flask around the one view, and errors as `<Error>` documents."""
from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import HTTPException

from server import alarms, diskspace, logs
from server.config import settings
from server.devices import exchanges, identity, lastcontact
from server.errors import Refused
from server.functionsets import selflog
from server.models import Device, check_schema, discard_connection, first_statement
from server.models.diskfull import is_disk_full
from server.models.unavailable import DATABASE_ERRORS, reason, verb
from server.protocol import answers, views
from server.protocol.answers import Answer
from server.resources import profiles
from server.resources.quotas import ALARM, OverQuota
from server.resources.variants import OF_DRAFT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)
access = logging.getLogger(logs.ACCESS)
RETRY_AFTER_S = 5
FULL_RETRY_AFTER_S = 60  # somebody has to make room first
CHECK_S = 1.0  # between looks whether the tables are still those of this version
_check_at = 0.0


class LoggedRequest:
    """A request (its WSGI environ), which adds its fields to the log records that are written meanwhile."""

    def __init__(self, environ: WSGIEnvironment):
        self.environ = environ
        self.refusal = ""  # why it was refused, in words
        self._id = ""

    def log_fields(self) -> logs.Fields:
        """Return the request's id, made when it is first needed, the LFDI of the caller, method and path."""
        self._id = self._id or logs.request_id()
        peer, query = self.environ.get(identity.PEER), self.environ["QUERY_STRING"]
        path = self.environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        return {"request": self._id, "lfdi": peer and peer.lfdi, "method": self.environ["REQUEST_METHOD"],
                "path": f"{path}?{query}" if query else path}


class DeviceInterface(Flask):
    """Flask with one view for all requests.

    Nothing is routed, and the view takes the environ and returns a plain Answer, so neither the contexts of
    Flask (`flask.request` and so on) nor its responses are made.
    """

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        request = LoggedRequest(environ)
        token = logs.scope.set(request)
        try:
            started = time.perf_counter()
            answer = _answer(request)
            exchanges.record(environ, answer.status, answer.size, started, request.refusal, answer.body)
            if settings.access_log:
                _log_access(answer, time.perf_counter() - started, request.refusal)
        finally:
            logs.scope.reset(token)
        start_response(answers.STATUS_LINES[answer.status], list(answer.headers.items()))
        if answer.stream is not None:
            return answer.stream
        return () if environ["REQUEST_METHOD"] == "HEAD" else (answer.body,)


def create() -> Flask:
    """Return the application. The caller's Peer has to be in the environ (see devices/identity.py)."""
    return DeviceInterface("server", static_folder=None)


def _log_access(answer: Answer, duration_s: float, refusal: str) -> None:
    """Log how a request was answered; caller, method and path are fields of the context."""
    fields = {"status": answer.status, "bytes": answer.size,
              "ms": round(duration_s * 1000, 1), **({"reason": refusal} if refusal else {})}
    words = f"answered {fields['status']}, {fields['bytes']} bytes in {fields['ms']} ms"
    access.info("%s", f"{words}: {refusal}" if refusal else words, extra={"fields": fields})


def _answer(request: LoggedRequest) -> Answer:
    try:
        return _respond(request.environ)
    except Refused as refused:
        refusal = refused
    except DATABASE_ERRORS as error:
        refusal = _unavailable(error)
    except HTTPException as error:
        refusal = Refused(error.code or 500, error.description or error.name)
    except Exception as error:
        refusal = (_unavailable(error) if is_disk_full(error)
                   else Refused(500, logs.unexpected(log, "the request")))
    request.refusal = refusal.why
    if isinstance(refusal, OverQuota):
        _raise_alarm(refusal)
    _log_event(refusal, request.environ)
    peer = request.environ.get(identity.PEER)
    return answers.error(refusal, peer is not None and profiles.last_known(peer.lfdi) == OF_DRAFT)


def _log_event(refusal: Refused, environ: WSGIEnvironment) -> None:
    """Let the server note a refusal in its own LogEvents, where it has one for it."""
    try:
        selflog.refused(refusal, f"/{environ['PATH_INFO'].strip('/')}", identity.peer_of(environ))
    except DATABASE_ERRORS as error:
        log.warning("the LogEvent of a refusal was not stored: %s", error)
    except Exception:
        logs.unexpected(log, "the LogEvent of a refusal")  # the client is answered all the same


def _raise_alarm(refusal: OverQuota) -> None:
    """Raise the alarm of a device that exceeds a quota, now that what it did is undone."""
    try:
        device = Device.get_or_none(Device.lfdi == refusal.lfdi)
        alarms.raise_alarm(ALARM, f"device {device.id}" if device else refusal.lfdi, refusal.why)
    except DATABASE_ERRORS as error:
        log.warning("the alarm was not stored: %s", error)


def _respond(environ: WSGIEnvironment) -> Answer:
    _check_schema()
    peer = identity.peer_of(environ)
    lastcontact.record(peer.lfdi)
    return views.respond(environ, peer.lfdi, peer.sfdi)


def _check_schema() -> None:
    """Refuse (503) to serve from tables that a newer version has changed; looked at once a second."""
    global _check_at
    if time.monotonic() >= _check_at:
        first_statement(check_schema)
        _check_at = time.monotonic() + CHECK_S


def _unavailable(error: Exception) -> Refused:
    """Close the connection to a database that did not answer, or has no room, so that the next request opens
    a new one."""
    discard_connection()
    if is_disk_full(error):
        diskspace.report()
        return Refused(503, "the server has no room to store anything at the moment",
                       Retry_After=str(FULL_RETRY_AFTER_S))
    log.warning("the database %s: %s", verb(error), reason(error))
    return Refused(503, "the database is not available at the moment", Retry_After=str(RETRY_AFTER_S))
