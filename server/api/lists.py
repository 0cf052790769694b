"""Lists, a page at a time: `limit` items from `cursor` on, with the cursor of the next page.

A list that the database reads by a key goes on behind the last one, so that what is added or removed
meanwhile moves nothing. Others go on at their position. No page holds more than its items in memory.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_origin

from server.api import values
from server.api.routes import Route
from server.errors import BadArgument
from server.models.pages import Pages
from server.operations import resulttypes
from server.operations.declaration import Arg, Argument

LIMIT, CURSOR, FIELDS, SORT = "limit", "cursor", "fields", "sort"
MOST = 1000
DEFAULT = 100
WHOLE = 10 ** 9  # items of a list that is answered whole
MOST_SORTED = 10_000  # items that are sorted in memory
MOST_POSITION = 2 ** 63 - 1


def _parameter(name: str, kind: type, default: Any, arg: Arg, many: bool = False) -> Argument:
    return Argument(name=name, kind=kind, meaning=None, many=many, optional=False, positional=False,
                    default=default, arg=arg, choices=())


PARAMETERS: Mapping[str, Argument] = {argument.name: argument for argument in (
    _parameter(LIMIT, int, DEFAULT, Arg("How many items a page has at most.", least=1, most=MOST)),
    _parameter(CURSOR, str, "", Arg("Where the page begins: `next` of the page before.")),
    _parameter(SORT, str, "", Arg("By these keys, separated by commas; -KEY descends.")),
    _parameter(FIELDS, str, (), Arg("Only these keys of each item, separated by commas.")),
)}
"""What a GET of a list takes beside the arguments of its operation."""


@dataclass(frozen=True, kw_only=True)
class AskedPage:
    """What is asked for of a list."""
    limit: int = DEFAULT
    cursor: str = ""
    fields: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # keys, each with whether it descends


def paging(route: Route) -> list[Argument]:
    """Return what a route takes beside the arguments of its operation: those of a list, for a GET of one.

    An operation with a `limit` of its own decides itself where a list ends that is not read by a key.
    """
    if route.method != "GET" or not is_declared(route.operation.result):
        return []
    own = {argument.name for argument in route.operation.arguments}
    ends = LIMIT in own and not is_declared(route.operation.result, Pages)
    return [argument for name, argument in PARAMETERS.items()
            if not (ends and name in (LIMIT, CURSOR))]


def page_of(given: Mapping[str, list[str]], **found: Any) -> AskedPage:
    """Return the page that the texts of a query ask for. BadArgument as for arguments."""
    for name, texts in given.items():
        found[name] = values.of_texts(PARAMETERS[name], texts)
        PARAMETERS[name].check(found[name])
    if FIELDS in found:
        found[FIELDS] = tuple(filter(None, found[FIELDS].split(",")))
    if SORT in found:
        names = filter(None, found.pop(SORT).split(","))
        found["order"] = tuple((name.removeprefix("-"), name.startswith("-")) for name in names)
    return AskedPage(**found)


def is_declared(declared: Any, kind: type = Iterable) -> bool:
    """Return whether a declared type of a result is a list, or one that is read in this way."""
    origin = get_origin(declared)
    return isinstance(origin, type) and issubclass(origin, kind) and not issubclass(origin, Mapping)


def is_list(result: Any) -> bool:
    """Return whether a result is a list, however it is read."""
    return isinstance(result, Iterable) and not isinstance(result, (str, Mapping))


def as_json(result: Iterable[Any], declared: Any, page: AskedPage) -> dict[str, Any]:
    """Return a page of a list of a declared type: `items`, and `next`, the cursor of what follows or None."""
    kind, after = _position(page.cursor)
    position: Any
    if isinstance(result, Pages) and page.order:
        items, position = _sorted_page(result, page, kind, after)
        kind = "sort"
    elif isinstance(result, Pages):
        if kind not in ("", "key"):
            raise _bad_cursor(page.cursor)
        try:
            items, position = result.page(after, page.limit)
        except ValueError:  # the key of another list
            raise _bad_cursor(page.cursor) from None
        kind = "key"
    else:
        if page.order:
            result = _sorted_list(result, page.order)
        if kind not in ("", "offset") or after is not None and not isinstance(after, int):
            raise _bad_cursor(page.cursor)
        start = after or 0
        items = list(islice(result, start, start + page.limit + 1))
        position = start + page.limit if len(items) > page.limit else None
        items, kind = items[:page.limit], "offset"
    item = resulttypes.item(declared, result)
    known = set(getattr(item, "__annotations__", ()))
    rows = [_sparse(values.as_json(row, item), page.fields, known) for row in items]
    return {"items": rows, "next": None if position is None else _cursor(kind, position)}


def _sorted_page(result: Pages[Any], page: AskedPage, kind: str, after: Any) -> tuple[list[Any], Any]:
    """A page of what the database sorts."""
    known = result.sorts
    for name, _ in page.order:
        if name not in known:
            words = f"is sorted by {', '.join(known)}, not by {name}" if known else "cannot be sorted"
            raise BadArgument(SORT, f"this list {words}")
    if kind not in ("", "sort"):
        raise _bad_cursor(page.cursor)
    try:
        return result.sorted_page(page.order, after, page.limit)
    except ValueError:
        raise _bad_cursor(page.cursor) from None


def _sorted_list(result: Iterable[Any], order: tuple[tuple[str, bool], ...]) -> list[Any]:
    """A list that the database does not sort, sorted; what has no value comes first."""
    rows = list(islice(result, MOST_SORTED + 1))
    if len(rows) > MOST_SORTED:
        raise BadArgument(SORT, f"this list has more than {MOST_SORTED} items, and is not sorted")
    for name, down in reversed(order):
        if rows and not (isinstance(rows[0], dict) and name in rows[0]):
            raise BadArgument(SORT, f"items have no {name}, only {', '.join(rows[0])}")
        rows.sort(key=lambda row, name=name: _comparable(row.get(name)), reverse=down)  # type: ignore[misc]
    return rows


def _comparable(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))


def _sparse(row: Any, fields: tuple[str, ...], known: set[str]) -> Any:
    """The row with these fields alone; one that is not required may be missing."""
    if not fields or not isinstance(row, dict):
        return row
    unknown = [name for name in fields if name not in row and name not in known]
    if unknown:
        raise BadArgument(FIELDS, f"items have no {unknown[0]}, only {', '.join(row)}")
    return {name: row[name] for name in fields if name in row}


def _cursor(kind: str, position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, position]).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[str, Any]:
    if not cursor:
        return "", None
    try:
        kind, position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (TypeError, ValueError, RecursionError):
        raise _bad_cursor(cursor) from None
    parts = position if kind == "sort" and isinstance(position, list) else [position]
    least = -1 if kind == "sort" else 0  # which stands for none
    if kind not in ("key", "offset", "sort") or not all(_is_key(part, least) for part in parts):
        raise _bad_cursor(cursor)
    return kind, position


def _is_key(value: Any, least: int) -> bool:
    if isinstance(value, str):
        return values.is_storable(value)
    return type(value) is int and least <= value <= MOST_POSITION


def _bad_cursor(cursor: str) -> BadArgument:
    return BadArgument(CURSOR, f"{cursor!r} is the cursor of no page of this list: take `next` of one")
