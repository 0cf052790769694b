"""`/api/v1/session/openid`: sign in at a provider of OpenID Connect, and come back from there."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, redirect, request

from server.api import access
from server.api.routes import ROOT
from server.api.schemas import Schema
from server.config import settings
from server.models import check_schema, first_statement
from server.operators import openid, sessions

BEGIN, BACK = "/session/openid", "/session/openid/back"
TO = "to"  # the page of this server to which it leads
_START = "/"
ENDPOINTS = (f"GET {BEGIN}", f"GET {BACK}")  # Flask's names of both


def register(app: Flask) -> None:
    """Add the paths."""
    for name, path, answer in zip(ENDPOINTS, (BEGIN, BACK), (_begin, _back), strict=True):
        app.add_url_rule(ROOT + path, name, answer, methods=["GET"], provide_automatic_options=False)


def _begin() -> Response:
    """Send the browser to the provider."""
    href, attempt = openid.begin(_own_address())
    to = request.args.get(TO, _START)
    return _redirect(href, f"{attempt}.{to if _is_own(to) else _START}")


def _back() -> Response:
    """Start a session for whom the provider names."""
    first_statement(check_schema)
    state, nonce, verifier, to = (request.cookies.get(_cookie(), "").split(".", 3) + [""] * 4)[:4]
    user = openid.finish(f"{state}.{nonce}.{verifier}", _own_address(), request.url)
    response = _redirect(to if _is_own(to) else _START, "")
    access.set_cookie(response, sessions.start(user, sessions.OPENID, access.address(request)))
    return response


def _own_address() -> str:
    """Where the provider sends the browser back to."""
    return f"{request.host_url.rstrip('/')}{ROOT}{BACK}"


def _is_own(to: str) -> bool:
    """Whether it is a path of this server, and nothing that a browser takes for another's."""
    return to.startswith("/") and not to.startswith(("//", "/\\")) and to.isascii() and to.isprintable()


def _cookie() -> str:
    return f"{access.cookie_name()}-openid"


def _redirect(href: str, attempt: str) -> Response:
    """Send the browser on. Its cookie comes back with the provider's answer, a link from elsewhere: Lax."""
    response = redirect(href, 303, Response)
    response.set_cookie(_cookie(), attempt, max_age=openid.ATTEMPT_S if attempt else 0, path="/",
                        secure=settings.console_tls, httponly=True, samesite="Lax")
    assert isinstance(response, Response)
    return response


def document(refusals: Mapping[int, Schema]) -> dict[str, Any]:
    """Return the paths as the OpenAPI document has them; `refusals` are its answers to what is refused, by
    status."""
    def described(name: str, summary: str, parameters: Mapping[str, str], statuses: tuple[int, ...]
                  ) -> dict[str, Any]:
        return {"get": {
            "operationId": name, "summary": summary, "tags": ["session"], "security": [],
            "parameters": [{"name": parameter, "in": "query", "required": False, "description": words,
                            "schema": {"type": "string"}} for parameter, words in parameters.items()],
            "responses": {"303": {"description": "Go there.", "headers": {
                "Location": {"required": True, "schema": {"type": "string"}}}},
                **{str(status): refusals[status] for status in statuses}, "default": refusals[0]}}}
    return {
        ROOT + BEGIN: described(
            "session_openid", "Sign in at the provider of OpenID Connect: the browser is sent there.",
            {TO: "The path of this server to be led to afterwards."}, (404,)),
        ROOT + BACK: described(
            "session_openid_back", "Where the provider sends the browser: the answer sets the cookie of a "
            "session.", {"code": "What the provider gives the server a token for.",
                         "state": "Which attempt it is.", "error": "Why the provider refuses."},
            (400, 401, 403, 404)),
    }
