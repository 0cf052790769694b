"""The table of resources: `schemas/*.toml` as rows, and from hrefs to rows and back.

A row has the path and methods of a resource (IEEE 2030.5-2018, interface description) and the facts of its
function set that code would otherwise repeat. What the resource contains is in the schemas, see `schema`.
Reading TOML takes a command as long as opening its database, so that the rows are kept in `table.json` as
well, and used as long as it has the digest of the files; `python -m server.resources.schematypes` writes it.
"""
from __future__ import annotations

import json
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from server.resources import schematypes
from server.resources.codes import Subscribable

OPERATOR, VIRTUAL_DER = "operator", "vder"
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_PARAMETER = re.compile(r"<int:(\w+)>")


class Row:
    """One resource of the standard.

    `modes` has a letter for each of METHODS: Mandatory, Optional, Discouraged, Error. `query` has those of
    the list parameters s, a, l that GET takes, `order` the paths of the elements that a list is ordered by
    (`-` for descending), `posted` the elements that a POST may carry, `of` the row that a view selects from.
    `writer` is "operator" where devices may not write though the mode allows it. For an event, `response` is
    the type of its Responses and `statuses` has the statuses that those may carry (table 27).
    `publisher` is "vder" for a program of which each virtual DER publishes one of its own. `assigned` names
    the view by which FunctionSetAssignments assign the programs of a list. `quota` names the setting that
    limits how many items of a list one device may have, see `quotas`. `private` is true for a list at the top
    whose items, and what is below them, no device sees until it is said whose they are. `copied` is true
    where the content is a copy of what devices submit. `subscribable` is the attribute of that name, where
    the type has it (see `subscribability`). `edition` is the one that alone has the resource, 0 for both:
    for other clients it does not exist. `blank` is true for a single resource that exists with what is above
    it, with nothing in it until something is submitted. `most_2023` is how many items of a list the 2023
    edition allows, 0 for any number.
    `response_set` of a list of programs tells their ResponseSets apart from those of the programs of other
    lists (see `responsesets`).
    """

    def __init__(self, name: str, path: str, modes: str, element: str | None = None, query: str = "",
                 order: list[str] | None = None, posted: list[str] | None = None, of: str | None = None,
                 writer: str = "", response: str = "", statuses: list[int] | None = None,
                 publisher: str = "", assigned: str = "", quota: str = "", private: bool = False,
                 copied: bool = False, subscribable: int = Subscribable.NON_CONDITIONAL, edition: int = 0,
                 blank: bool = False, most_2023: int = 0, response_set: int | None = None):
        self.name, self.path, self.modes = name, path, modes
        self.element = element or name
        self.query, self.order, self.posted, self.of = query, tuple(order or ()), tuple(posted or ()), of
        self.writer, self.response, self.statuses = writer, response, frozenset(statuses or ())
        self.publisher, self.assigned, self.quota, self.private = publisher, assigned, quota, private
        self.copied, self.subscribable = copied, subscribable
        self.edition, self.blank, self.most_2023 = edition, blank, most_2023
        self.response_set = response_set
        self.parameters = tuple(_PARAMETER.findall(path))
        self._format = _PARAMETER.sub(r"{\1}", path)

    def __repr__(self) -> str:
        return f"<Row {self.name} {self.path}>"

    @cached_property
    def allow(self) -> str:
        """The value of the Allow header: every method whose mode is not E."""
        return ", ".join(method for method, mode in zip(METHODS, self.modes, strict=True) if mode != "E")

    def mode(self, method: str) -> str:
        """Return the mode of a method; E, error, for one that the standard does not have."""
        return self.modes[METHODS.index(method)] if method in METHODS else "E"

    def allows(self, method: str) -> bool:
        """Return whether the method may be used at all (any mode but E)."""
        return self.mode(method) != "E"

    @property
    def is_list(self) -> bool:
        """Whether GET returns a list, paged by `query`."""
        return bool(self.query)

    def href(self, **parameters: int) -> str:
        """Return the href with these numbers: `rows["DERControl"].href(program=1, control=2)`."""
        return self._format.format(**parameters)


class Match(NamedTuple):
    """The row of an href, and the number of each parameter of the row's path."""
    row: Row
    parameters: dict[str, int]


Tables = dict[str, dict[str, Any]]
_KEPT = Path(schematypes.path()).with_name("table.json")


def load() -> Tables:
    """Return the columns of each row by its name, from `table.json` where that is of these tables."""
    if _KEPT.exists():
        content = json.loads(_KEPT.read_bytes())
        if content["digest"] == schematypes.digest(".toml"):
            tables: Tables = content["rows"]
            return tables
    return read()


def read() -> Tables:
    """Return the columns of each row from the tables themselves."""
    import tomllib
    tables: Tables = {}
    for file in sorted(_KEPT.parent.glob("*.toml")):
        tables |= tomllib.loads(file.read_text("utf-8"))
    return tables


def write() -> None:
    """Write `table.json`, a row a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(columns)}" for name, columns in read().items()]
    text = f'{{"digest": "{schematypes.digest(".toml")}",\n"rows": {{\n' + ",\n".join(lines) + "\n}}\n"
    _KEPT.write_text(text)


rows: dict[str, Row] = {name: Row(name, **columns) for name, columns in load().items()}
_by_shape: dict[str, Row] = {}
for _row in rows.values():
    _by_shape.setdefault(_PARAMETER.sub("#", _row.path), _row)
MAX_DIGITS = 18  # of a number in an href: databases have 64 bits
_SHAPE = re.compile(rf"(?<=/)(?:0|[1-9][0-9]{{0,{MAX_DIGITS - 1}}})(?=/|$)")


@lru_cache(maxsize=20_000)
def match(href: str) -> Match | None:
    """Return the row of an href and the numbers in it; None where the table has no such resource."""
    row = _by_shape.get(_SHAPE.sub("#", href))
    if row is None:
        return None
    return Match(row, dict(zip(row.parameters, map(int, _SHAPE.findall(href)), strict=True)))


def match_in(edition: int, href: str) -> Match | None:
    """Return the row of an href and the numbers in it, of those that an edition has; None where there is no
    such resource."""
    found = match(href)
    return None if found is None or found.row.edition not in (0, edition) else found


def row_name(kind: str, href: str) -> str:
    """Return the name of the row of a document: its kind or, where that is in the table at several paths, the
    row of this one."""
    found = match(href)
    return found.row.name if found is not None and found.row.element == kind else kind


def parent(href: str) -> str:
    """Return the href one level up: the list of an item, the owner of a single resource; "" above a root."""
    return href.rpartition("/")[0]


def number(href: str) -> int:
    """Return the number at the end of an href; 0 where it ends with a word."""
    last = href.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) <= MAX_DIGITS else 0


@lru_cache(maxsize=None)
def children(name: str) -> tuple[Row, ...]:
    """Return the rows one level below a row: of EndDevice Registration, DERList and so on."""
    path = rows[name].path
    return tuple(row for row in rows.values() if parent(row.path) == path and not row.path.endswith(">"))


@lru_cache(maxsize=None)
def item(name: str) -> Row | None:
    """Return the row of a list's items: of DERControlList the row DERControl, and so of its views that have
    no items of their own."""
    row = rows[name]
    below = [other for other in rows.values() if parent(other.path) == row.path and other.path.endswith(">")]
    if below:
        return below[0]
    return item(row.of) if row.of else None


def source(row: Row) -> Row:
    """Return the row that a view selects from; any other row itself."""
    return rows[row.of] if row.of else row
