"""The fleet state: the members of a virtual DER at an instant, in arrays, for dispatch and balance.

It takes a few queries, whatever the size. Consumption is positive here, in W, as in all arrays of the
balance; energy is in Wh. What a device has not reported is inferred as far as possible (see `resources`).
"""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from server.grid.fleet import (eligibility, memberqueries, resources, sessionresources, siteblocks,
                               storageresources)
from server.grid.fleet.devicetypes import THERMAL_VARIETIES
from server.grid.fleet.kindmembers import EvMembers, KindMembers, PvMembers, StorageMembers, ThermalMembers
from server.grid.fleet.membercolumns import MemberColumns
from server.grid.fleet.siteblocks import SiteBlock
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import np
from server.grid.optimisation.disaggregation import Fleet
from server.models import VirtualDER
from server.units import Watts


@dataclass(frozen=True, kw_only=True)
class FleetState:
    """The members of an area at the instant `at` (UTC, s), for steps of `hours`.

    `dispatch_groups` are the virtual DERs through which members are dispatched; a member's `group` is an
    index into it. `storage`, `ev` and `thermal` are parallel to the batteries, sessions and thermal loads of
    `fleet`, which has no PV. `excluded` has the reason of each excluded member by number, `excluded_load_w`
    is their load by the last readings. `categories` are the DeviceCategoryType bits of each variety of
    thermal load. `columns` has all members, excluded or not. `blocks` are those of generators and of loads
    that are called as a whole.
    """
    at: int
    hours: float
    dispatch_groups: list[VirtualDER]
    fleet: Fleet
    storage: StorageMembers
    ev: EvMembers
    thermal: ThermalMembers
    pv: PvMembers
    excluded: dict[int, str]
    excluded_load_w: float
    columns: MemberColumns
    blocks: tuple[SiteBlock, ...] = ()
    categories: tuple[int, ...] = THERMAL_VARIETIES

    @property
    def by_kind(self) -> dict[str, KindMembers]:
        """The members that can be dispatched, by kind of device."""
        return {"storage": self.storage, "ev": self.ev, "thermal": self.thermal, "pv": self.pv}


def read(area: VirtualDER, at: int, hours: float = 0.25, start: int | None = None) -> FleetState:
    """Return the fleet state of an area at `at` (UTC, s), for steps of `hours` from `start` on, or from then
    on."""
    columns = memberqueries.read(area, at)
    reasons = eligibility.exclusions(columns, at)
    storage, batteries = storageresources.storage(columns, reasons, at)
    ev, sessions = sessionresources.charging_sessions(
        columns, reasons, at, hours, at if start is None else start)
    thermal, thermals, base = resources.thermal_loads(columns, reasons, hours)
    pv = resources.generation(columns, reasons)
    blocks = siteblocks.read(columns, reasons, at)
    excluded = reasons != ""
    return FleetState(
        at=at,
        hours=hours,
        dispatch_groups=columns.dispatch_groups,
        fleet=Fleet(batteries, sessions, thermals, base),
        storage=storage,
        ev=ev,
        thermal=thermal,
        pv=pv,
        excluded=dict(zip(columns.device[excluded].tolist(), reasons[excluded].tolist(), strict=True)),
        excluded_load_w=float(-np.nansum(columns.meters.injection_w[excluded])),
        columns=columns,
        blocks=tuple(blocks),
    )


def ability_w(fleet_state: FleetState) -> Watts:
    """Return by how many watts at the most all members together can change what an area draws."""
    fleet = fleet_state.fleet
    ranges = (fleet.batteries.charge + fleet.batteries.discharge, fleet.sessions.power, fleet.thermals.power,
              fleet_state.pv.rated_w)
    return float(sum(part.sum() for part in ranges))


def responding(fleet_state: FleetState) -> FleetState:
    """Return the state with the power of storage reduced to the fraction with which it has responded.

    A minimum (RESPONSE_FRACTION) is kept, so that storage that was out of order is detected to work again.
    """
    rate = np.maximum(fleet_state.storage.response_rate, measurement.RESPONSE_FRACTION)
    batteries = fleet_state.fleet.batteries
    reduced = batteries._replace(charge=batteries.charge * rate, discharge=batteries.discharge * rate)
    return replace(
        fleet_state,
        fleet=fleet_state.fleet._replace(batteries=reduced),
        storage=replace(fleet_state.storage, response_rate=rate),
    )


def excluding(fleet_state: FleetState, devices: Collection[int], reason: str) -> FleetState:
    """Return the state without these devices (by number), which are excluded for this reason."""
    numbers = np.array(sorted(devices), dtype=np.intp)
    remains = {kind: ~np.isin(members.device, numbers) for kind, members in fleet_state.by_kind.items()}
    blocks = tuple(block for block in fleet_state.blocks if block.device not in devices)
    newly_excluded = [
        device
        for kind, members in fleet_state.by_kind.items()
        for device in members.device[~remains[kind]].tolist()
    ]
    newly_excluded += sorted({block.device for block in fleet_state.blocks} & set(devices))
    if not newly_excluded:
        return fleet_state
    fleet = fleet_state.fleet
    return replace(
        fleet_state,
        fleet=Fleet(
            fleet.batteries.only(remains["storage"]),
            fleet.sessions.only(remains["ev"]),
            fleet.thermals.only(remains["thermal"]),
            fleet.base[remains["thermal"]],
        ),
        storage=fleet_state.storage.only(remains["storage"]),
        ev=fleet_state.ev.only(remains["ev"]),
        thermal=fleet_state.thermal.only(remains["thermal"]),
        pv=fleet_state.pv.only(remains["pv"]),
        blocks=blocks,
        excluded={**fleet_state.excluded, **dict.fromkeys(newly_excluded, reason)},
    )
