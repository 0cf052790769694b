"""From power to setpoints: what devices of each kind are sent so that they draw a power. Pure.

Consumption is positive here, in W; what is returned is as in the standard: DERControl with injection
positive, a load control in tenths of a degree or percent of time, a reservation with charging positive.

    devices                              setpoint                       sent as
    storage that supports opModFixedW    percent of rating              one DERControl for all
    storage in a group with others       percent of rating              a DERControl for each
    generation (opModMaxLimW)            percent of rating, at most     one DERControl for all
    loads with a temperature setpoint    Offset, + or loadShiftForward  one EndDeviceControl for all
    loads without one                    DutyCycle                      one EndDeviceControl for all
    vehicles that requested energy       power, energy, start           a FlowReservationResponse for each
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from server.grid.fleet.reservationoffer import ReservationOffer
from server.grid.optimisation import waterfill
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.limitrooms import SessionRoom
from server.grid.optimisation.waterfill import MemberLines
from server.resources import quantities
from server.resources.quantities import FULL

OFFSET, DUTY = range(2)  # of thermal loads, by the control that they take
MIN_FRACTION = 0.02  # of the comfort band, or of the load: less is not sent


def fixed_w(level: float) -> dict[str, Any]:
    """Return the DERControlBase for storage that shall draw this fraction of its rating (+ charging)."""
    return {"opModFixedW": min(max(round(-level * FULL), -FULL), FULL)}


def max_lim_w(fraction: float) -> dict[str, Any]:
    """Return the DERControlBase for generation that may inject at most this fraction of its rating."""
    return {"opModMaxLimW": min(max(round(fraction * FULL), 0), FULL)}


def offset(fraction: float, kelvin: float) -> dict[str, Any] | None:
    """Return the elements of an EndDeviceControl that moves thermostats by a fraction of their comfort band.

    The band is `kelvin` wide either way. A negative fraction uses less energy, a positive one uses it ahead
    of time (loadShiftForward). None where the change is too small to send.
    """
    tenths = round(abs(fraction) * kelvin * 10)
    if abs(fraction) < MIN_FRACTION or not tenths:
        return None
    return {"Offset": {"coolingOffset": tenths, "heatingOffset": tenths}, "loadShiftForward": fraction > 0}


def resolution(kelvin: float) -> tuple[float, ...]:
    """Return, by variety of thermal load, the smallest fraction of the comfort band that can be sent: a tenth
    of a degree for an offset, any for a duty cycle."""
    return 0.1 / kelvin, 0.0


def duty_cycle(usual_w: float, change_w: float) -> dict[str, Any] | None:
    """Return the elements of an EndDeviceControl for loads that are switched on and off.

    They usually draw `usual_w` and shall draw `change_w` less (negative). normalValue is the greatest
    percentage of the time that they may be on. None where they are not to be limited.
    """
    if change_w >= -MIN_FRACTION * max(usual_w, 1.0):
        return None
    percent = round(100 * (usual_w + change_w) / usual_w)
    return {"DutyCycle": {"normalValue": min(max(percent, 0), 100)}, "loadShiftForward": False}


def chargeable(load_w: Floats, min_w: Floats, max_w: Floats, min_charge_w: float) -> Floats:
    """Return charging powers [n] that chargers can do: 0, or at least `min_charge_w` (or `max_w` if less).

    Their sum is as near to that of `load_w` as possible. Sessions that must charge (`min_w` > 0) come first,
    then those that were to draw the greatest part of their maximum.
    """
    able_w = np.maximum(np.minimum(min_charge_w, max_w), np.minimum(min_w, max_w))
    if ((load_w >= able_w) | (load_w <= 0)).all():
        return load_w
    fraction = np.divide(load_w, max_w, out=np.zeros_like(load_w), where=max_w > 0)
    order = np.lexsort((-fraction, min_w <= 0))
    order = order[load_w[order] > 0]
    total_w, needed_w = load_w.sum(), np.cumsum(able_w[order])
    count = max(
        int(np.searchsorted(needed_w, total_w, side="right")), int(np.count_nonzero(min_w[order] > 0))
    )
    remaining_w = total_w - (needed_w[count - 1] if count else 0.0)
    if count < len(order) and remaining_w > able_w[order[count]] / 2:
        count += 1
    chosen = order[:count]
    powers = np.zeros_like(load_w)
    lines = MemberLines(load_w[chosen], max_w[chosen], able_w[chosen], max_w[chosen])
    powers[chosen] = waterfill.fill(total_w, lines).powers
    return powers


def within_rooms(
    load_w: Floats, able_w: Floats, first: Whole, rooms: Sequence[SessionRoom]
) -> Floats:
    """Return charging powers [n] lowered so that each room is kept, as they are sent: in whole watts.

    Each is 0 or at least `able_w` [n]. Where a room is too small for all, sessions come in the order `first`
    (indices).
    """
    powers = load_w.copy()
    for room in rooms:
        if float(np.ceil(powers[room.members]).sum()) <= room.most:
            continue
        order = first[room.members[first] & (powers[first] > 0)]
        least_w = np.minimum(able_w[order], powers[order])
        count = int(np.searchsorted(np.cumsum(least_w), room.most, side="right"))
        chosen, least_w, most_w = order[:count], least_w[:count], powers[order[:count]]
        powers[order] = 0.0
        lines = MemberLines(least_w, most_w - least_w, least_w, most_w)
        filled_w = waterfill.fill(room.most, lines).powers
        powers[chosen] = [whole_watts(power_w) for power_w in filled_w.tolist()]
    return powers


def whole_watts(load_w: float) -> float:
    """Return the nearest power below that an ActivePower can hold."""
    step_w = quantities.step(load_w)
    return float(int((load_w + 1e-6) / step_w) * step_w)


def unchanged(load_w: Floats, previous_w: Floats, rating_w: Floats, min_w: Floats, band: float) -> Bools:
    """Return [n] which sessions need no new grant.

    What they were granted (NaN: nothing) is within the fraction `band` of their rating, and enough where they
    must charge (`min_w`).
    """
    same = np.abs(load_w - previous_w) <= band * rating_w
    keep: Bools = same & ((load_w > 0) == (previous_w > 0)) & (previous_w >= min_w - 1)
    return keep


class Session(NamedTuple):
    """A vehicle at the beginning of a step: its departure (UTC, s), and what it needs and can draw."""
    departure_at: int
    need_wh: float
    power_w: float


def offer(
    session: Session, load_w: float, start: int, charging: bool = False, min_charge_w: float = 0.0
) -> list[ReservationOffer]:
    """Return the grants for a vehicle that shall draw `load_w` from `start` on.

    The grant is for all that it needs, or as much as there is time for, so that the vehicle is served if no
    other grant follows. One that shall wait (0 W) is granted the latest charge at full power, for the same
    reason; if it is `charging` until then, it is granted 0 W besides. The last watt-hours, which would take
    less than `min_charge_w` for a step, are granted at that for a shorter time: with less no charger starts.
    """
    stay_s = max(session.departure_at - start, 1)
    if load_w > 0:
        power_w = max(load_w, min(min_charge_w, session.power_w))
        return [_grant(session, power_w, start, stay_s)._replace(power_w=float(np.ceil(power_w)))]
    latest = _grant(session, session.power_w, 0, stay_s)
    latest = latest._replace(start=session.departure_at - latest.duration_s)
    if charging and latest.start > start:
        return [ReservationOffer(start, latest.start - start, 0.0, 0.0), latest]
    return [latest]


def _grant(session: Session, power_w: float, start: int, stay_s: int) -> ReservationOffer:
    """Return the grant of a power until the need is met or the stay is over."""
    duration_s = min(round(np.ceil(session.need_wh * 3600 / power_w)), stay_s)
    energy_wh = min(session.need_wh, power_w * duration_s / 3600)
    return ReservationOffer(start, max(duration_s, 1), power_w, energy_wh)
