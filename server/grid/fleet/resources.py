"""Members as batteries, charging sessions, thermal loads and PV, as a plan reckons with them.

Consumption is positive, in W; energy in Wh. Each function takes `reasons` ([n] of str, empty for who can be
dispatched) and writes into it, in place, why a member of its kind cannot be dispatched.
"""
from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from server.config import settings
from server.grid.fleet import eligibility
from server.grid.fleet.derstates import EFFICIENCY
from server.grid.fleet.devicetypes import HEAT_KINDS, NOT_STORAGE_TYPES, STORAGE_TYPES
from server.grid.fleet.kindmembers import EvMembers, PvMembers, StorageMembers, ThermalMembers
from server.grid.fleet.membercolumns import DerColumns, MemberColumns
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.clusters import Batteries, Sessions, Thermals, sums
from server.resources import sql
from server.resources.codes import DERType

OLD_S = 1800  # seconds after which a state of charge is carried forward by what was read since
LEAK_HOURS = 20.0  # time constant with which a thermal load loses what it stored
DEFAULT_STORAGE_HOURS = 1.0  # of full power, for a store that reported no capacity
_DAY = 86400
# The mean injection by each meter since an instant: of readings that began then, weighted by their duration.
_MEAN = (
    "sum(m.factor * r.value * (CASE WHEN r.duration_s > 0 THEN r.duration_s ELSE 1 END)) / sum(CASE WHEN "
    "r.duration_s > 0 THEN "
    "r.duration_s ELSE 1 END) FROM {} JOIN meter m ON m.device_id = x.device_id AND m.kind <> 'premises' "
    "JOIN reading_set s ON "
    "s.meter = m.href AND s.start > {} - 86400 JOIN reading r ON r.set_id = s.id AND r.start >= {} AND "
    "r.start < ? AND "
    "r.value IS NOT NULL JOIN membership p ON p.device_id = x.device_id AND p.vder_id = ? WHERE "
)
_MEAN_SINCE_SOC = ("SELECT x.device_id, " + _MEAN.format("der_state x", "x.soc_at", "x.soc_at")
                 + "x.soc_at < ? AND x.soc_at > ? AND m.read_at > x.soc_at GROUP BY x.device_id, m.href")
_NEED_AT = "(CASE WHEN x.reported_at >= x.arrival_at THEN x.reported_at ELSE x.arrival_at END)"
_MEAN_SINCE_NEED = (
    "SELECT x.href, "
    + _MEAN.format("charging_session x", _NEED_AT, _NEED_AT)
    + f"x.cancelled = ? AND x.departure_at > ? AND {_NEED_AT} < ? AND m.read_at > {_NEED_AT} GROUP BY "
      "x.href, "
      "m.href"
)
_SESSIONS = (
    "SELECT v.href, v.device_id, v.arrival_at, v.departure_at, v.energy_wh, v.power_w, v.reported_need_wh, "
    "v.reported_at FROM charging_session v JOIN membership p ON "
    "p.device_id = v.device_id AND p.vder_id = ? WHERE v.cancelled = ? AND v.departure_at > ? "
    "ORDER BY v.device_id, v.arrival_at, v.href"
)


def _identity(columns: MemberColumns, members: Whole) -> dict[str, Any]:
    """The fields that the records of all kinds share, for these members (indices)."""
    return {
        "device": columns.device[members],
        "response_rate": columns.participation.response_rate[members],
        "tier": columns.participation.tier[members],
        "fresh": columns.contact.fresh[members],
    }


def _dispatchable(columns: MemberColumns, reasons: Any, kind: str) -> Bools:
    return (columns.kind == kind) & (reasons == "")


def _usable_ders(
    columns: MemberColumns, chosen: Bools, reasons: Any, kind: str, *modes: str
) -> tuple[Bools, Bools]:
    """Which DERs of the `chosen` members can be controlled by one of these modes, and which members have
    any."""
    ders, size = columns.ders, len(columns.device)
    of_kind = {
        "storage": np.isin(ders.der_type, STORAGE_TYPES)
        | np.isfinite(ders.capacity_wh) & ~np.isin(ders.der_type, NOT_STORAGE_TYPES),
        "pv": ders.der_type == DERType.PHOTOVOLTAIC,
    }[kind]
    rated = of_kind & (ders.max_injection_w + ders.max_absorption_w > 0)
    connected = rated & ders.connected
    for reason, usable in (
        (eligibility.UNRATED, rated),
        (eligibility.DISCONNECTED, connected),
        (eligibility.MODES, connected & ders.supporting(*modes)),
    ):
        able = np.bincount(ders.member[usable], minlength=size) > 0
        reasons[chosen & ~able & (reasons == "")] = reason
        chosen = chosen & able
    return usable & chosen[ders.member], chosen


def storage(columns: MemberColumns, reasons: Any, at: int) -> tuple[StorageMembers, Batteries]:
    """The stores as they are at `at` (UTC, s), several DERs of one device as one battery."""
    usable, chosen = _usable_ders(
        columns, _dispatchable(columns, reasons, "storage"), reasons, "storage", "opModFixedW", "opModTargetW"
    )
    ders, members = columns.ders, np.flatnonzero(chosen)
    label = np.searchsorted(members, ders.member[usable])
    stored = _stored_energy(ders)

    def total(values: Floats) -> Floats:
        return sums(label, values[usable], len(members))

    energy_wh, capacity_wh = total(stored.energy_wh), total(stored.capacity_wh)
    energy_at = np.full(len(members), float(at))
    np.minimum.at(
        energy_at, label, np.where(stored.by_soc, np.nan_to_num(ders.soc_at, nan=at), at)[usable]
    )
    mean_load_w = _mean_load_since_soc(columns, at)
    load_w = np.array([mean_load_w.get(device, np.nan) for device in columns.device[members].tolist()])
    charge_w = np.where(load_w > 0, load_w * EFFICIENCY, load_w / EFFICIENCY)
    gained_wh = charge_w * (np.maximum(at - energy_at, 0) / 3600)
    carry = np.isfinite(load_w) & (at - energy_at > OLD_S)
    carried_wh = np.clip(energy_wh + np.nan_to_num(gained_wh), 0, capacity_wh)
    batteries = Batteries(
        energy=np.where(carry, carried_wh, energy_wh),
        least=total(stored.reserve_wh),
        most=capacity_wh,
        charge=total(ders.max_absorption_w),
        discharge=total(ders.max_injection_w),
        efficiency=np.full(len(members), EFFICIENCY),
        group=columns.group[members],
    )
    energy_at = np.where(carry, at, energy_at).astype(np.intp)
    return StorageMembers(**_identity(columns, members), energy_at=energy_at), batteries


@dataclass(frozen=True, kw_only=True)
class _StoredEnergy:
    """Wh in each DER [n], its reserve, its capacity, and whether the first is by a reported state of
    charge."""
    energy_wh: Floats
    reserve_wh: Floats
    capacity_wh: Floats
    by_soc: Bools


def _stored_energy(ders: DerColumns) -> _StoredEnergy:
    by_availability = ~np.isfinite(ders.capacity_wh) & np.isfinite(ders.dischargeable_wh + ders.chargeable_wh)
    default_wh = np.maximum(ders.max_injection_w, ders.max_absorption_w) * DEFAULT_STORAGE_HOURS
    capacity_wh = np.select(
        [np.isfinite(ders.capacity_wh), by_availability, np.isfinite(ders.inferred_capacity_wh)],
        [ders.capacity_wh, ders.dischargeable_wh + ders.chargeable_wh, ders.inferred_capacity_wh],
        default_wh,
    )
    # The durations of DERAvailability leave the reserve out already.
    reserve_wh = np.where(by_availability, 0.0, settings.reserve * capacity_wh)
    without_soc_wh = np.select(
        [np.isfinite(ders.dischargeable_wh), np.isfinite(ders.chargeable_wh)],
        [reserve_wh + ders.dischargeable_wh, capacity_wh - ders.chargeable_wh],
        capacity_wh / 2,
    )
    has_soc = np.isfinite(ders.soc)
    energy_wh = np.select(
        [by_availability, has_soc],
        [ders.dischargeable_wh, ders.soc * capacity_wh],
        np.clip(without_soc_wh, 0, capacity_wh),
    )
    return _StoredEnergy(
        energy_wh=energy_wh,
        reserve_wh=reserve_wh,
        capacity_wh=capacity_wh,
        by_soc=has_soc & ~by_availability,
    )


def _mean_load_since_soc(columns: MemberColumns, at: int) -> dict[int, float]:
    """By device, the mean W it drew since it last reported its state of charge, where that is long ago."""
    load_w: dict[int, float] = {}
    if not (at - columns.ders.soc_at > OLD_S).any():
        return load_w
    for device, injection_w in sql.rows(_MEAN_SINCE_SOC, at, columns.area.id, at - OLD_S, at - _DAY):
        load_w[device] = load_w.get(device, 0.0) - injection_w
    return load_w


class _SessionRow(NamedTuple):
    """A row of charging_session: instants in UTC s, energies in Wh, powers in W (+ is charging)."""
    href: str
    device: int
    arrival_at: int
    departure_at: int
    energy_wh: float
    power_w: float
    reported_need_wh: float | None
    reported_at: int | None


def charging_sessions(
    columns: MemberColumns, reasons: Any, at: int, hours: float
) -> tuple[EvMembers, Sessions]:
    """The charging sessions that are not over at `at` (UTC, s), in steps of `hours`.

    What a car still needs is what it reported last, less what was read since where that is not fresh; never
    less than nothing. Who offers to give energy and wants none is excluded: a plan reckons with what cars
    need, and what they give is for an operator to grant."""
    rows = _dispatchable_sessions(columns, reasons, at)
    member = np.searchsorted(columns.device, np.array([row.device for row in rows], dtype=np.intp))
    max_w = np.bincount(columns.ders.member, columns.ders.max_absorption_w, len(columns.device))
    mean_load_w = _mean_load_since_need(columns, at) if rows else {}
    need_at = np.full(len(rows), at, dtype=np.intp)
    need_wh = np.zeros(len(rows))
    for number, row in enumerate(rows):
        timeout_s = columns.contact.reading_timeout_s[member[number]]
        need_wh[number], need_at[number] = _need(row, mean_load_w.get(row.href, 0.0), timeout_s, at)
    step_s = hours * 3600
    arrive = np.array([max(-int((at - row.arrival_at) // step_s), 0) for row in rows], dtype=np.intp)
    depart = np.array([int((row.departure_at - at) // step_s) for row in rows], dtype=np.intp)
    power_w = np.array([min(row.power_w, max_w[index] or row.power_w)
                        for row, index in zip(rows, member, strict=True)], dtype=float)
    sessions = Sessions(arrive, depart, need_wh, power_w, columns.group[member])
    members = EvMembers(
        **_identity(columns, member), need_at=need_at, requests=[row.href for row in rows]
    )
    lasts_a_step = depart > arrive
    return members.only(lasts_a_step), sessions.only(lasts_a_step)


def _dispatchable_sessions(columns: MemberColumns, reasons: Any, at: int) -> list[_SessionRow]:
    """The sessions of members who can be dispatched; of two of a device that overlap, the later."""
    every = [_SessionRow(*row) for row in sql.rows(_SESSIONS, columns.area.id, False, at)]
    rows = [row for row in every if row.energy_wh > 0]
    offering = columns.indices({row.device for row in every} - {row.device for row in rows})
    reasons[offering] = np.where(reasons[offering] == "", eligibility.OFFERS, reasons[offering])
    rows = [
        row
        for row, following in zip_longest(rows, rows[1:])
        if following is None
        or following.device != row.device
        or following.arrival_at >= row.departure_at
    ]
    dispatched = set(columns.device[reasons == ""].tolist())
    return [row for row in rows if row.device in dispatched]


def _need(row: _SessionRow, mean_load_w: float, timeout_s: float, at: int) -> tuple[float, int]:
    """Wh that a car still needs, and the instant (UTC, s) that this is of."""
    need_wh, since = row.energy_wh, row.arrival_at
    if row.reported_need_wh is not None and row.reported_at is not None and row.reported_at >= row.arrival_at:
        need_wh, since = row.reported_need_wh, row.reported_at
        if at - since <= timeout_s:
            return max(need_wh, 0.0), since
    return max(need_wh - max(mean_load_w, 0.0) * max(at - since, 0) / 3600, 0.0), at


def _mean_load_since_need(columns: MemberColumns, at: int) -> dict[str, float]:
    """By request (href), the mean W drawn since the car came, or since it reported its need long ago."""
    load_w: dict[str, float] = {}
    oldest_s = float(columns.contact.reading_timeout_s.min(initial=np.inf))
    for href, injection_w in sql.rows(_MEAN_SINCE_NEED, at, columns.area.id, False, at, at - oldest_s):
        load_w[href] = load_w.get(href, 0.0) - injection_w
    return load_w


def thermal_loads(
    columns: MemberColumns, reasons: Any, hours: float
) -> tuple[ThermalMembers, Thermals, Floats]:
    """The thermal loads for steps of `hours`, and the W that each draws if left alone.

    They are rated by what they report, else by their DER, else by the most that they have drawn.
    """
    chosen = _dispatchable(columns, reasons, "thermal")
    ders, meters = columns.ders, columns.meters
    max_absorption_w = np.bincount(ders.member, ders.max_absorption_w, len(columns.device))
    rating_w = np.select(
        [columns.max_load_w > 0, max_absorption_w > 0],
        [columns.max_load_w, max_absorption_w],
        meters.peak_load_w,
    )
    load_w = np.maximum(np.nan_to_num(-meters.injection_w), 0)
    rating_w = np.where(rating_w > 0, np.maximum(rating_w, load_w), 0)
    reasons[chosen & (rating_w <= 0)] = eligibility.UNRATED
    members = np.flatnonzero(chosen & (rating_w > 0))
    is_thermostat = (columns.category[members] & HEAT_KINDS[0]) > 0
    thermals = Thermals(
        state=np.zeros(len(members)),
        band=rating_w[members] * settings.comfort_hours,
        keep=np.full(len(members), np.exp(-hours / LEAK_HOURS)),
        power=rating_w[members],
        kind=np.where(is_thermostat, 0, 1),
        group=columns.group[members],
    )
    record = ThermalMembers(**_identity(columns, members), realised_wh=np.zeros(len(members)))
    return record, thermals, load_w[members]


def generation(columns: MemberColumns, reasons: Any) -> PvMembers:
    """The PV inverters that can be curtailed."""
    usable, chosen = _usable_ders(
        columns, _dispatchable(columns, reasons, "pv"), reasons, "pv", "opModMaxLimW"
    )
    members, ders = np.flatnonzero(chosen), columns.ders
    label = np.searchsorted(members, ders.member[usable])
    return PvMembers(
        **_identity(columns, members),
        rated_w=sums(label, ders.max_injection_w[usable], len(members)),
        generation_w=np.maximum(np.nan_to_num(columns.meters.injection_w[members]), 0),
        group=columns.group[members],
    )
