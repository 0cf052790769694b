"""ConnectionPoint: where a device is connected to the grid, as the device submits it (CSIP-AUS 1.2).

What operators know of it is the device's label `connection_point`.
"""
from __future__ import annotations

import re

from server.config import settings
from server.devices import methods
from server.devices.requestcontext import Changed, Created, RequestContext
from server.errors import Refused
from server.models import Device
from server.resources import table
from server.resources.codes import ReasonCode
from server.resources.hooks import Change, before, instead

LABEL = "connection_point"
_NMI_LENGTHS = {10, 11}  # without and with its check digit, which some leave out


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
    known = _known(change.href)
    if known and not is_same(identifier, known):
        raise UnknownConnectionPoint(
            400, f"ConnectionPoint/connectionPointId: {identifier!r} is not the connection point that the "
                 "utility has for this device; correct it and PUT it again, or ask the utility")


def _known(href: str) -> str:
    """Return what operators have for the device with the ConnectionPoint at this href; "" for nothing."""
    match = table.match(href)
    device = Device.get_or_none(Device.id == match.parameters["device"]) if match is not None else None
    return str(device.labels.get(LABEL, "")) if device is not None else ""


def is_same(stated: str, known: str) -> bool:
    """Whether two identifiers name one connection point: letters in either case, and an NMI with or without
    its check digit. Pure."""
    stated, known = stated.strip().upper(), known.strip().upper()
    return stated == known or {len(stated), len(known)} == _NMI_LENGTHS and stated[:10] == known[:10]


@instead("PUT", "ConnectionPoint")
@instead("POST", "ConnectionPoint")
def put_connection_point(context: RequestContext) -> Created | Changed:
    """Save it; a POST does the same, since clients use both. The result has a Location also for a change."""
    return methods.put(context)._replace(href=context.href)
