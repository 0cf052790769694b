"""FunctionSetAssignments link to what is a customer's own: accounts and prepayments (IEEE 2030.5-2018, 8.6).

The lists of which the table says that they are `private` are at one path for all, and each caller sees its
own items. So the link in the FunctionSetAssignments of a device is to the list itself, with the number of
items that the device sees; where it sees none there is no link.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.resources import documents, schema, sql, store, table
from server.resources.hooks import Change, Derived, after_all, derived
from server.units import Href, Lfdi

Data = dict[str, Any]
_ASSIGNMENTS = "FunctionSetAssignments"
_LINKS = {row.path: f"{row.name}Link" for row in table.rows.values()
          if row.private and f"{row.name}Link" in schema.type_spec(_ASSIGNMENTS).by_key}
_KINDS = tuple(item.name for item in map(table.item, (
    row.name for row in table.rows.values() if row.path in _LINKS)) if item is not None)


# A subquery for each list, since PostgreSQL would go through all items for a join.
_COUNT = ("sum((SELECT count(*) FROM document d WHERE d.parent = '{}' AND d.audience = a.audience "
          f"AND d.{documents.LISTED}))")
_COUNTS = (f"SELECT a.lfdi, {', '.join(map(_COUNT.format, _LINKS))} FROM audience a "
           "WHERE a.lfdi IN ({}) GROUP BY a.lfdi")


@derived(_ASSIGNMENTS)
def _links(submitted: dict[Href, Data | None]) -> dict[Href, Derived]:
    if not any(sql.row("SELECT 1 FROM document WHERE parent = ? LIMIT 1", path) for path in _LINKS):
        return {}
    numbers = {href: table.number(table.parent(table.parent(href))) for href in submitted}
    owners = dict(sql.among("SELECT id, lfdi FROM device WHERE id IN ({})", numbers.values()))
    counts = {lfdi: of_lists for lfdi, *of_lists in sql.among(_COUNTS, owners.values())}
    return {href: Derived({_LINKS[path]: {"href": path, "all": int(count)}
                           for path, count in zip(_LINKS, counts.get(owners.get(number), ()), strict=False)
                           if count})
            for href, number in numbers.items()}


@after_all("POST", *_KINDS)
@after_all("PUT", *_KINDS)
@after_all("DELETE", *_KINDS)
def _follow(changes: list[Change]) -> None:
    """Render the FunctionSetAssignments of devices again whose own items have come or gone."""
    audiences = {change.audience for change in changes
                 if change.audience and (change.method != "PUT" or change.old is None)}
    touch(lfdi for lfdi, in sql.among("SELECT lfdi FROM audience WHERE audience IN ({})", audiences))


def touch(lfdis: Iterable[Lfdi]) -> None:
    """Render the FunctionSetAssignments of these devices again."""
    numbers = [number for number, in sql.among("SELECT id FROM device WHERE lfdi IN ({})", lfdis)]
    lists = [f"{table.rows['EndDevice'].href(device=number)}/fsa" for number in numbers]
    store.touch(*(href for href, in sql.among("SELECT href FROM document WHERE parent IN ({})", lists)))
