"""Flask around the one view: who calls, and errors in the form of this door."""
from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import peewee
from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException

from server.config import settings
from server.devices import identity, lastcontact
from server.errors import Refused
from server.models import db
from server.protocol import answers, views

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)
RETRY_AFTER = 5


class DeviceInterface(Flask):
    """Flask with one view, to which every request goes whatever its path and method: none is routed, and all that
    Flask keeps at hand for views that have to find it (`flask.request` and so on) is given as arguments here."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = _answer(request)
        except HTTPException as error:
            response = answers.error(Refused(error.code or 500, error.description or error.name))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = answers.error(Refused(500, "the server failed; it has been noted"))
        if settings.access_log:
            _note(request, response)
        return response(environ, start_response)


def create() -> Flask:
    """The application; gunicorn's worker puts the caller's identity into the environment."""
    if settings.access_log:
        logging.basicConfig(format="%(asctime)s %(message)s")
        log.setLevel(logging.INFO)
    return DeviceInterface("server", static_folder=None)


def _note(request: Request, response: Response) -> None:
    """A line for each request: who, what, and how it was answered."""
    peer = identity.peer_of(request.environ)
    log.info("%s %s %s %s %s", peer.lfdi, request.method, request.full_path.rstrip("?"), response.status_code,
             response.content_length or 0)


def _answer(request: Request) -> Response:
    peer = identity.peer_of(request.environ)
    lastcontact.record(peer.lfdi)
    try:
        return views.respond(request, peer.lfdi, peer.sfdi)
    except Refused as refused:
        return answers.error(refused)
    except (peewee.OperationalError, peewee.InterfaceError) as error:
        return answers.error(_away(error, request))


def _away(error: Exception, request: Request) -> Refused:
    """The database did not answer: drop the connection, so that the next request makes a new one."""
    log.warning("%s %s: the database did not answer: %s", request.method, request.path, error)
    db.dispose()
    return Refused(503, "the store is out of reach for the moment", Retry_After=str(RETRY_AFTER))
