"""An operation, run in the name of who has signed in, by the way that the REST interface has.

A form has a key of its own, so that what it asks for is done once, however often it is sent.
"""
from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import Response, request

from server.api import calls, changes, idempotency, lists, values
from server.api.changes import AskedChange
from server.api.routes import Route, routes
from server.console import identity
from server.errors import Refused
from server.models.pages import Pages
from server.operations import resulttypes
from server.operations.declaration import Operation
from server.operators import authorisation

EXTRA = "pip install"  # part of the message of an import error where an extra is missing
NO_VALUES: Mapping[str, Any] = {}
# Fields of forms that say nothing of what is wanted.
KEY_FIELD, SEEN, YES, BACK = "idempotency_key", "if_match", "yes", "back"
BESIDE = (identity.TOKEN_FIELD, KEY_FIELD, SEEN, YES, BACK)
WAIT_S, MOST_WAITS = 0.25, 20  # for what the same form asked for a moment ago, and is being done
_OUT_OF_DATE = ("it was changed since this form was shown, by somebody else or in another window. Look at "
                "it, and send this again if it is right all the same")
_SENT_BEFORE = ("this form was sent before, with other values, and those were done. Look at what came of "
                "them; send it again if you mean this as well")


def find(name: str) -> Operation:
    """Return the operation of a name. Refused (404) where there is none."""
    route = routes().get(name)
    if route is None:
        raise Refused(404, f"there is no operation {name!r}")
    return route.operation


@contextmanager
def allowed(name: str, given: Mapping[str, Any] = NO_VALUES, reason: str = "") -> Iterator[Operation]:
    """Let an operation be run inside, in the name of who has signed in. Refused (401, 403) where they may
    not; Refused (501) where it needs a package that is not installed."""
    operation, who = find(name), identity.principal()
    try:
        with authorisation.acting(who, reason):
            authorisation.check(who, operation, given)
            yield operation
    except ImportError as missing:
        if EXTRA not in str(missing):
            raise
        raise Refused(501, str(missing)) from None


def run(name: str, given: Mapping[str, Any] = NO_VALUES, reason: str = "") -> Any:
    """Run an operation and return its result; a list whole. Refused, or BadArgument, where it is not done."""
    with allowed(name, given, reason) as operation:
        result = operation.run(given)
        if lists.is_list(result) and not isinstance(result, list):
            return list(result)
        return result


def once_key() -> str:
    """Return a new key, for a hidden field of a form."""
    return secrets.token_urlsafe(16)


class DoneChange(NamedTuple):
    """The result of an operation that changes something, and whether it was done before, by the same form."""
    result: Any
    before: bool


def change(name: str, given: Mapping[str, Any], reason: str = "", if_match: str | None = None) -> DoneChange:
    """Do what the form of the present request asks for, once, if the thing has the ETag `if_match`. Refused,
    or BadArgument, where it is not done."""
    with allowed(name, given, reason) as operation:
        route = routes()[name]
        answer = _done(route, _asked(operation, given, if_match), given)
        document = answer.get_json()
        if lists.is_declared(operation.result):
            document = document["items"]
        before = idempotency.REPLAYED in answer.headers
        return DoneChange(values.from_json(document, operation.result), before)


def _asked(operation: Operation, given: Mapping[str, Any], if_match: str | None) -> AskedChange:
    """How the form of the present request asks. It is known by what was typed: `now` is another instant when
    the form is sent again."""
    typed = {field: request.form.getlist(field) for field in request.form if field not in BESIDE}
    files = {field: given[field] for field in request.files if field in given}
    return AskedChange(if_match, request.form.get(KEY_FIELD) or None,
                       idempotency.digest(operation, {**typed, **files}))


def _done(route: Route, asked: AskedChange, given: Mapping[str, Any]) -> Response:
    """The answer; that to the form when it was sent before, even if that is being done at the moment."""
    def do() -> Response:
        return calls.whole(route, route.operation.run(given))
    for waits in range(MOST_WAITS + 1):
        try:
            return changes.done(route, asked, identity.principal().name, given, do)
        except Refused as refused:
            if asked.if_match and refused.status == 412:
                raise Refused(412, _OUT_OF_DATE) from None
            if asked.key and refused.status == 422 and idempotency.HEADER in refused.why:
                raise Refused(422, _SENT_BEFORE) from None
            if refused.status != 409 or idempotency.HEADER not in refused.why or waits == MOST_WAITS or (
                    "Retry-After" not in refused.headers):
                raise
        time.sleep(WAIT_S)
    raise AssertionError


class ListedPage(NamedTuple):
    """A page of a list: its rows, the declared type of one, and the cursor of the next page, "" for none.
    `sorts` are the keys by which the list can be sorted; None: all."""
    rows: list[Mapping[str, Any]]
    declared: Any
    following: str
    sorts: Collection[str] | None


def page(name: str, given: Mapping[str, Any] = NO_VALUES, *, limit: int = 50, cursor: str = "",
         sort: str = "") -> ListedPage:
    """Run an operation that lists, and return a page of the list, sorted as the REST interface has it."""
    with allowed(name, given) as operation:
        result = operation.run(given)
        asked = lists.page_of({lists.SORT: [sort]}, limit=limit, cursor=cursor)
        found = lists.as_json(result, operation.result, asked)
        rows = values.from_json(found["items"], operation.result)
    return ListedPage(rows, resulttypes.item(operation.result, rows), found["next"] or "",
                      result.sorts if isinstance(result, Pages) else None)


def attempt(name: str, given: Mapping[str, Any] = NO_VALUES) -> Any:
    """Run an operation for a part of a page, and return its result, or the Refused: the rest of the page is
    shown all the same."""
    try:
        return run(name, given)
    except Refused as refused:
        return refused


def listed(name: str, given: Mapping[str, Any] = NO_VALUES) -> tuple[list[Any], str]:
    """Run an operation that lists; return its rows, or none and what is said of the refusal."""
    answer = attempt(name, given)
    return ([], answer.why) if isinstance(answer, Refused) else (answer, "")
