"""Sign in and sign out."""
from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField

from server.api import access, openidsignin
from server.api import routes as api
from server.config import settings
from server.console import actions, identity
from server.console.pagetable import ROOT
from server.errors import Refused
from server.operators import authentication, sessions

blueprint = Blueprint("signin", __name__)


class SignInForm(FlaskForm):
    """A name and a password. There is no session yet whose key a form could have: the origin is checked."""
    name = StringField("Name", render_kw={"autocomplete": "username", "required": True, "autofocus": True})
    password = PasswordField("Password", render_kw={"autocomplete": "current-password", "required": True})

    class Meta:
        csrf = False


@blueprint.get("/sign-in")
def show() -> ResponseReturnValue:
    """Show the form."""
    return _page(SignInForm())


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Start a session."""
    access.require_same_origin(request, strict=False)
    form = SignInForm()
    try:
        cookie = authentication.sign_in(form.name.data or "", form.password.data or "",
                                        request.remote_addr or "")
    except Refused as refused:
        return _page(form, refused)
    response = _to(actions.back_to() or f"{ROOT}/now")
    access.set_cookie(response, cookie)
    return response


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    identity.require_own_form()
    sessions.end(access.session_cookie(request))
    response = _to(f"{ROOT}/sign-in")
    access.set_cookie(response, "")
    return response


def _to(href: str) -> Response:
    response = redirect(href, 303)
    assert isinstance(response, Response)
    return response


def _openid() -> str:
    """Where one signs in at a provider of OpenID Connect; "" where none is set."""
    if not settings.openid_issuer:
        return ""
    to = urlencode({openidsignin.TO: actions.back_to() or f"{ROOT}/now"})
    return f"{api.ROOT}{openidsignin.BEGIN}?{to}"


def _page(form: SignInForm, refused: Refused | None = None) -> ResponseReturnValue:
    status, headers = (refused.status, refused.headers) if refused else (200, {})
    return render_template("console/signin.html", page=None, form=form, back=actions.back_to(),
                           openid=_openid(), why=refused.why if refused else ""), status, headers
