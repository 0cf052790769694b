"""Flow reservations as operators and plans grant them: grant, revise, repeat, cancel.

Power in W and energy in Wh are positive for charging, as in FlowReservation; in a DERControl they are
negative. A request is answered at once by the policy (see `reservationanswers`); operators and plans revise
the answer here. What is granted anew supersedes what was granted before.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from server import audit, clock
from server.errors import Refused
from server.grid.controls import dercontrols, reservationpolicy
from server.grid.controls.reservationdocuments import (add_responses, describe, find_request, find_requests,
                                                       live_responses, parse_request, request_of)
from server.grid.controls.reservationheadroom import headroom
from server.grid.controls.results import CancelledReservations, GrantedReservation, RequestState
from server.grid.fleet import stops
from server.grid.fleet.reservationoffer import ReservationOffer
from server.models import Document
from server.resources import documents, dryrun, quantities, store
from server.resources.codes import RequestStatus
from server.units import Href, Instant, Seconds, WattHours, Watts

_REVISED = "revised"
NO_ELEMENTS: Mapping[str, Any] = MappingProxyType({})


def _state(request: Href) -> RequestState:
    """What a request is granted now or later."""
    return {"request": request, "grants": [describe(response) for response in _live(find_request(request))]}


@audit.audited("ev grant", "{request}", state=_state)
def grant(
    request: Href,
    power_w: Watts,
    duration_s: Seconds,
    start: Instant | None = None,
    energy_wh: WattHours | None = None,
    *,
    description: str = "",
    dry_run: bool = False,
) -> GrantedReservation:
    """Grant a request (its href) power from `start` (default: now) on, or revise what it was granted.

    What was granted before is superseded where it shares time with this, and cancelled where it does not.
    `energy_wh` is by default what flows at that power in that time. With `dry_run` it is rolled back, and the
    result has its XML. Refused (409) where the request was cancelled, or a stop forbids to discharge, (400)
    where power would flow in the other direction than requested, or outside the interval requested.
    """
    begins_at = clock.now() if start is None else start
    if energy_wh is None:
        energy_wh = power_w * duration_s / 3600
    offer = ReservationOffer(begins_at, duration_s, power_w, energy_wh)
    with dryrun.transaction(dry_run, request):
        document = find_request(request)
        _check_offer(document, offer)
        warnings = _offer_warnings(document, offer)
        response = replace(document, offer, description)
        result: GrantedReservation = {**describe(response), "warnings": warnings, "dry_run": dry_run}
        if dry_run:
            result["xml"] = [dercontrols.xml(response)]
    return result


def _check_offer(request: Document, offer: ReservationOffer) -> None:
    requested = parse_request(request.submitted)
    if request.submitted["RequestStatus"]["requestStatus"] == RequestStatus.CANCELLED:
        raise Refused(409, f"{request.href} was cancelled by the device")
    if offer.power_w * requested.energy_wh < 0 or offer.energy_wh * requested.energy_wh < 0:
        direction = (
            "charging, which is positive" if requested.energy_wh > 0 else "discharging, which is negative"
        )
        raise Refused(400, f"{offer.power_w:g} W and {offer.energy_wh:g} Wh: the request is for {direction}")
    stop = stops.holding(request.audience or "") if offer.power_w < 0 else None
    if stop is not None:
        raise Refused(409, stop.refusal)
    if offer.start < requested.start or offer.start + offer.duration_s > requested.end:
        raise Refused(400, f"the request is for {requested.start} to {requested.end}, not for "
                           f"{offer.start} to {offer.start + offer.duration_s}")


def _offer_warnings(request: Document, offer: ReservationOffer) -> list[str]:
    requested = parse_request(request.submitted)
    warnings = []
    if abs(offer.power_w) > requested.power_w:
        warnings.append(f"the device asked for no more than {requested.power_w:g} W")
    if abs(offer.energy_wh) > abs(requested.energy_wh):
        warnings.append(f"the device asked for no more than {requested.energy_wh:g} Wh")
    available_w = reservationpolicy.least_headroom_w(
        headroom(request, requested), offer.start, offer.start + offer.duration_s
    )
    if abs(offer.power_w) > available_w:
        warnings.append(f"the limits of its virtual DERs leave {max(available_w, 0):g} W")
    return warnings


def replace(request: Document, offer: ReservationOffer, description: str = "") -> Document:
    """Add the FlowReservationResponse of an offer, and cancel earlier ones that share no time with it.

    Those that do are superseded by the rule of events.
    """
    store.cancel_all((earlier.href for earlier in _live(request) if _no_overlap(earlier, offer)),
                     reason=_REVISED)
    return _added([(request, offer)], description)[0]


def _added(offers: Sequence[tuple[Document, ReservationOffer]], description: str) -> list[Document]:
    hrefs = add_responses(offers, description, NO_ELEMENTS)
    found = {document.href: document for document in documents.among("href", hrefs)}
    return [found[href] for href in hrefs]


class Revision(NamedTuple):
    """What a request (its href) is granted from the instant `since` on."""
    request: Href
    offers: Sequence[ReservationOffer]
    since: Instant


def revise_all(
    revisions: Sequence[Revision], description: str = "", elements: Mapping[str, Any] = NO_ELEMENTS
) -> list[list[Href]]:
    """Grant requests these offers, whatever they asked for; each request may be there once.

    The FlowReservationResponses have these other elements, too.

    Return the hrefs of the FlowReservationResponses for each. What was granted before goes on until `since`,
    or until an offer supersedes it; what would begin after `since` is cancelled.
    """
    requests = find_requests([revision.request for revision in revisions])
    live = live_responses({request.href: request.submitted["mRID"] for request in requests})
    store.cancel_all(
        (earlier.href for revision in revisions for earlier in live[revision.request]
         if earlier.submitted["interval"]["start"] >= revision.since
         and all(_no_overlap(earlier, offer) for offer in revision.offers)), reason=_REVISED)
    added = iter(add_responses([
        (request, offer) for request, revision in zip(requests, revisions, strict=True)
        for offer in revision.offers], description, elements))
    return [[next(added) for _ in revision.offers] for revision in revisions]


def repetition(response: Document, start: Instant, duration_s: Seconds) -> Revision:
    """Return how the power of a FlowReservationResponse is granted again, from `start` on."""
    request = request_of(response)
    offers = reservationpolicy.reserve_at(
        parse_request(request.submitted),
        quantities.base_value(response.submitted["powerAvailable"]) or 0.0,
        start,
        duration_s,
    )
    return Revision(request.href, offers, start)


@audit.audited("ev cancel", "{request}", state=_state)
def cancel(request: Href, reason: str | None = None) -> CancelledReservations:
    """Cancel what a request (its href) is granted now and later; the request itself stays."""
    with store.transaction(request):
        live = _live(find_request(request))
        store.cancel_all((response.href for response in live), reason=reason)
        return {"request": request, "cancelled": len(live)}


def _live(request: Document) -> list[Document]:
    return live_responses({request.href: request.submitted["mRID"]})[request.href]


def _no_overlap(earlier: Document, offer: ReservationOffer) -> bool:
    """Whether a FlowReservationResponse shares no time with an offer."""
    end = earlier.until
    return (
        end is None
        or end <= offer.start
        or earlier.submitted["interval"]["start"] >= offer.start + offer.duration_s
    )
