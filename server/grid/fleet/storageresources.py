"""Storage members as batteries of a plan.

Consumption is positive, in W; energy in Wh.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.config import settings
from server.grid.fleet import meanloads, resources, siteblocks
from server.grid.fleet.inferredcapacity import EFFICIENCY
from server.grid.fleet.kindmembers import StorageMembers
from server.grid.fleet.meanloads import Window
from server.grid.fleet.membercolumns import DerColumns, MemberColumns
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.optimisation.clusters import Batteries, sums
from server.grid.series import meterrows
from server.resources import sql

OLD_S = 1800  # seconds after which a state of charge is carried forward by what was read since
DEFAULT_STORAGE_HOURS = 1.0  # of full power, for storage that reported no capacity
_DAY = 86400
_ENERGY_SINCE_SOC = (
    "SELECT x.device_id, m.href, "
    + meanloads.ENERGY_SINCE.format("der_state x", "x.soc_at", "x.soc_at")
    + "x.soc_at < ? AND x.soc_at > ? AND m.read_at > x.soc_at GROUP BY x.device_id, m.href"
)
_OLD_SOC = (
    "SELECT x.device_id, min(x.soc_at) FROM der_state x JOIN membership p ON p.device_id = x.device_id "
    "WHERE p.vder_id = ? AND x.soc_at < ? AND x.soc_at > ? GROUP BY x.device_id"
)


def storage(columns: MemberColumns, reasons: Any, at: int) -> tuple[StorageMembers, Batteries]:
    """Return the storage members as they are at `at` (UTC, s), several DERs of one device as one battery.

    Writes into `reasons` ([n] of str) why others cannot be dispatched.
    """
    usable, chosen = resources.usable_ders(columns, reasons, "storage", "opModFixedW", "opModTargetW")
    ders, members = columns.ders, np.flatnonzero(chosen)
    label = np.searchsorted(members, ders.member[usable])
    stored = _stored_energy(ders)

    def total(values: Floats) -> Floats:
        return sums(label, values[usable], len(members))

    energy_wh, capacity_wh = total(stored.energy_wh), total(stored.capacity_wh)
    energy_at = np.full(len(members), float(at))
    soc_at = np.where(stored.by_soc, np.nan_to_num(ders.soc_at, nan=at), at)
    np.minimum.at(energy_at, label, soc_at[usable])
    mean_load_w = _mean_load_since_soc(columns, at)
    load_w = np.array([mean_load_w.get(device, np.nan) for device in columns.device[members].tolist()])
    charge_w = np.where(load_w > 0, load_w * EFFICIENCY, load_w / EFFICIENCY)
    gained_wh = charge_w * (np.maximum(at - energy_at, 0) / 3600)
    carry = np.isfinite(load_w) & (at - energy_at > OLD_S)
    carried_wh = np.clip(energy_wh + np.nan_to_num(gained_wh), 0, capacity_wh)
    agreed_w, agreed_reserve = (bounds[members] for bounds in siteblocks.storage_bounds(columns))
    batteries = Batteries(
        energy=np.where(carry, carried_wh, energy_wh),
        least=np.maximum(total(stored.reserve_wh), agreed_reserve * capacity_wh),
        most=capacity_wh,
        charge=np.minimum(total(ders.max_absorption_w), agreed_w),
        discharge=np.minimum(total(ders.max_injection_w), agreed_w),
        efficiency=np.full(len(members), EFFICIENCY),
        group=columns.group[members],
    )
    energy_at = np.where(carry, at, energy_at).astype(np.intp)
    return StorageMembers(**resources.identity(columns, members), energy_at=energy_at), batteries


@dataclass(frozen=True, kw_only=True)
class _StoredEnergy:
    """The energy in each DER [n], its reserve and capacity.

    `by_soc` is whether the energy follows from a reported state of charge.
    """
    energy_wh: Floats
    reserve_wh: Floats
    capacity_wh: Floats
    by_soc: Bools


def _stored_energy(ders: DerColumns) -> _StoredEnergy:
    """Return the stored energy by the best that each DER reported.

    Durations of DERAvailability come first, then capacity and state of charge; a capacity may be inferred.
    """
    by_availability = ~np.isfinite(ders.capacity_wh) & np.isfinite(ders.dischargeable_wh + ders.chargeable_wh)
    default_wh = np.maximum(ders.max_injection_w, ders.max_absorption_w) * DEFAULT_STORAGE_HOURS
    capacity_wh = np.select(
        [np.isfinite(ders.capacity_wh), by_availability, np.isfinite(ders.inferred_capacity_wh)],
        [ders.capacity_wh, ders.dischargeable_wh + ders.chargeable_wh, ders.inferred_capacity_wh],
        default_wh,
    )
    # the durations of DERAvailability leave out the reserve already
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
    """Return, by device (number), the mean load since its last state of charge, where that is old."""
    if not (at - columns.ders.soc_at > OLD_S).any():
        return {}
    area, oldest, newest = columns.area.id, at - _DAY, at - OLD_S
    windows = {device: Window(device, soc_at) for device, soc_at in sql.rows(_OLD_SOC, area, newest, oldest)}
    least = meanloads.least_set_start(windows.values(), at)
    energy = sql.rows(_ENERGY_SINCE_SOC, least, at, area, *meterrows.bounds(), newest, oldest)
    return meanloads.mean_load_w(windows, energy, at)
