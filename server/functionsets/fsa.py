"""FunctionSetAssignments: the programs that virtual DERs assign to their members (IEEE 2030.5-2018, 8.6).

Which lists of programs there are is in the table of resources (`assigned`). By the setting `assignments`, the
view of a virtual DER has the programs of those above it too, so that a device needs one
FunctionSetAssignments for a whole topology (CSIP 2.1), or only its own.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from server.config import settings
from server.devices import access
from server.devices.requestcontext import ListPage, RequestContext
from server.errors import Refused
from server.models import vder_audience
from server.resources import audiences, retrieve, sql, table
from server.resources.hooks import instead
from server.units import Href

_VIEWS = tuple(row.assigned for row in table.rows.values() if row.assigned)
_PATHS = ("WITH RECURSIVE path(vder, id, parent_id) AS ("
          "SELECT id, id, parent_id FROM virtual_der WHERE id IN ({}) UNION ALL "
          "SELECT p.vder, v.id, v.parent_id FROM virtual_der v JOIN path p ON v.id = p.parent_id) "
          "SELECT vder, id FROM path")


def paths(vders: Iterable[int]) -> dict[int, list[int]]:
    """Return the virtual DERs (numbers) whose programs each of these assigns: itself, and in one
    FunctionSetAssignments for a tree those above it."""
    numbers = set(vders)
    if settings.assignments != audiences.TREE:
        return {number: [number] for number in numbers}
    found: dict[int, list[int]] = defaultdict(list)
    for number, above in sql.among(_PATHS, numbers):
        found[number].append(above)
    return {number: found.get(number, [number]) for number in numbers}


@instead("LINK", "FunctionSetAssignmentsList")
def _unlinked(hrefs: list[Href]) -> list[Href]:
    """Return the lists of aggregators, to which nothing is assigned (CSIP 2.1, 6.1.7)."""
    numbers = {table.number(table.parent(href)): href for href in hrefs}
    return [numbers[number] for number, in sql.among(
        "SELECT id FROM device WHERE id IN ({}) AND kind = ?", numbers, access.AGGREGATOR)]


@instead("GET", *_VIEWS)
def assigned_programs(context: RequestContext) -> ListPage:
    """Return the programs in a list that a virtual DER assigns. Refused (404) where the caller sees none, or
    only those of virtual DERs above that one, to which it does not belong."""
    row, number = context.match.row, context.parameters["vder"]
    assigning = tuple(vder_audience(vder) for vder in paths([number])[number])
    page = context.page(retrieve.Selection(table.source(row).path, audiences=assigning))
    if not page.all or len(assigning) > 1 and not _belongs(context.caller, number):
        raise Refused(404, access.NOT_THERE)
    return ListPage(row.element, page)


def _belongs(caller: access.Caller, vder: int) -> bool:
    return sql.row("SELECT 1 FROM audience WHERE lfdi = ? AND audience = ?", caller.lfdi,
                   vder_audience(vder)) is not None
