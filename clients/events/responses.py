"""Responses to events: which are required, and what they contain (IEEE 2030.5-2018 8.8, table 27).  Pure."""
from __future__ import annotations

from typing import Any

from clients.events.events import (DER_CONTROL, END_DEVICE_CONTROL, FLOW_RESERVATION_RESPONSE,
                                   TIME_TARIFF_INTERVAL)
from clients.events.schedule import Transition
from server.resources.codes import ResponseRequired, ResponseStatus

# What a customer decides is asked for by either of two bits, since readers of table 27 differ.
_BY_CUSTOMER = ResponseRequired.SPECIFIC | ResponseRequired.CUSTOMER
# The bits of responseRequired that ask for a status; ResponseRequired.SPECIFIC for any other.
REQUIRED_BITS = {
    ResponseStatus.RECEIVED: ResponseRequired.RECEIVED,
    ResponseStatus.OPTED_OUT: _BY_CUSTOMER,
    ResponseStatus.OPTED_IN: _BY_CUSTOMER,
    ResponseStatus.PARTIAL_OPT_OUT: _BY_CUSTOMER,
    ResponseStatus.PARTIAL_OPT_IN: _BY_CUSTOMER,
    ResponseStatus.NO_PARTICIPATION: _BY_CUSTOMER,
}
RESPONSE_NAMES = {
    DER_CONTROL: "DERControlResponse",
    END_DEVICE_CONTROL: "DrResponse",
    FLOW_RESERVATION_RESPONSE: "FlowReservationResponseResponse",
    TIME_TARIFF_INTERVAL: "PriceResponse",
}
# With these a DrResponse reports which load control was applied.
_APPLIED_STATUSES = {ResponseStatus.STARTED, ResponseStatus.COMPLETED, ResponseStatus.PARTIAL_OPT_OUT}


def response_due(transition: Transition) -> bool:
    """Return whether the event's responseRequired asks for a response to this transition."""
    bits = REQUIRED_BITS.get(transition.status, ResponseRequired.SPECIFIC)
    return bool(transition.event.response_required & bits)


def response(transition: Transition, lfdi: str, applied: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the Response (see RESPONSE_NAMES) of the device with this LFDI.

    `applied` are the elements that report which load control was applied.
    """
    at = transition.at + transition.event.ahead_s  # by the Time of the assignment
    document = {"createdDateTime": at, "endDeviceLFDI": lfdi, "status": transition.status,
                "subject": transition.event.mRID}
    if transition.event.kind == END_DEVICE_CONTROL and transition.status in _APPLIED_STATUSES:
        document |= applied or {}
    if transition.overridden_s:
        document["overrideDuration"] = min(transition.overridden_s, 65535)
    return document
