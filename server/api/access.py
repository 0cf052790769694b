"""Who calls: by the token of a request."""
from __future__ import annotations

from flask import Request

from server.errors import Refused
from server.operators import authentication
from server.operators.principals import Principal

SCHEME = "Bearer"
CHALLENGE = f'{SCHEME} realm="counterpoise"'


def principal(request: Request) -> Principal:
    """Return who calls. Refused (401) where the request has no token, or one that lets nobody in."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != SCHEME.lower() or not token.strip():
        raise Refused(401, f"the request has no token: send the header Authorization: {SCHEME} TOKEN. "
                           "An administrator makes one: counterpoise token create")
    return authentication.by_token(token.strip())
