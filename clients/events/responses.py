"""Responses to events: which are asked for, and how they are said (IEEE 2030.5-2018 8.8, table 27).  Pure."""
from __future__ import annotations

from typing import Any

from clients.events.events import CONTROL, GRANT, LOAD
from clients.events.schedule import (COMPLETED, NOT_TAKEN, OPTED_IN, OPTED_OUT, PARTLY_IN, PARTLY_OUT,
                                     RECEIVED, STARTED, Transition)

# Bits of responseRequired
MESSAGE_RECEIVED, SPECIFIC, CUSTOMER = 1, 2, 4
REQUIRED_BITS = {RECEIVED: MESSAGE_RECEIVED, OPTED_OUT: CUSTOMER, OPTED_IN: CUSTOMER,
       PARTLY_OUT: CUSTOMER, PARTLY_IN: CUSTOMER, NOT_TAKEN: CUSTOMER}
RESPONSE_NAMES = {CONTROL: "DERControlResponse", LOAD: "DrResponse", GRANT: "FlowReservationResponseResponse"}
_FOLLOWED_STATUSES = {STARTED, COMPLETED, PARTLY_OUT}


def response_due(transition: Transition) -> bool:
    """Whether the event's responseRequired asks for this answer."""
    return bool(transition.event.required & REQUIRED_BITS.get(transition.status, SPECIFIC))


def response(transition: Transition, lfdi: str, applied: dict[str, Any] | None = None) -> dict[str, Any]:
    """The Response (see NAMES) of the device with this LFDI; `applied` is what it does of a load control."""
    said = {"createdDateTime": transition.at, "endDeviceLFDI": lfdi, "status": transition.status,
            "subject": transition.event.mRID}
    if transition.event.kind == LOAD and transition.status in _FOLLOWED_STATUSES:
        said |= applied or {}
    if transition.overridden:
        said["overrideDuration"] = min(transition.overridden, 65535)
    return said
