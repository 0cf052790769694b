"""FlowReservationRequests and FlowReservationResponses as documents: read, found, added.

Power in W and energy in Wh are positive for charging, as in FlowReservation; in a DERControl they are
negative.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from server.errors import Refused
from server.functionsets import flowreservation
from server.grid.controls import dercontrols
from server.grid.controls.reservationpolicy import ReservationRequest
from server.grid.controls.results import ReservationSummary
from server.grid.fleet.reservationoffer import ReservationOffer
from server.models import Document, VirtualDER
from server.resources import documents, hexbinary, quantities, sql, store, table
from server.resources.codes import EventStatus
from server.units import Href, Instant, WattHours

Data = dict[str, Any]
KIND, LIST = "FlowReservationResponse", "FlowReservationResponseList"
_INT48 = 1 << 47
_WITH_SESSIONS = (
    "SELECT DISTINCT x.device_id FROM charging_session x JOIN membership m ON m.device_id = x.device_id "
    "WHERE m.vder_id = ? AND x.departure_at > ?"
)
_DESCRIPTION_CHARACTERS = 32  # String32


def parse_request(data: Data) -> ReservationRequest:
    """Return what a FlowReservationRequest asks for, from its data."""
    window = data["intervalRequested"]
    return ReservationRequest(
        start=window["start"],
        end=window["start"] + window["duration"],
        energy_wh=quantities.base_value(data["energyRequested"]) or 0.0,
        power_w=abs(quantities.base_value(data["powerRequested"]) or 0.0),
        min_duration_s=data.get("durationRequested", 0),
    )


def signed_real_energy(energy_wh: WattHours) -> Data:
    """Return a SignedRealEnergy. Refused (400) where it does not fit."""
    value = round(energy_wh)
    if abs(value) >= _INT48:
        raise Refused(400, f"{energy_wh:g} Wh do not fit a SignedRealEnergy")
    return {"multiplier": 0, "value": value}


def find_request(href: Href) -> Document:
    """Return the FlowReservationRequest at an href. Refused (404) where there is none."""
    return find_requests([href])[0]


def find_requests(hrefs: Sequence[Href]) -> list[Document]:
    """Return the FlowReservationRequests at these hrefs. Refused (404) where one is not there."""
    found = {document.href: document for document in documents.among("href", hrefs)
             if document.kind == "FlowReservationRequest"}
    for href in hrefs:
        if href not in found:
            raise Refused(404, f"there is no flow reservation request {href}")
    return [found[href] for href in hrefs]


def request_of(response: Document) -> Document:
    """Return the FlowReservationRequest that a FlowReservationResponse is for.

    Refused (409) where it has been removed.
    """
    request = store.find(
        response.submitted["subject"], "FlowReservationRequest", audience=response.audience)
    if request is None:
        raise Refused(409, f"the request that {response.href} is for has been removed")
    return request


def responses_to(request: Document) -> list[Document]:
    """Return every FlowReservationResponse to a request, those that are over included, oldest first."""
    return responses_to_all([request])[request.href]


def responses_to_all(requests: Collection[Document]) -> dict[Href, list[Document]]:
    """Return the same of several requests, by their hrefs."""
    found: dict[tuple[Href, str], list[Document]] = defaultdict(list)
    parents = (flowreservation.responses_href(request.href) for request in requests)
    for document in documents.among("parent", parents):
        found[document.parent, document.submitted["subject"]].append(document)
    return {request.href: sorted(
        found[flowreservation.responses_href(request.href), request.submitted["mRID"]],
        key=lambda document: (document.submitted["creationTime"], table.number(document.href)))
        for request in requests}


def live_responses(requests: Mapping[Href, str]) -> dict[Href, list[Document]]:
    """Return, by request, the scheduled and active FlowReservationResponses in the order of their list.

    `requests` are the mRIDs of requests by their hrefs.
    """
    live: dict[tuple[Href, str], list[Document]] = defaultdict(list)
    for document in documents.among("parent", map(flowreservation.responses_href, requests),
                                    f"AND {documents.LISTED} ORDER BY sort"):
        if document.status["currentStatus"] <= EventStatus.ACTIVE:
            live[document.parent, document.submitted["subject"]].append(document)
    return {request: live[flowreservation.responses_href(request), mrid]
            for request, mrid in requests.items()}


def live_discharges(vder: VirtualDER, at: Instant) -> list[Document]:
    """Return the scheduled and active FlowReservationResponses by which members discharge."""
    parents = [f"/edev/{device}/frp" for device, in sql.rows(_WITH_SESSIONS, vder.id, at)]
    return [document for document in documents.among("parent", parents, f"AND {documents.LISTED}")
            if document.kind == KIND and document.status["currentStatus"] <= EventStatus.ACTIVE
            and (quantities.base_value(document.submitted["powerAvailable"]) or 0.0) < 0]


def add_responses(
    offers: Sequence[tuple[Document, ReservationOffer]], description: str, elements: Mapping[str, Any]
) -> list[Href]:
    """Add the FlowReservationResponses, with these elements, that offer this to requests; their hrefs."""
    return store.add_all(KIND, [
        (flowreservation.responses_href(request.href), {
            **dercontrols.event_fields(
                offer.duration_s, offer.start, description=description[:_DESCRIPTION_CHARACTERS]
            ),
            "energyAvailable": signed_real_energy(offer.energy_wh),
            "powerAvailable": quantities.power(offer.power_w),
            **hexbinary.copied(request.submitted, "mRID", "subject"),
            **elements,
        })
        for request, offer in offers])


def describe(response: Document) -> ReservationSummary:
    """Return a FlowReservationResponse in brief."""
    data = response.submitted
    return {
        **dercontrols.event_summary(response),
        "power_w": quantities.base_value(data["powerAvailable"]),
        "energy_wh": quantities.base_value(data["energyAvailable"]),
        "subject": data["subject"],
    }
