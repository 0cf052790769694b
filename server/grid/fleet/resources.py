"""Members as batteries, sessions, thermal loads and panels: what they have said made into what a plan can
reckon with.

Consumption is positive, in W; energy in Wh. Who cannot be dispatched is given a reason in `why`, in place.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from server.config import settings
from server.grid.fleet import eligibility
from server.grid.fleet.derstates import EFFICIENCY
from server.grid.fleet.devicetypes import HEAT_KINDS
from server.grid.fleet.membercolumns import DerColumns, MemberColumns
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals, sums
from server.resources import sql

OLD = 1800  # seconds after which a state of charge is carried forward by what was read since
LEAK_HOURS = 20.0
ALONE_HOURS = 1.0  # of a store that has not said how much it holds
_DAY = 86400
# The mean injection by each meter since an instant: of readings that began then, weighed by how long they
# are.
_MEAN = (
    "sum(m.factor * r.value * (CASE WHEN r.duration_s > 0 THEN r.duration_s ELSE 1 END)) / sum(CASE WHEN "
    "r.duration_s > 0 THEN "
    "r.duration_s ELSE 1 END) FROM {} JOIN meter m ON m.device_id = x.device_id AND m.kind <> 'premises' "
    "JOIN reading_set s ON "
    "s.meter = m.href AND s.start > {} - 86400 JOIN reading r ON r.set_id = s.id AND r.start >= {} AND "
    "r.start < ? AND "
    "r.value IS NOT NULL JOIN membership p ON p.device_id = x.device_id AND p.vder_id = ? WHERE "
)
_SINCE_CHARGE = ("SELECT x.device_id, " + _MEAN.format("der_state x", "x.soc_at", "x.soc_at")
                 + "x.soc_at < ? AND x.soc_at > ? AND m.read_at > x.soc_at GROUP BY x.device_id, m.href")
_SAID = "(CASE WHEN x.reported_at >= x.arrival_at THEN x.reported_at ELSE x.arrival_at END)"
_SINCE_SAID = (
    "SELECT x.href, "
    + _MEAN.format("charging_session x", _SAID, _SAID)
    + f"x.cancelled = ? AND x.departure_at > ? AND {_SAID} < ? AND m.read_at > {_SAID} GROUP BY x.href, "
      "m.href"
)
_VISITS = (
    "SELECT v.href, v.device_id, v.arrival_at, v.departure_at, v.energy_wh, v.power_w, v.reported_need_wh, "
    "v.reported_at FROM charging_session v JOIN membership p ON "
    "p.device_id = v.device_id AND p.vder_id = ? WHERE v.cancelled = ? AND v.departure_at > ? "
    "ORDER BY v.device_id, v.arrival_at, v.href"
)


class Storage(NamedTuple):
    """Batteries, their places in the roster, and the instants that their energies are of."""
    fleet: Batteries
    places: Whole
    at: Whole


class Cars(NamedTuple):
    """Sessions, the places of their devices, the requests' hrefs, and the instants that their needs are
    of."""
    fleet: Sessions
    places: Whole
    requests: list[str]
    at: Whole


class ThermalLoads(NamedTuple):
    """Thermal loads, what each draws if left alone, and their places."""
    fleet: Thermals
    base: Floats
    places: Whole


class Generation(NamedTuple):
    """PV inverters: their places, ratings, and what they generate (both positive)."""
    places: Whole
    rated: Floats
    now: Floats


def _able(known: MemberColumns, why: Any, what: str) -> Bools:
    return (known.what == what) & (why == "")


def _units_of(known: MemberColumns, chosen: Bools, why: Any, what: str, *modes: str) -> tuple[Bools, Bools]:
    """Which DERs count for these members, and which members are left; the others are told why they are
    not."""
    units, size = known.units, len(known.device)
    kind = {
        "storage": np.isin(units.der_type, (80, 83))
        | np.isfinite(units.capacity_wh) & ~np.isin(units.der_type, (4, 81, 82)),
        "pv": units.der_type == 4,
    }[what]
    rated = kind & (units.max_injection_w + units.max_absorption_w > 0)
    for reason, usable in ((eligibility.UNRATED, rated), (eligibility.DISCONNECTED, rated & units.connected),
                           (eligibility.MODES, rated & units.connected & units.take(*modes))):
        left = np.bincount(units.place[usable], minlength=size) > 0
        why[chosen & ~left & (why == "")] = reason
        chosen = chosen & left
    return usable & chosen[units.place], chosen


def storage(known: MemberColumns, why: Any, at: int) -> Storage:
    """The batteries, several of one device as one."""
    usable, chosen = _units_of(
        known, _able(known, why, "storage"), why, "storage", "opModFixedW", "opModTargetW"
    )
    units, places = known.units, np.flatnonzero(chosen)
    label = np.searchsorted(places, units.place[usable])
    energy, least, most, said = _held(units)

    def total(part: Floats) -> Floats:
        return sums(label, part[usable], len(places))
    charged, floor, roof, absorb, inject = (total(part) for part in (
        energy, least, most, units.max_absorption_w, units.max_injection_w))
    when = np.full(len(places), float(at))
    np.minimum.at(when, label, np.where(said, np.nan_to_num(units.soc_at, nan=at), at)[usable])
    drawn = _carried(known, at)
    since = np.maximum(at - when, 0) / 3600
    moved = np.array([drawn.get(int(device), np.nan) for device in known.device[places]])
    gained = np.where(moved > 0, moved * EFFICIENCY, moved / EFFICIENCY) * since
    carry = np.isfinite(moved) & (at - when > OLD)
    charged = np.where(carry, np.clip(charged + np.nan_to_num(gained), 0, roof), charged)
    fleet = Batteries(
        charged, floor, roof, absorb, inject, np.full(len(places), EFFICIENCY), known.group[places]
    )
    return Storage(fleet, places, np.where(carry, at, when).astype(np.intp))


def _held(units: DerColumns) -> tuple[Floats, Floats, Floats, Bools]:
    """Wh in each store, its reserve, what it holds when full, and whether it has said the first."""
    both = units.dischargeable_wh + units.chargeable_wh
    alone = np.maximum(units.max_injection_w, units.max_absorption_w) * ALONE_HOURS
    said, told = np.isfinite(units.capacity_wh), np.isfinite(units.soc)
    by_time = ~said & np.isfinite(both)
    most = np.where(
        said,
        units.capacity_wh,
        np.where(
            by_time,
            both,
            np.where(np.isfinite(units.inferred_capacity_wh), units.inferred_capacity_wh, alone),
        ),
    )
    # Of availability's durations the reserve is no part.
    least = np.where(by_time, 0.0, settings.reserve * most)
    half = np.where(
        np.isfinite(units.dischargeable_wh),
        least + units.dischargeable_wh,
        np.where(np.isfinite(units.chargeable_wh), most - units.chargeable_wh, most / 2),
    )
    energy = np.where(
        by_time, units.dischargeable_wh, np.where(told, units.soc * most, np.clip(half, 0, most))
    )
    return energy, least, most, told & ~by_time


def _carried(known: MemberColumns, at: int) -> dict[int, float]:
    """By device, the mean W that it drew since it last said its state of charge, where that is long ago."""
    found: dict[int, float] = {}
    if not (at - known.units.soc_at > OLD).any():
        return found
    for device, watts in sql.rows(_SINCE_CHARGE, at, known.area.id, at - OLD, at - _DAY):
        found[device] = found.get(device, 0.0) - watts
    return found


def sessions(known: MemberColumns, why: Any, at: int, hours: float) -> Cars:
    """The cars' visits that are not over. What a car still needs is what it said last, less what was read
    since where that is not fresh; never less than nothing. Who offers to give energy and wants none is left
    out: a plan reckons with what cars need, and what they give is for an operator to grant."""
    visits = sql.rows(_VISITS, known.area.id, False, at)
    rows = [row for row in visits if row[4] > 0]
    offering = known.places({row[1] for row in visits} - {row[1] for row in rows})
    why[offering] = np.where(why[offering] == "", eligibility.OFFERS, why[offering])
    # of two at once of one device the later holds
    rows = [row for row, after in zip(rows, [*rows[1:], None], strict=False)
            if after is None or after[1] != row[1] or after[2] >= row[3]]
    place = np.searchsorted(known.device, np.array([row[1] for row in rows], dtype=np.intp))
    free = [why[each] == "" for each in place]
    rows, place = (
        [row for row, able in zip(rows, free, strict=True) if able],
        place[np.array(free, dtype=bool)],
    )
    drawn = _since_said(known, at) if rows else {}
    step = hours * 3600
    length, size = len(rows), len(known.device)
    need, power, of = np.zeros(length), np.zeros(length), np.full(length, at, dtype=np.intp)
    absorb = np.bincount(known.units.place, known.units.max_absorption_w, size)
    arrive, depart = np.zeros(length, dtype=np.intp), np.zeros(length, dtype=np.intp)
    for number, (href, _, begin, end, wanted, watts, said, said_at) in enumerate(rows):
        where = place[number]
        knows = said is not None and said_at >= begin
        since, wanted = (said_at, said) if knows else (begin, wanted)
        if not knows or at - since > known.unread[where]:
            wanted -= max(drawn.get(href, 0.0), 0.0) * max(at - since, 0) / 3600
        else:
            of[number] = since
        need[number], power[number] = max(wanted, 0.0), min(watts, absorb[where] or watts)
        arrive[number], depart[number] = max(-int((at - begin) // step), 0), int((end - at) // step)
    inside = depart > arrive
    fleet = Sessions(arrive, depart, need, power, known.group[place]).only(inside)
    return Cars(
        fleet, place[inside], [row[0] for row, here in zip(rows, inside, strict=True) if here], of[inside]
    )


def _since_said(known: MemberColumns, at: int) -> dict[str, float]:
    """By visit (its href), the mean W that was drawn since the car came, or since it said what it needs, long
    ago."""
    found: dict[str, float] = {}
    for href, watts in sql.rows(
        _SINCE_SAID, at, known.area.id, False, at, at - float(known.unread.min(initial=np.inf))
    ):
        found[href] = found.get(href, 0.0) - watts
    return found


def thermal_loads(known: MemberColumns, why: Any, hours: float) -> ThermalLoads:
    """The thermal loads: rated as they say, else by their DER, else by the most that they have drawn."""
    chosen = _able(known, why, "thermal")
    absorb = np.bincount(known.units.place, known.units.max_absorption_w, len(known.device))
    rating = np.where(known.demand > 0, known.demand, np.where(absorb > 0, absorb, known.peak))
    base = np.maximum(np.nan_to_num(-known.watts), 0)
    rating = np.where(rating > 0, np.maximum(rating, base), 0)
    why[chosen & (rating <= 0)] = eligibility.UNRATED
    places = np.flatnonzero(chosen & (rating > 0))
    power = rating[places]
    thermostat = (known.category[places] & HEAT_KINDS[0]) > 0
    return ThermalLoads(
        Thermals(
            np.zeros(len(places)),
            power * settings.comfort_hours,
            np.full(len(places), np.exp(-hours / LEAK_HOURS)),
            power,
            np.where(thermostat, 0, 1),
            known.group[places],
        ),
        base[places],
        places,
    )


def generation(known: MemberColumns, why: Any) -> Generation:
    """The PV inverters that can be held back."""
    usable, chosen = _units_of(known, _able(known, why, "pv"), why, "pv", "opModMaxLimW")
    places = np.flatnonzero(chosen)
    rated = sums(
        np.searchsorted(places, known.units.place[usable]), known.units.max_injection_w[usable], len(places)
    )
    return Generation(places, rated, np.maximum(np.nan_to_num(known.watts[places]), 0))
