"""Responses to events: which are asked for, and how they are said (IEEE 2030.5-2018 10.2.3, table 27).  Pure."""
from __future__ import annotations

from typing import Any

from .schedule import OPTED_IN, OPTED_OUT, PARTLY_IN, PARTLY_OUT, RECEIVED, Transition

# Bits of responseRequired
MESSAGE_RECEIVED, SPECIFIC, CUSTOMER = 1, 2, 4
BIT = {RECEIVED: MESSAGE_RECEIVED, OPTED_OUT: CUSTOMER, OPTED_IN: CUSTOMER,
       PARTLY_OUT: CUSTOMER, PARTLY_IN: CUSTOMER}


def asked(transition: Transition) -> bool:
    """Whether the event's responseRequired asks for this answer."""
    return bool(transition.event.required & BIT.get(transition.status, SPECIFIC))


def response(transition: Transition, lfdi: str) -> dict[str, Any]:
    """The DERControlResponse of the device with this LFDI."""
    return {"createdDateTime": transition.at, "endDeviceLFDI": lfdi, "status": transition.status,
            "subject": transition.event.mRID}
