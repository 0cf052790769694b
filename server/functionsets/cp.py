"""ConnectionPoint: where a device is connected to the grid, as the device submits it (CSIP-AUS 1.2)."""
from __future__ import annotations

from server.devices import methods
from server.devices.requestcontext import Changed, Created, RequestContext
from server.resources.hooks import instead


@instead("PUT", "ConnectionPoint")
@instead("POST", "ConnectionPoint")
def put_connection_point(context: RequestContext) -> Created | Changed:
    """Save it; a POST does the same, since clients use both. The result has a Location also for a change."""
    return methods.put(context)._replace(href=context.href)
