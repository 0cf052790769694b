"""Members as resources of a plan: what all kinds share, thermal loads and PV.

Consumption is positive, in W; energy in Wh. Each function takes `reasons` ([n] of str, empty for members that
can be dispatched) and writes into it, in place, why a member of its kind cannot be dispatched.
"""
from __future__ import annotations

from typing import Any

from server.config import settings
from server.grid.fleet import eligibility
from server.grid.fleet.devicetypes import GENERATOR_TYPES, NOT_STORAGE_TYPES, STORAGE_TYPES, THERMAL_VARIETIES
from server.grid.fleet.kindmembers import PvMembers, ThermalMembers
from server.grid.fleet.membercolumns import MemberColumns
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.optimisation.clusters import Thermals, sums
from server.grid.series import thermalmodels
from server.resources.codes import DERType


def identity(columns: MemberColumns, members: Whole) -> dict[str, Any]:
    """Return the fields that the records of all kinds share, for these members (indices)."""
    return {
        "device": columns.device[members],
        "response_rate": columns.participation.response_rate[members],
        "tier": columns.participation.tier[members],
        "fresh": columns.contact.fresh[members],
    }


def dispatchable(columns: MemberColumns, reasons: Any, kind: str) -> Bools:
    """Return [n] which members are of this kind and not excluded."""
    flags: Bools = (columns.kind == kind) & (reasons == "")
    return flags


def usable_ders(columns: MemberColumns, reasons: Any, kind: str, *modes: str) -> tuple[Bools, Bools]:
    """Return which DERs of members of a kind can be controlled by one of these modes, and which members have
    any."""
    ders, size = columns.ders, len(columns.device)
    mixed, charges = ders.der_type == DERType.VIRTUAL_OR_MIXED, ders.max_absorption_w > 0
    stores = np.isin(ders.der_type, STORAGE_TYPES) | mixed & charges | (
        np.isfinite(ders.capacity_wh) & ~np.isin(ders.der_type, NOT_STORAGE_TYPES))
    of_kind = {
        "storage": stores,
        "pv": ders.der_type == DERType.PHOTOVOLTAIC,
        "generator": np.isin(ders.der_type, GENERATOR_TYPES) | mixed & ~stores,
    }[kind]
    chosen = dispatchable(columns, reasons, kind)
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


def thermal_rating_w(columns: MemberColumns) -> Floats:
    """Return [n]: what each member draws at the most as a thermal load; 0 where that is not known.

    It is what a device reports, else the rating of its DER, else the greatest load read; and never less than
    it draws.
    """
    ders, meters = columns.ders, columns.meters
    max_absorption_w = np.bincount(ders.member, ders.max_absorption_w, len(columns.device))
    rating_w = np.select(
        [columns.max_load_w > 0, max_absorption_w > 0],
        [columns.max_load_w, max_absorption_w],
        meters.peak_load_w,
    )
    load_w = np.maximum(np.nan_to_num(-meters.injection_w), 0)
    return np.where(rating_w > 0, np.maximum(rating_w, load_w), 0)


def thermal_variety(category: Whole) -> Whole:
    """Return [n]: the index in THERMAL_VARIETIES of thermal loads of these DeviceCategoryType bits."""
    return np.where((category & THERMAL_VARIETIES[0]) > 0, 0, 1)


def thermal_loads(
    columns: MemberColumns, reasons: Any, hours: float
) -> tuple[ThermalMembers, Thermals, Floats]:
    """Return the thermal loads for steps of `hours`, and the load (W) of each without control."""
    chosen = dispatchable(columns, reasons, "thermal")
    load_w = np.maximum(np.nan_to_num(-columns.meters.injection_w), 0)
    rating_w = thermal_rating_w(columns)
    reasons[chosen & (rating_w <= 0)] = eligibility.UNRATED
    members = np.flatnonzero(chosen & (rating_w > 0))
    variety = thermal_variety(columns.category[members])
    band_h, leak_h, response = _learned(columns, columns.group[members], variety)
    thermals = Thermals(
        state=np.zeros(len(members)),
        band=rating_w[members] * band_h * response,
        keep=np.exp(-hours / leak_h),
        power=rating_w[members],
        kind=variety,
        group=columns.group[members],
        rise=np.where(variety == 0, response, 0.0),  # a DutyCycle only limits
        fall=response,
    )
    record = ThermalMembers(**identity(columns, members), realised_wh=np.zeros(len(members)))
    return record, thermals, load_w[members]


def _learned(columns: MemberColumns, group: Whole, variety: Whole) -> tuple[Floats, Floats, Floats]:
    """Return [n] each, of loads of these groups (index) and varieties: how many hours at full power a whole
    comfort band is, the time constant of its leak in h, and the fraction of what is asked that is delivered.

    They are as learned of the group, else as declared.
    """
    if not len(group):
        return np.zeros(0), np.ones(0), np.ones(0)
    models = thermalmodels.read([vder.id for vder in columns.dispatch_groups])
    declared = settings.comfort_hours, thermalmodels.LEAK_HOURS, 1.0
    values_of = {}
    for (vder, number), learned in models.items():
        band_h = learned.model.store.band_h_per_k * settings.comfort_kelvin
        # declared as 0 they are not to be used, whatever they store
        band_h = band_h if settings.comfort_hours > 0 and learned.model.is_learned else settings.comfort_hours
        values_of[vder, number] = band_h, learned.model.store.leak_h, learned.model.response
    keys = zip([columns.dispatch_groups[index].id for index in group.tolist()], variety.tolist(), strict=True)
    values = np.array([values_of.get(key, declared) for key in keys], dtype=float).reshape(-1, 3)
    return values[:, 0], values[:, 1], values[:, 2]


def generation(columns: MemberColumns, reasons: Any) -> PvMembers:
    """Return the PV inverters that can be curtailed."""
    usable, chosen = usable_ders(columns, reasons, "pv", "opModMaxLimW")
    members, ders = np.flatnonzero(chosen), columns.ders
    label = np.searchsorted(members, ders.member[usable])
    return PvMembers(
        **identity(columns, members),
        rated_w=sums(label, ders.max_injection_w[usable], len(members)),
        generation_w=np.maximum(np.nan_to_num(columns.meters.injection_w[members]), 0),
        group=columns.group[members],
    )
