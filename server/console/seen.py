"""What somebody has seen who sends a form that sets a thing: its ETag, which goes with the form as If-Match.

So nobody overwrites what was changed since the form was shown. A form that does something else, such as to
cancel an order, is done in any case.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from server.api import etags
from server.api.routes import Route, routes
from server.console import fieldvalues, running
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import Membership
from server.operations.declaration import Operation

_SETS = ("PUT", "PATCH")
MOST_MEMBERS = 1000  # of a virtual DER: to show it takes as long as it has members


def text(operation: Operation, texts: Mapping[str, Any]) -> str:
    """Return the hidden text of an operation's form, in which these texts are: the ETag of what it sets, and
    of which thing. It is "" where there is none, or it may not be looked at."""
    of = _thing(operation)
    if of is None:
        return ""
    names = [argument.name for argument in of.in_path]
    try:
        given = fieldvalues.read(operation, MultiDict({name: texts[name] for name in names if name in texts}))
        if len(given) < len(names):
            return ""
        with running.allowed(of.operation.name, given):
            return "" if _is_large(of, given) else f"{etags.present(of, given)} {_which(of, given)}"
    except Refused:
        return ""


def if_match(operation: Operation, given: Mapping[str, Any]) -> str | None:
    """Return the If-Match of the form that was sent; None where it has none, or now names another thing."""
    of = _thing(operation)
    tag, _, which = request.form.get(running.SEEN, "").partition(" ")
    return tag if tag and of is not None and which == _which(of, given) else None


def _thing(operation: Operation) -> Route | None:
    """By what the thing is got that an operation sets; None where it sets none."""
    route = routes()[operation.name]
    return etags.thing(route) if operation.changes and route.method in _SETS else None


def _which(of: Route, given: Mapping[str, Any]) -> str:
    return "/".join(str(given.get(argument.name, "")) for argument in of.in_path)


def _is_large(of: Route, given: Mapping[str, Any]) -> bool:
    if of.operation.name != "vder show":
        return False
    members = Membership.select(Membership.device).where(Membership.vder == virtualders.find(given["vder"]))
    return bool(members.limit(MOST_MEMBERS + 1).count() > MOST_MEMBERS)
