"""ConnectionPoint: where a device is connected to the grid, as it states itself (CSIP-AUS 1.2)."""
from __future__ import annotations

from server.devices import methods
from server.devices.requestcontext import Changed, Created, RequestContext
from server.resources.hooks import instead


@instead("POST", "ConnectionPoint")
def post_connection_point(context: RequestContext) -> Created | Changed:
    """The same as a PUT, which clients use alike; Location names it also when it is stated again."""
    return methods.put(context)._replace(href=context.href)
