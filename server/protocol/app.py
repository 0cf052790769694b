"""The WSGI application: Flask around the one view, and errors as `<Error>` documents."""
from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import peewee
from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException

from server import logs
from server.config import settings
from server.devices import identity, lastcontact
from server.errors import Refused
from server.models import db
from server.protocol import answers, views

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)
access = logging.getLogger(logs.ACCESS)
RETRY_AFTER_S = 5


class DeviceRequest(Request):
    """A request, which adds its fields to the log records that are written meanwhile."""

    def log_fields(self) -> logs.Fields:
        """Return the LFDI of the caller, the method and the path."""
        peer = self.environ.get(identity.PEER)
        return {"lfdi": peer and peer.lfdi, "method": self.method, "path": self.full_path.rstrip("?")}


class DeviceInterface(Flask):
    """Flask with one view for all requests.

    Nothing is routed, and the view gets the request as an argument, so the contexts of Flask
    (`flask.request` and so on) are not set up.
    """

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        request = DeviceRequest(environ)
        token = logs.scope.set(request)
        try:
            response = _answer(request)
            if settings.access_log:
                _log_access(response)
        finally:
            logs.scope.reset(token)
        return response(environ, start_response)


def create() -> Flask:
    """Return the application. The caller's Peer has to be in the environ (see devices/identity.py)."""
    return DeviceInterface("server", static_folder=None)


def _log_access(response: Response) -> None:
    """Log how a request was answered; caller, method and path are fields of the context."""
    status, size = response.status_code, response.content_length or 0
    access.info("answered %s, %s bytes", status, size, extra={"fields": {"status": status, "bytes": size}})


def _answer(request: Request) -> Response:
    try:
        return _respond(request)
    except HTTPException as error:
        return answers.error(Refused(error.code or 500, error.description or error.name))
    except Exception:
        return answers.error(Refused(500, logs.unexpected(log, "the request")))


def _respond(request: Request) -> Response:
    peer = identity.peer_of(request.environ)
    lastcontact.record(peer.lfdi)
    try:
        return views.respond(request, peer.lfdi, peer.sfdi)
    except Refused as refused:
        return answers.error(refused)
    except (peewee.OperationalError, peewee.InterfaceError) as error:
        return answers.error(_unavailable(error))


def _unavailable(error: Exception) -> Refused:
    """Close the connection to a database that did not answer, so that the next request opens a new one."""
    log.warning("the database did not answer: %s", error)
    db.dispose()
    return Refused(503, "the database is not available at the moment", Retry_After=str(RETRY_AFTER_S))
