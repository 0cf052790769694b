"""FunctionSetAssignments: the programs that a virtual DER assigns to its members (IEEE 2030.5-2018, 8.6).

Which lists of programs there are is in the table of resources (`assigned`).
"""
from __future__ import annotations

from server.devices import access
from server.devices.requestcontext import ListPage, RequestContext
from server.errors import Refused
from server.models import vder_audience
from server.resources import retrieve, table
from server.resources.hooks import instead

_VIEWS = tuple(row.assigned for row in table.rows.values() if row.assigned)


@instead("GET", *_VIEWS)
def assigned_programs(context: RequestContext) -> ListPage:
    """Return the programs of one virtual DER in a list. Refused (404) where the caller sees none."""
    row = context.match.row
    audiences = (vder_audience(context.parameters["vder"]),)
    page = context.page(retrieve.Selection(table.source(row).path, audiences=audiences))
    if not page.all:
        raise Refused(404, access.NOT_THERE)
    return ListPage(row.element, page)
