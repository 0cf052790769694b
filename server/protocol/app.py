"""Flask around the one view: who calls, and errors in the form of this door."""
from __future__ import annotations

import logging

import peewee
from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException

from server.config import settings
from server.errors import Refused
from server.models import db
from server.protocol import access, answers, identity, seen, views
from server.resources import table

log = logging.getLogger(__name__)
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"]
RETRY_AFTER = 5


def create() -> Flask:
    """The application; gunicorn's worker puts the caller's identity into the environment."""
    app = Flask("server", static_folder=None)
    app.add_url_rule("/", "door", _door, methods=METHODS, provide_automatic_options=False)
    app.add_url_rule("/<path:href>", "door", _door, methods=METHODS, provide_automatic_options=False)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failure)
    app.url_map.merge_slashes = False
    if settings.access_log:
        logging.basicConfig(format="%(asctime)s %(message)s")
        log.setLevel(logging.INFO)
        app.after_request(_note)
    return app


def _note(response: Response) -> Response:
    """A line for each request: who, what, and how it was answered."""
    peer = identity.peer_of(request.environ)
    log.info("%s %s %s %s %s", peer.lfdi, request.method, request.full_path.rstrip("?"), response.status_code,
             response.content_length or 0)
    return response


def _door(href: str = "") -> Response:
    peer = identity.peer_of(request.environ)
    seen.note(peer.lfdi)
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


def _http_error(error: HTTPException) -> Response:
    if error.code != 405:
        return answers.error(Refused(error.code or 500, error.description or error.name))
    match = table.match(request.path)
    if match is None:
        return answers.error(Refused(404, access.NOT_THERE))
    return answers.error(Refused(405, f"{request.method} is not for {match.row.name}", Allow=match.row.allow))


def _failure(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path)
    return answers.error(Refused(500, "the server failed; it has been noted"))
