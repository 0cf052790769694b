"""Flow reservation: a storage requests to charge or discharge (IEEE 2030.5-2018, 10.9).

Energy and power are positive for charging here, unlike in a DERControl. A request that is contradictory is
refused. One that asks for more than is possible (more energy than fits the window, say) is accepted, and
answered with what is possible.
"""
from __future__ import annotations

from typing import Any

from server import clock
from server.config import settings
from server.errors import Refused
from server.models import ChargingSession, Device
from server.resources import store, table
from server.resources.codes import RequestStatus
from server.resources.hooks import Change, before
from server.resources.quotas import OverQuota
from server.units import Instant

Data = dict[str, Any]
_IDENTITY = ("mRID", "creationTime")


def faults(data: Data, now: Instant) -> list[str]:
    """Return what is wrong with a FlowReservationRequest, with the paths. Pure."""
    status, window = data["RequestStatus"]["requestStatus"], data["intervalRequested"]
    energy, power = data["energyRequested"]["value"], data["powerRequested"]["value"]
    end = window["start"] + window["duration"]
    if status not in (RequestStatus.REQUESTED, RequestStatus.CANCELLED):
        return [f"RequestStatus/requestStatus: {status} is reserved"]
    if status == RequestStatus.CANCELLED:
        return []
    return [sentence for sentence, applies in (
        ("intervalRequested/duration: the window is empty", not window["duration"]),
        (f"intervalRequested: the window ended at {end} and it is {now}", end <= now),
        ("energyRequested: it is 0", not energy),
        ("powerRequested: it is 0, so no energy flows", not power),
        ("powerRequested: it has the other direction than energyRequested", energy > 0 > power)) if applies]


@before("POST", "FlowReservationRequest")
@before("PUT", "FlowReservationRequest")
def _check(change: Change) -> None:
    """Refuse a request with faults (400), with another identity (400), or after its cancellation (409)."""
    if change.method == "POST":
        _recognise(change)
        if not change.href and change.caller is not None:
            _check_quota(change)
    for sentence in faults(change.data, clock.now()):
        raise Refused(400, f"FlowReservationRequest/{sentence}")
    if change.old is None:
        return
    for key in _IDENTITY:
        if change.data[key] != change.old[key]:
            raise Refused(400, f"FlowReservationRequest/{key}: a request keeps it")
    if _is_cancelled(change.old) and not _is_cancelled(change.data):
        raise Refused(409, "FlowReservationRequest/RequestStatus: it was cancelled; make a new request")


def _check_quota(change: Change) -> None:
    """Check that the device may have one more request that is neither cancelled nor over."""
    device = Device.get_or_none(Device.lfdi == change.audience)
    standing = ChargingSession.select().where(
        (ChargingSession.device == device) & (~ChargingSession.cancelled | ChargingSession.superseded)
        & (ChargingSession.departure_at > clock.now())).count() if device else 0
    if standing >= settings.quota_reservation_requests:
        why = f"FlowReservationRequest: {standing} of yours are neither cancelled nor over, which is the most"
        raise OverQuota(403, change.audience or "", f"{why}. Cancel one that you no longer need.")


def _is_cancelled(data: Data) -> bool:
    return bool(data["RequestStatus"]["requestStatus"] == RequestStatus.CANCELLED)


def _recognise(change: Change) -> None:
    """Take a POST that is repeated, because its answer was lost, for the same request."""
    if "mRID" not in change.data:
        return
    request = store.find(change.data["mRID"], change.kind, audience=change.audience)
    if request is not None:
        change.href, change.old = request.href, request.submitted


def responses_href(request: str) -> str:
    """Return the FlowReservationResponseList of the device with this FlowReservationRequest (its href)."""
    match = table.match(request)
    assert match is not None, request
    return table.rows["FlowReservationResponseList"].href(device=match.parameters["device"])
