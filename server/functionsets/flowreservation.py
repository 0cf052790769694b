"""Flow reservation: a storage asks to charge or discharge; what it is granted comes as an event (IEEE
2030.5-2018, 10.9). Energy and power are positive for charging here, the other way round than in a DERControl.

What cannot be meant is refused. What can be meant but not had (more energy than fits the window, say) is a
request like any other, and answered by what can be had.
"""
from __future__ import annotations

from typing import Any

from server import clock
from server.errors import Refused
from server.resources import store, table
from server.resources.codes import RequestStatus
from server.resources.hooks import Change, before

Data = dict[str, Any]
REQUESTED, CANCELLED = RequestStatus.REQUESTED, RequestStatus.CANCELLED
_IDENTITY = ("mRID", "creationTime")


def faults(data: Data, now: int) -> list[str]:
    """Why a FlowReservationRequest cannot be meant, by place. Pure."""
    status, window = data["RequestStatus"]["requestStatus"], data["intervalRequested"]
    energy, power = data["energyRequested"]["value"], data["powerRequested"]["value"]
    end = window["start"] + window["duration"]
    if status not in (REQUESTED, CANCELLED):
        return [f"RequestStatus/requestStatus: {status} is reserved"]
    if status == CANCELLED:
        return []
    return [why for why, wrong in (
        ("intervalRequested/duration: the window is empty", not window["duration"]),
        (f"intervalRequested: the window ended at {end} and it is {now}", end <= now),
        ("energyRequested: no energy is asked for", not energy),
        ("powerRequested: at no power does energy flow", not power),
        ("powerRequested: it flows the other way than energyRequested", energy > 0 > power)) if wrong]


@before("POST", "FlowReservationRequest")
@before("PUT", "FlowReservationRequest")
def _sound(change: Change) -> None:
    """A request that is said again keeps its identity, and is over once it was cancelled."""
    if change.method == "POST":
        _known(change)
    for why in faults(change.data, clock.now()):
        raise Refused(400, f"FlowReservationRequest/{why}")
    if change.old is None:
        return
    for key in _IDENTITY:
        if change.data[key] != change.old[key]:
            raise Refused(400, f"FlowReservationRequest/{key}: a request keeps it")
    if _status(change.old) == CANCELLED and _status(change.data) != CANCELLED:
        raise Refused(409, "FlowReservationRequest/RequestStatus: it was cancelled; make a new request")


def _status(data: Data) -> int:
    return int(data["RequestStatus"]["requestStatus"])


def _known(change: Change) -> None:
    """A POST whose receipt was lost comes again: it is the same request."""
    known = store.find(change.data["mRID"], change.kind) if "mRID" in change.data else None
    if known is not None and known.audience == change.audience:
        change.href, change.old = known.href, known.submitted


def grants_href(request: str) -> str:
    """The FlowReservationResponseList of the device whose FlowReservationRequest this is."""
    match = table.match(request)
    assert match is not None, request
    return table.rows["FlowReservationResponseList"].href(device=match.parameters["device"])
