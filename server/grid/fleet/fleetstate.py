"""A virtual DER's members as they are at an instant, in arrays: what can be dispatched, through what, and who
is left out.

A handful of queries, whatever the size. Consumption is positive here, in W, as in all of the balance's
arrays; energies are in Wh. What a device has not said is inferred as far as that can be (see `stores`,
`cars`, `heats` in `fleet`).
"""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from server.grid.fleet import eligibility, membercolumns
from server.grid.fleet.devicetypes import HEAT_KINDS
from server.grid.fleet.resources import generation, sessions, storage, thermal_loads
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.disaggregation import Fleet
from server.models import VirtualDER


@dataclass(frozen=True)
class FleetState:
    """The members of an area at `at`, for steps of `hours`.

    `leaves` are the virtual DERs through which they are dispatched, each member's group being the place in
    it. `stores`, `cars`, `heats` and `suns` are numbers of devices: the first three parallel to the parts of
    `fleet`, `requests` (hrefs) to its sessions, `stores_at` and `cars_at` are the times that energies and
    needs are of. Of each PV inverter, `sun_w` is the rating and `sun_now` what it generates, both positive.
    `categories` are the DeviceCategoryType bits of each kind of thermal load. `out` says of each member who
    is left out why, `unknown_w` is what they draw by their last readings. Of thermal loads the fleet has how
    far each is meant to be ahead, `stored` (Wh) how far it is by what it was told: that was rounded.
    `response`, `tier` and `fresh` (whether it has been read of late) are by what, parallel to the devices.


    """
    at: int
    hours: float
    leaves: list[VirtualDER]
    fleet: Fleet
    stores: Whole
    stores_at: Whole
    cars: Whole
    cars_at: Whole
    requests: list[str]
    heats: Whole
    suns: Whole
    sun_w: Floats
    sun_now: Floats
    sun_group: Whole
    out: dict[int, str]
    unknown_w: float
    roster: membercolumns.MemberColumns
    stored: Floats
    categories: tuple[int, ...] = HEAT_KINDS
    response: dict[str, Floats] = field(default_factory=dict)
    tier: dict[str, Whole] = field(default_factory=dict)
    fresh: dict[str, Bools] = field(default_factory=dict)


def read(area: VirtualDER, at: int, hours: float = 0.25) -> FleetState:
    """The members of an area as they are known at `at`, for a step of so many hours."""
    known = membercolumns.read(area, at)
    why = eligibility.exclusions(known, at)
    battery = storage(known, why, at)
    car = sessions(known, why, at, hours)
    heat = thermal_loads(known, why, hours)
    sun = generation(known, why)
    out = {
        int(device): str(reason)
        for device, reason in zip(known.device[why != ""], why[why != ""], strict=True)
    }
    unknown = float(-np.nansum(known.watts[why != ""]))
    chosen = {"storage": battery.places, "ev": car.places, "thermal": heat.places, "pv": sun.places}

    def of(column: Any) -> dict[str, Any]:
        return {what: column[places] for what, places in chosen.items()}

    return FleetState(
        at,
        hours,
        known.leaves,
        Fleet(battery.fleet, car.fleet, heat.fleet, heat.base),
        known.device[battery.places],
        battery.at,
        known.device[car.places],
        car.at,
        car.requests,
        known.device[heat.places],
        known.device[sun.places],
        sun.rated,
        sun.now,
        known.group[sun.places],
        out,
        unknown,
        known,
        heat.fleet.state,
        response=of(known.response),
        tier=of(known.tier),
        fresh=of(known.fresh),
    )


def responding(seen: FleetState) -> FleetState:
    """The same with stores that can do that part of the power they claim at which each has responded of late;
    a fifth at least, so that one that was out of order is found to be in order again."""
    stores, part = seen.fleet.batteries, np.maximum(seen.response["storage"], measurement.RESPONSE_FRACTION)
    able = stores._replace(charge=stores.charge * part, discharge=stores.discharge * part)
    return replace(
        seen, fleet=seen.fleet._replace(batteries=able), response={**seen.response, "storage": part}
    )


def excluding(seen: FleetState, devices: Collection[int], why: str) -> FleetState:
    """The same without these devices, who are left out for this reason."""
    gone = np.array(sorted(devices), dtype=np.intp)
    stay = {what: ~np.isin(numbers, gone) for what, numbers in (
        ("storage", seen.stores), ("ev", seen.cars), ("thermal", seen.heats), ("pv", seen.suns))}
    here = {
        int(device) for numbers in (seen.stores, seen.cars, seen.heats, seen.suns) for device in numbers
    } & set(devices)
    if not here:
        return seen
    store, car, heat, sun = (stay[what] for what in ("storage", "ev", "thermal", "pv"))
    return replace(
        seen,
        fleet=Fleet(
            seen.fleet.batteries.only(store),
            seen.fleet.sessions.only(car),
            seen.fleet.thermals.only(heat),
            seen.fleet.base[heat],
        ),
        stores=seen.stores[store],
        stores_at=seen.stores_at[store],
        cars=seen.cars[car],
        cars_at=seen.cars_at[car],
        requests=[href for href, kept in zip(seen.requests, car, strict=True) if kept],
        heats=seen.heats[heat],
        suns=seen.suns[sun],
        sun_w=seen.sun_w[sun],
        sun_now=seen.sun_now[sun],
        sun_group=seen.sun_group[sun],
        out={**seen.out, **dict.fromkeys(here, why)},
        stored=seen.stored[heat],
        response={what: values[stay[what]] for what, values in seen.response.items()},
        tier={what: values[stay[what]] for what, values in seen.tier.items()},
        fresh={what: values[stay[what]] for what, values in seen.fresh.items()},
    )
