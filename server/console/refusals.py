"""What is refused, as a page: what it is, the reason and the remedy."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from server.api import app, problems
from server.console import identity
from server.console.pagetable import ROOT
from server.errors import Refused

_TITLES: Mapping[int, str] = {
    400: "That cannot be done", 401: "Sign in", 403: "That is not yours to do", 404: "There is no such thing",
    409: "That has changed meanwhile", 412: "That has changed meanwhile",
    413: "The file is too large", 429: "Too many attempts",
    501: "Something is not installed", 503: "Not available at the moment"}
_REMEDIES: Mapping[int, str] = {
    403: "Ask somebody who has the role, or an administrator to give it to you.",
    404: "It may have been removed, or its name is spelt otherwise. The navigation leads to all there is.",
    429: "Wait for a moment.", 500: "The server's log has the cause.", 503: "Try again in a moment."}


def answer(error: Exception) -> ResponseReturnValue:
    """Return the page of what was raised; who has to sign in is led there, and back afterwards."""
    if isinstance(error, HTTPException) and (error.code or 500) < 400:
        return error.get_response()
    refused = app.refusal(error)
    if refused.status == 401 and request.method == "GET":
        return redirect(f"{ROOT}/sign-in?back={_here()}", 303)
    response = make_response(render_template(
        "console/refusal.html", page=None, status=refused.status, why=refused.why,
        title=_TITLES.get(refused.status) or problems.title(refused.status),
        remedy=_REMEDIES.get(refused.status, ""), signed_in=_who(refused)), refused.status)
    response.headers.update(refused.headers)
    return response


def as_page(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view of the REST interface to which browsers are led, with its refusals as pages."""
    @wraps(view)
    def answered(**arguments: str) -> Any:
        try:
            return view(**arguments)
        except Exception as error:
            if "text/html" not in request.accept_mimetypes.values():
                raise
            return answer(error)
    return answered


def _who(refused: Refused) -> bool:
    """Whether somebody has signed in, as far as the database tells at the moment."""
    return refused.status not in (500, 503) and identity.known() is not None


def _here() -> str:
    from urllib.parse import quote
    return quote(request.full_path.rstrip("?"), safe="/")
