"""The reservations by which the cars of an area charge as a step was decided. Charging is positive, in W.

A grant is for all that a car needs, so that it is served if no other follows: one that charges goes on, one
that waits is granted its charge later. Both within what limits leave (see `chargingroom`).
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server import clock
from server.config import settings
from server.grid.balance.chargingroom import ChargingRoom
from server.grid.balance.decidedstep import DecidedStep
from server.grid.controls import reservationpolicy
from server.grid.controls.reservationpolicy import ReservationRequest
from server.grid.controls.reservations import Revision
from server.grid.dispatch.loadcontrol import STAGGER_S
from server.grid.fleet import setpoints
from server.grid.fleet.reservationoffer import ReservationOffer
from server.grid.fleet.setpoints import Session
from server.grid.optimisation.arrays import Floats, np
from server.models import Document
from server.resources import quantities
from server.units import Instant, Watts

MIN_POWER_W = 1.0  # of a car: less counts as none, and a smaller change as no change
_MIN_NEED_WH = 1.0
_LATE_S = 60  # a car may begin so much later than needed


class SessionGrant(NamedTuple):
    """How a car draws `power_w` in the step: by the response that it has, or by a revision; `counted` is the
    index of the offer that a share names."""
    power_w: Watts
    response: Document | None = None
    revision: Revision | None = None
    counted: int = -1


def session_grants(step: DecidedStep) -> dict[int, SessionGrant]:
    """Return the grants of the cars that are there, by session (index). Cars that charge now come first, then
    those that wait, those with the least to spare first."""
    sessions, power_w = step.state.fleet.sessions, step_powers(step)
    present = np.flatnonzero(sessions.arrive <= 0)
    laxity_h = step.sessions.laxity_h[present]
    standing = {index: response for index in present.tolist()
                if (response := _standing_response(step, index, power_w[index])) is not None}
    is_new = np.array([index not in standing for index in present.tolist()], dtype=bool)
    order = present[np.lexsort((laxity_h, is_new, power_w[present] <= 0))]
    grants = {}
    for index in order.tolist():
        response = standing.get(index)
        if response is not None and _keep(step.room, index, response, step.period.begins_at):
            grants[index] = SessionGrant(power_w[index], response)
        elif sessions.need[index] >= _MIN_NEED_WH:
            grants[index] = _new_grant(step, index, float(power_w[index]))
    return grants


def step_powers(step: DecidedStep) -> Floats:
    """Return the power [session] of each car in the step."""
    powers_w = step.powers.sessions
    return np.where(powers_w >= MIN_POWER_W, powers_w, 0.0)


def _keep(room: ChargingRoom, index: int, response: Document, now: Instant) -> bool:
    """Whether what a response grants from now on has room, which it then takes."""
    if not room.limits_of(index):
        return True
    interval = response.submitted["interval"]
    begin, end = max(interval["start"], now), interval["start"] + interval["duration"]
    power_w = quantities.base_value(response.submitted["powerAvailable"]) or 0.0
    if end > begin and room.fits_until(index, begin, end, power_w) < end:
        return False
    room.take(index, begin, end, power_w)
    return True


def _new_grant(step: DecidedStep, index: int, power_w: Watts) -> SessionGrant:
    """The revision by which a car draws this power in the step, and what it needs later."""
    departure_at = _departure(step, index)
    begins_at = _begins_at(step, index, power_w) if departure_at > step.period.end else step.period.begins_at
    if not step.room.limits_of(index):  # else others have the room until then
        latest = departure_at - int(np.ceil(_charging_s(step, index)))
        begins_at = max(min(begins_at, latest), clock.now())
    charging = float(step.sessions.granted_w[index]) > 0
    cars = step.state.fleet.sessions
    session = Session(departure_at, float(cars.need[index]), float(cars.power[index]))
    offers = setpoints.offer(session, power_w, begins_at, charging, settings.min_charge_w)
    if step.room.limits_of(index):
        offers = _within_room(step, index, session, offers, power_w, begins_at, charging)
    revision = Revision(step.state.ev.requests[index], offers, step.period.begins_at - STAGGER_S // 2)
    return SessionGrant(power_w, revision=revision, counted=0 if power_w > 0 else -1)


def _begins_at(step: DecidedStep, index: int, power_w: Watts) -> Instant:
    """When a car comes to its power: about the start of the step, not all at once. Below a limit those that
    draw more wait until the others draw less."""
    device = int(step.state.ev.device[index])
    if not step.room.limits_of(index):
        return step.period.staggered_start(device)
    if power_w <= np.nan_to_num(step.sessions.granted_w[index]):
        return step.period.begins_at
    return step.period.begins_at + device % (STAGGER_S // 2)


def _within_room(
    step: DecidedStep, index: int, session: Session, offers: Sequence[ReservationOffer], power_w: Watts,
    begins_at: Instant, charging: bool
) -> list[ReservationOffer]:
    """The offers of a car below a limit: what it draws in the step goes on as long as there is room; what it
    then still needs is granted as late as the room of others allows."""
    room, now, need_wh, until = step.room, [], session.need_wh, begins_at
    if power_w > 0:
        offer = offers[0]
        end = offer.start + offer.duration_s
        until = max(room.fits_until(index, offer.start, end, offer.power_w), min(step.period.end, end))
        charged_wh = min(offer.power_w * (until - offer.start) / 3600, offer.energy_wh)
        now = [offer._replace(duration_s=max(until - offer.start, 1), energy_wh=charged_wh)]
        room.take(index, offer.start, until, offer.power_w)
        need_wh -= charged_wh
    later = _later(room, index, session, need_wh, until if power_w > 0 else step.period.end)
    if later is not None:
        room.take(index, later.start, later.start + later.duration_s, later.power_w)
    if now or (later is not None and not charging):
        return [*now, *([later] if later is not None else [])]
    ends_at = session.departure_at if later is None else later.start
    wait = ReservationOffer(begins_at, max(ends_at - begins_at, 1), 0.0, 0.0)
    return [wait, *([later] if later is not None else [])]


def _later(
    room: ChargingRoom, index: int, session: Session, need_wh: float, since: Instant
) -> ReservationOffer | None:
    """The offer of the energy that a car needs from `since` on; None where there is no room, or no need."""
    if need_wh < _MIN_NEED_WH or since >= session.departure_at:
        return None
    request = ReservationRequest(since, session.departure_at, need_wh, session.power_w)
    offer = reservationpolicy.latest(request, room.headroom(index), since)
    offer = offer._replace(power_w=setpoints.whole_watts(offer.power_w))
    return offer if offer.power_w > 0 else None


def _departure(step: DecidedStep, index: int) -> Instant:
    return step.period.start + int(step.state.fleet.sessions.depart[index] * step.state.hours * 3600)


def _charging_s(step: DecidedStep, index: int) -> float:
    """How long a car has to charge at full power."""
    cars = step.state.fleet.sessions
    return float(cars.need[index] * 3600 / max(cars.power[index], 1))


def _standing_response(step: DecidedStep, index: int, power_w: Watts) -> Document | None:
    """The reservation that a car has, where by that it draws this power in the step, else None."""
    granted_w, response = float(step.sessions.granted_w[index]), step.sessions.grants[index]
    if response is None or abs(power_w - np.nan_to_num(granted_w)) > MIN_POWER_W:
        return None
    begins_at = response.submitted["interval"]["start"]
    latest = _departure(step, index) - _charging_s(step, index) + _LATE_S
    return response if power_w > 0 or step.sessions.start < begins_at <= latest else None
