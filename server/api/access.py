"""Who calls: by the token of a request, the cookie of a session, a certificate, or as a guest."""
from __future__ import annotations

import ipaddress
from typing import NoReturn
from urllib.parse import urlsplit

from flask import Request, Response

from server.config import settings
from server.errors import Refused
from server.models import OperatorUser
from server.operators import authentication, sessions
from server.operators.principals import Principal
from server.operators.roles import Role

SCHEME = "Bearer"
CHALLENGE = f'{SCHEME} realm="counterpoise"'
SAFE = ("GET", "HEAD", "OPTIONS")
PASSIVE = "X-Passive"  # header of what a page asks for by itself: it keeps no session from ending
_LOCAL = ("localhost", "127.0.0.1", "::1")
_BY_PROXY = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


def principal(request: Request) -> Principal:
    """Return who calls.

    Refused (401) where the request has neither a token nor a session's cookie nor a certificate, or one that
    lets nobody in; (403) where a cookie or certificate comes with what changes something, and a page of
    elsewhere asks for it.
    """
    if request.headers.get("Authorization"):
        return authentication.by_token(_token(request))
    cookie = session_cookie(request)
    if cookie:
        if request.method not in SAFE:
            require_same_origin(request)
        return sessions.principal(cookie, used=PASSIVE not in request.headers)
    certificate = client_certificate(request)
    if certificate:
        if request.method not in SAFE:  # browsers send it by themselves, as they do with cookies
            require_same_origin(request, strict=False)
        return authentication.by_certificate(certificate)
    if settings.console_guest:
        return _guest(request)
    raise Refused(401, f"the request has no token: send the header Authorization: {SCHEME} TOKEN, or sign in "
                       "at /api/v1/session. An administrator makes tokens: counterpoise token create")


def _token(request: Request) -> str:
    scheme, _, token = request.headers["Authorization"].partition(" ")
    if scheme.lower() != SCHEME.lower() or not token.strip():
        raise Refused(401, f"the header Authorization has no token: {SCHEME} TOKEN is meant")
    return token.strip()


def client_certificate(request: Request) -> bytes:
    """Return the certificate (DER) that came with TLS, b"" where none did."""
    if not settings.console_operator_ca:
        return b""
    getpeercert = getattr(request.environ.get("gunicorn.socket"), "getpeercert", None)
    return (getpeercert(True) or b"") if getpeercert is not None else b""


def address(request: Request) -> str:
    """Return where a request comes from."""
    return request.remote_addr or ""


# --- cookies --------------------------------------------------------------------------------------

def cookie_name() -> str:
    """Return the name of the cookie; browsers take the prefixed name by TLS and for the whole host alone."""
    return "__Host-counterpoise" if settings.console_tls else "counterpoise"


def session_cookie(request: Request) -> str:
    """Return the session's cookie of a request, "" where there is none."""
    return request.cookies.get(cookie_name(), "")


def set_cookie(response: Response, cookie: str) -> None:
    """Have the browser send a session's cookie from now on; "" to have it forget it."""
    response.set_cookie(cookie_name(), cookie, max_age=settings.session_s if cookie else 0, path="/",
                        secure=settings.console_tls, httponly=True, samesite="Lax")


def require_same_origin(request: Request, strict: bool = True) -> None:
    """Refuse (403) what a page of another origin asks for: a browser adds the cookie to that, too.

    `strict` refuses also what does not say of which origin it is, as programs do.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_same = site == "same-origin"
    elif origin is not None:
        is_same = urlsplit(origin)[:2] == (request.scheme, request.host)
    else:
        is_same = not strict
    if not is_same:
        raise Refused(403, "a page of another origin asks for it, or nothing says that none does: with the "
                           "cookie of a session the header Origin has to be that of this server. Programs "
                           "use a token")


# --- guests ---------------------------------------------------------------------------------------

def _guest(request: Request) -> Principal:
    """Whoever does not sign in, as a viewer. Refused where they come by another name of this machine: a page
    of elsewhere may have its name lead here; and by a proxy on it, which may bring anybody."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if not _is_local(host):
        _refuse_guest(f"guests come by the address {_LOCAL[1]}, not by {host}")
    if any(name in request.headers for name in _BY_PROXY):
        _refuse_guest("guests come from this machine itself, not by a proxy: sign in")
    user = OperatorUser.get_or_none(OperatorUser.name == settings.console_guest)
    if user is None or user.disabled:
        _refuse_guest(f"the user {settings.console_guest} is {'disabled' if user else 'not there'} "
                      "(setting console_guest): sign in")
    return Principal(user.name, Role.VIEWER, user.vder)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOCAL


def _refuse_guest(why: str) -> NoReturn:
    raise Refused(401, why)
