"""The answer to a flow reservation request, at once and by the policy of the setting `reservation_policy`.

By "earliest" each request is granted what fulfils it soonest; in an area that is balanced automatically,
charging is granted as late as possible, and the balance revises that. By "off" only operators and plans
grant.
"""
from __future__ import annotations

import math

from server import clock
from server.config import settings
from server.functionsets import flowreservation, selflog
from server.grid.controls import reservationpolicy, reservations
from server.grid.controls.reservationdocuments import (LIST, find_request, live_responses, parse_request,
                                                       request_of)
from server.grid.controls.reservationheadroom import headroom
from server.grid.fleet import chargingsessions, setpoints, stops
from server.grid.fleet.reservationoffer import ReservationOffer
from server.models import Balance, Device, Document, Membership, VirtualDER
from server.resources import pollrates, sql, store
from server.resources.codes import EventStatus, RequestStatus
from server.resources.hooks import Change, after
from server.units import Href, Lfdi

_OFF = "off"
_OFFERS = (
    "SELECT x.href FROM charging_session x JOIN membership m ON m.device_id = x.device_id "
    "JOIN document d ON d.href = x.href "
    "WHERE m.vder_id = ? AND x.energy_wh < 0 AND x.cancelled = ? AND x.departure_at > ? ORDER BY x.href"
)


@after("POST", "FlowReservationRequest")
@after("PUT", "FlowReservationRequest")
def _on_request(change: Change) -> None:
    """Answer a request that is new or has changed; cancel what is granted where the device cancels it."""
    if change.data["RequestStatus"]["requestStatus"] == RequestStatus.CANCELLED:
        reservations.cancel(change.href, "cancelled by the device")
    elif settings.reservation_policy != _OFF and (
        change.old is None or parse_request(change.old) != parse_request(change.data)
    ):
        _cancel_superseded(change.href)
        if not _is_superseded(change.href):
            answer(change.href)


def _is_superseded(request: Href) -> bool:
    row = sql.row("SELECT superseded FROM charging_session WHERE href = ?", request)
    return bool(row and row[0])


def _cancel_superseded(request: Href) -> None:
    """Cancel what the device of a request is granted for requests that it has made anew."""
    for response in store.items(flowreservation.responses_href(request)):
        if response.status["currentStatus"] <= EventStatus.ACTIVE:
            subject = store.find(
                response.submitted["subject"], "FlowReservationRequest", audience=response.audience)
            if subject is not None and _is_superseded(subject.href):
                store.cancel(response.href, reason="the device has asked anew")


@after("DELETE", "FlowReservationRequest")
def _on_withdrawal(change: Change) -> None:
    live = live_responses({change.href: change.data["mRID"]})[change.href]
    store.cancel_all((response.href for response in live), reason="withdrawn by the device")


def answer(href: Href) -> None:
    """Grant a request by the policy, in place of what it was granted before."""
    request = find_request(href)
    requested, lead_s = parse_request(request.submitted), pollrates.poll(LIST, request.audience)
    steps = headroom(request, requested, lock=True)
    if chargingsessions.faults(request.submitted):
        choose = reservationpolicy.defer  # an operator grants what the device must mean
    elif requested.energy_wh < 0 and stops.holding(request.audience or ""):
        choose = reservationpolicy.defer  # until it is resumed
    elif not _in_automatic_area(request.audience):
        choose = reservationpolicy.earliest
    elif requested.energy_wh > 0:
        choose = reservationpolicy.latest
    else:
        # Each step of the balance grants it where it is of use, an operator where no signal is tracked.
        choose = reservationpolicy.defer
    offer = _representable(choose(requested, steps, clock.now(), lead_s))
    if not offer.power_w and choose is not reservationpolicy.defer:
        selflog.not_scheduled(href, request.audience or "")
    reservations.replace(request, offer)


def answer_discharges(vder: VirtualDER) -> int:
    """Grant anew, by the policy, what members of a virtual DER offer to discharge and whose time is not over;
    return how many offers that are."""
    if settings.reservation_policy == _OFF:
        return 0
    requests = [href for href, in sql.rows(_OFFERS, vder.id, False, clock.now())]
    for href in requests:
        answer(href)
    return len(requests)


def release(response: Document) -> None:
    """Grant by the policy what a device asked for, in place of a FlowReservationResponse.

    Where the policy is off, the response is cancelled and nothing granted.
    """
    if settings.reservation_policy == _OFF:
        store.cancel(response.href)
    else:
        answer(request_of(response).href)


def _in_automatic_area(lfdi: Lfdi) -> bool:
    """Whether a device is in an area that is balanced automatically."""
    return bool(Balance.select().join(Membership, on=Membership.vder == Balance.vder).join(Device).where(
        Balance.automatic & (Device.lfdi == lfdi)).exists())


def _representable(offer: ReservationOffer) -> ReservationOffer:
    """The offer with its power rounded down to what an ActivePower can hold."""
    return offer._replace(power_w=math.copysign(setpoints.whole_watts(abs(offer.power_w)), offer.power_w))
