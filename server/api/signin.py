"""`/api/v1/session`: sign in, who is signed in, sign out; and one's own password.

They are no operations: on the command line of the server's machine nobody signs in.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypedDict

from flask import Flask, Response, request

from server import scopes
from server.api import access, openidsignin, requestvalues, values
from server.api.routes import ROOT
from server.api.schemas import Results, Schema
from server.errors import BadArgument, Refused
from server.models import check_schema, first_statement
from server.operators import authentication, sessions
from server.units import Instant

SESSION, OWN_PASSWORD = "/session", "/session/password"
TOKEN = "token"
_SECRET: Schema = {"type": "string", "format": "password", "writeOnly": True}
_BODIES: Mapping[str, Mapping[str, Schema]] = {
    SESSION: {"name": {"type": "string"}, "password": _SECRET},
    OWN_PASSWORD: {"present": _SECRET, "password": _SECRET},
}


class CallerRow(TypedDict):
    """Who calls. `vder` is the virtual DER at which the rights end, null where they end nowhere.

    `signed_in_by` is password, certificate, OpenID Connect, token, or "" for a guest. `until` is when the
    session ends unless it is used, `ends_at` when it ends in any case; both are null without a session.
    """
    user: str
    role: str
    vder: str | None
    signed_in_by: str
    until: Instant | None
    ends_at: Instant | None


class SignedOut(TypedDict):
    """Whether there was a cookie; the session is over in any case."""
    signed_out: bool


def register(app: Flask) -> None:
    """Add the paths, and those of OpenID Connect."""
    openidsignin.register(app)
    for path, method, answer in ((SESSION, "POST", _sign_in), (SESSION, "GET", _show),
                                 (SESSION, "DELETE", _sign_out), (OWN_PASSWORD, "PUT", _change_password)):
        app.add_url_rule(ROOT + path, f"{method} {path}", answer, methods=[method],
                         provide_automatic_options=False)


def caller() -> CallerRow:
    """Return who makes the present request. Refused as `access.principal`."""
    who = access.principal(request)
    has_token, cookie = "Authorization" in request.headers, access.session_cookie(request)
    if cookie and not has_token:
        return _of_session(cookie)
    by = TOKEN if has_token else sessions.CERTIFICATE if access.client_certificate(request) else ""
    return {"user": who.name, "role": str(who.role), "vder": who.subtree.name if who.subtree else None,
            "signed_in_by": by, "until": None, "ends_at": None}


def _of_session(cookie: str) -> CallerRow:
    row = sessions.show(cookie)
    return {"user": row["user"], "role": row["role"], "vder": row["vder"],
            "signed_in_by": row["signed_in_by"], "until": row["until"], "ends_at": row["ends_at"]}


def _sign_in() -> Response:
    first_statement(check_schema)
    access.require_same_origin(request, strict=False)
    given = _texts(SESSION)
    cookie = authentication.sign_in(given["name"], given["password"], access.address(request))
    return _answer(_of_session(cookie), CallerRow, cookie)


def _show() -> Response:
    first_statement(check_schema)
    return _answer(caller(), CallerRow)


def _sign_out() -> Response:
    """Whoever is not signed in any more has signed out, too."""
    first_statement(check_schema)
    cookie = access.session_cookie(request)
    if cookie:
        access.require_same_origin(request)
        sessions.end(cookie)
    return _answer({"signed_out": bool(cookie)}, SignedOut, "")


def _change_password() -> Response:
    """Who had a session has another one after it."""
    first_statement(check_schema)
    who, given = access.principal(request), _texts(OWN_PASSWORD)
    by = caller()["signed_in_by"]
    if not by:
        raise Refused(403, "a guest has no password")
    address = access.address(request)
    with scopes.within(who.subtree):
        user = authentication.change_password(who, given["present"], given["password"], address)
    if by in (TOKEN, sessions.CERTIFICATE):
        return _answer(caller(), CallerRow)
    cookie = sessions.start(user, sessions.PASSWORD, address)
    return _answer(_of_session(cookie), CallerRow, cookie)


def _texts(path: str) -> dict[str, str]:
    """The texts that the body has. Refused (400, 415) where it is another."""
    if request.mimetype != requestvalues.JSON:
        raise Refused(415, f"the body is {request.mimetype or 'of no type'}: send {requestvalues.JSON}",
                      Accept=requestvalues.JSON)
    document, names = requestvalues.json_object(request.get_data()), _BODIES[path]
    for name, value in document.items():
        if name not in names:
            raise BadArgument(name, f"there is no such argument here, only {' and '.join(names)}")
        if not isinstance(value, str):
            raise BadArgument(name, "it is not a text")
        values.storable(name, value)
    for name in names:
        if name not in document:
            raise BadArgument(name, "a value is needed")
    return document


def _answer(result: Any, declared: Any, cookie: str | None = None) -> Response:
    response = Response(json.dumps(values.as_json(result, declared)), content_type=requestvalues.JSON)
    if cookie is not None:
        access.set_cookie(response, cookie)
    return response


# --- the document ---------------------------------------------------------------------------------

_DOCUMENTED = (
    (SESSION, "get", "session_show", "Show who calls, and until when.", CallerRow, (401, 403)),
    (SESSION, "post", "session_start", "Sign in: the answer sets the cookie of a session.", CallerRow,
     (400, 401, 403, 413, 415)),
    (SESSION, "delete", "session_end", "Sign out.", SignedOut, (403,)),
    (OWN_PASSWORD, "put", "session_password",
     "Set another password of one's own. All sessions end, and another begins.", CallerRow,
     (400, 401, 403, 413, 415)),
)


def document(results: Results, refusals: Mapping[int, Schema]) -> dict[str, dict[str, Any]]:
    """Return the paths as OpenAPI has them; `refusals` are the answers to refused requests by status, 0
    that of all others."""
    paths: dict[str, dict[str, Any]] = {}
    for path, method, name, summary, declared, statuses in _DOCUMENTED:
        described: dict[str, Any] = {
            "operationId": name, "summary": summary, "tags": ["session"], "parameters": [],
            "responses": {
                "200": {"description": summary, "content": {requestvalues.JSON: {
                    "schema": results.of_answer(declared)}}},
                **{str(status): refusals[status] for status in statuses}, "default": refusals[0]},
        }
        if method in ("post", "put"):
            described["requestBody"] = {"required": True, "content": {requestvalues.JSON: {"schema": {
                "type": "object", "properties": dict(_BODIES[path]), "required": list(_BODIES[path]),
                "additionalProperties": False}}}}
        if (path, method) in ((SESSION, "post"), (SESSION, "delete")):
            described["security"] = []
        paths.setdefault(ROOT + path, {})[method] = described
    return paths
