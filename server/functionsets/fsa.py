"""FunctionSetAssignments: the programs that a virtual DER assigns to its members (IEEE 2030.5-2018, 8.6).

Which lists of programs there are is in the table of resources (`assigned`).
"""
from __future__ import annotations

from server.devices import access
from server.devices.requestcontext import ListPage, RequestContext
from server.errors import Refused
from server.models import vder_audience
from server.resources import refresh, retrieve, table
from server.resources.hooks import instead

_VIEWS = tuple(row.assigned for row in table.rows.values() if row.assigned)


@instead("GET", *_VIEWS)
def assigned_programs(context: RequestContext) -> ListPage:
    """Return the programs of one virtual DER in a list. Refused (404) where the caller sees none."""
    if refresh.due():
        refresh.run()
    row = context.match.row
    page = retrieve.page(
        retrieve.Selection(table.source(row).path, audiences=(vder_audience(context.parameters["vder"]),)),
        context.caller.lfdi,
        *context.list_parameters,
        context.edition,
    )
    if not page.all:
        raise Refused(404, access.NOT_THERE)
    return ListPage(row.element, page)
