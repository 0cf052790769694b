"""Who has signed in, for the time of a request, and the key by which the console knows its own forms."""
from __future__ import annotations

import hmac

from flask import g, request

from server.api import access
from server.errors import Refused
from server.operators import sessions
from server.operators.principals import Principal
from server.operators.roles import Role, includes

TOKEN_FIELD = "csrf_token"
_FOREIGN = ("the form is of another session than the one that you are in now: load the page again, and send "
            "it from there")


def principal() -> Principal:
    """Return who has signed in. Refused (401) where nobody has."""
    if "principal" not in g:
        g.principal = access.principal(request)
    found: Principal = g.principal
    return found


def known() -> Principal | None:
    """Return who has signed in; None where nobody has."""
    try:
        return principal()
    except Refused:
        return None


def may(role: Role) -> bool:
    """Return whether who has signed in has a role, or one that includes it."""
    who = known()
    return who is not None and includes(who.role, role)


def is_guest() -> bool:
    """Return whether nobody has signed in, and the page is shown all the same (setting console_guest)."""
    return not access.session_cookie(request)


def form_token() -> str:
    """Return the hidden text of forms; "" for guests, who change nothing."""
    cookie = access.session_cookie(request)
    return sessions.form_key(cookie) if cookie else ""


def require_own_form() -> None:
    """Refuse (403) what was not sent by a form of the console in this session."""
    if not hmac.compare_digest(request.form.get(TOKEN_FIELD, "").encode(), form_token().encode()):
        raise Refused(403, _FOREIGN)
