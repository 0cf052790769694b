"""Flask around the one view: who calls, and errors in the form of this interface."""
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
RETRY_AFTER = 5


class DeviceRequest(Request):
    """A request, and what the records that are written while it is answered say of it."""

    def log_fields(self) -> logs.Fields:
        peer = self.environ.get(identity.PEER)
        return {"lfdi": peer and peer.lfdi, "method": self.method, "path": self.full_path.rstrip("?")}


class DeviceInterface(Flask):
    """Flask with one view, to which every request goes whatever its path and method: none is routed, and all
    that Flask keeps at hand for views that have to find it (`flask.request` and so on) is given as arguments
    here."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = DeviceRequest(environ)
        token = logs.scope.set(request)
        try:
            response = _answer(request)
            if settings.access_log:
                _note(response)
        finally:
            logs.scope.reset(token)
        return response(environ, start_response)


def create() -> Flask:
    """The application; gunicorn's worker puts the caller's identity into the environment."""
    return DeviceInterface("server", static_folder=None)


def _note(response: Response) -> None:
    """A line for each request: how it was answered; who asked what is in the context."""
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
        return answers.error(_away(error))


def _away(error: Exception) -> Refused:
    """The database did not answer: drop the connection, so that the next request makes a new one."""
    log.warning("the database did not answer: %s", error)
    db.dispose()
    return Refused(503, "the store is out of reach for the moment", Retry_After=str(RETRY_AFTER))
