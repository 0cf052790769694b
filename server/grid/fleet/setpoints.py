"""Kilowatts into what devices can be told: by what each declares, the same power is another element. Pure.

Consumption is positive here, in W; what is returned is as the standard has it: DERControl with + for
injection, a load control in tenths of a degree or percent of time, a reservation with + for charging.

    who                                  is told                        by
    stores that take opModFixedW         percent of rating              DERControl, one for all
    stores in a group with others        percent of rating              DERControl for each by itself
    generation that takes opModMaxLimW   percent of rating, at most     DERControl, one for all
    loads with a set point               Offset, + or loadShiftForward  EndDeviceControl, one for all
    loads without one                    DutyCycle                      EndDeviceControl, one for all
    cars that asked for energy           power, energy and when         FlowReservationResponse for each
"""
from __future__ import annotations

from typing import Any, NamedTuple

from server.grid.fleet.reservationoffer import ReservationOffer
from server.grid.optimisation import waterfill
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.optimisation.waterfill import MemberLines
from server.resources.quantities import FULL

OFFSET, DUTY = VARIETIES = range(2)  # of thermal loads: how they can be told
QUIET = 0.02  # an offset of less of the comfort band is none


def fixed_w(level: float) -> dict[str, Any]:
    """The DERControlBase for stores that are to draw this fraction of their rating (+ charging)."""
    return {"opModFixedW": min(max(round(-level * FULL), -FULL), FULL)}


def max_lim_w(part: float) -> dict[str, Any]:
    """The DERControlBase for generation that may give this part of its rating."""
    return {"opModMaxLimW": min(max(round(part * FULL), 0), FULL)}


def offset(fraction: float, kelvin: float) -> dict[str, Any] | None:
    """What an EndDeviceControl says so that loads with set points come to this fraction of their comfort
    band, `kelvin` wide either way: to use less of it, or (loadShiftForward) more ahead of time; None for
    nothing to be said."""
    tenths = round(abs(fraction) * kelvin * 10)
    if abs(fraction) < QUIET or not tenths:
        return None
    return {"Offset": {"coolingOffset": tenths, "heatingOffset": tenths}, "loadShiftForward": fraction > 0}


def finest(kelvin: float) -> tuple[float, ...]:
    """By variety of load, the least part of comfort that can be told: a tenth of a degree; a duty cycle is as
    good as any."""
    return 0.1 / kelvin, 0.0


def duty(usual: float, power: float) -> dict[str, Any] | None:
    """What an EndDeviceControl says so that loads that are switched on and off draw `power` of the `usual`
    beside it (W, changes): the greatest part of the time that they may be on; None where they may as they
    like."""
    if power >= -QUIET * max(usual, 1.0):
        return None
    return {
        "DutyCycle": {"normalValue": min(max(round(100 * (usual + power) / usual), 0), 100)},
        "loadShiftForward": False,
    }


def chargeable(powers: Floats, floor: Floats, most: Floats, least: float) -> Floats:
    """Cars' powers as chargers can do them: not at all or at least `least` W (or all that a car can take),
    the sum as near as may be. Those who must (`floor`) come first, then those who were to have most of what
    they could take."""
    able = np.maximum(np.minimum(least, most), np.minimum(floor, most))
    if ((powers >= able) | (powers <= 0)).all():
        return powers
    part = np.divide(powers, most, out=np.zeros_like(powers), where=most > 0)
    order = np.lexsort((-part, floor <= 0))
    order = order[powers[order] > 0]
    total, needed = powers.sum(), np.cumsum(able[order])
    count = max(int(np.searchsorted(needed, total, side="right")), int(np.count_nonzero(floor[order] > 0)))
    if count < len(order) and total - (needed[count - 1] if count else 0.0) > able[order[count]] / 2:
        count += 1
    chosen = order[:count]
    found = np.zeros_like(powers)
    found[chosen] = waterfill.fill(
        total, MemberLines(powers[chosen], most[chosen], able[chosen], most[chosen])
    ).powers
    return found


def unchanged(powers: Floats, before: Floats, rating: Floats, floor: Floats, band: float) -> Bools:
    """Who need not be told anew: what they were told (NaN: nothing) is within the part `band` of their
    rating, and is something if it has to be."""
    same = np.abs(powers - before) <= band * rating
    return same & ((powers > 0) == (before > 0)) & (before >= floor - 1)


class Session(NamedTuple):
    """A car as it is at the beginning of a step: until when it stays (UTC), what it needs (Wh) and can take
    (W)."""
    depart: int
    need: float
    power: float


def offer(session: Session, power: float, start: int, charging: bool = False) -> list[ReservationOffer]:
    """What a car is told that is to draw `power` from `start` on: as long as nobody says otherwise it has all
    it needs, or as much as there is time for. One that is to wait is told when it will charge at the latest,
    at full power: so if nobody ever says anything again, nobody's car is empty in the morning. If it is
    `charging` until then, it is told besides to draw nothing meanwhile."""
    left = max(session.depart - start, 1)
    if power > 0:
        seconds = min(round(np.ceil(session.need * 3600 / power)), left)
        return [
            ReservationOffer(
                start, max(seconds, 1), float(np.ceil(power)), min(session.need, power * seconds / 3600)
            )
        ]
    seconds = min(round(np.ceil(session.need * 3600 / session.power)), left)
    latest = ReservationOffer(session.depart - max(seconds, 1), max(seconds, 1), session.power,
                   min(session.need, session.power * seconds / 3600))
    return [
        *(
            [ReservationOffer(start, latest.start - start, 0.0, 0.0)]
            if charging and latest.start > start
            else []
        ),
        latest,
    ]
