"""ConnectionPoint: where a device is connected to the grid, as it states itself (CSIP-AUS 1.2)."""
from __future__ import annotations

from flask import Response

from server.protocol import answers, views
from server.protocol.views import RequestContext
from server.resources.hooks import instead


@instead("POST", "ConnectionPoint")
def state(ask: RequestContext) -> Response:
    """The same as a PUT, which clients use alike; Location names it also when it is stated again."""
    return answers.empty(views.put(ask).status_code, ask.href)
