"""ConnectionPoint: where a device is connected to the grid, as the device submits it (CSIP-AUS 1.2)."""
from __future__ import annotations

import re

from server.config import settings
from server.devices import methods
from server.devices.requestcontext import Changed, Created, RequestContext
from server.errors import Refused
from server.resources.codes import ReasonCode
from server.resources.hooks import Change, before, instead


class UnknownConnectionPoint(Refused):
    """An identifier that no connection point can have; annex E of CSIP-AUS wants this reason."""
    reason_code = ReasonCode.VALUES


@before("PUT", "ConnectionPoint")
def _check_identifier(change: Change) -> None:
    identifier = str(change.data.get("csipaus:connectionPointId", "")).strip()
    pattern = settings.connection_point_pattern
    if pattern and not re.fullmatch(pattern, identifier):
        raise UnknownConnectionPoint(
            400, f"ConnectionPoint/connectionPointId: {identifier!r} is no identifier of a connection point "
                 "here; correct it and PUT it again")


@instead("PUT", "ConnectionPoint")
@instead("POST", "ConnectionPoint")
def put_connection_point(context: RequestContext) -> Created | Changed:
    """Save it; a POST does the same, since clients use both. The result has a Location also for a change."""
    return methods.put(context)._replace(href=context.href)
