"""An operation, run in the name of who has signed in, by the way that the REST interface has."""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from server.api import lists, values
from server.api.routes import routes
from server.console import identity
from server.errors import Refused
from server.models.pages import Pages
from server.operations import resulttypes
from server.operations.declaration import Operation
from server.operators import authorisation

EXTRA = "pip install"  # part of the message of an import error where an extra is missing
NO_VALUES: Mapping[str, Any] = {}


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
