"""A virtual DER as one equivalent DER: its members' ratings, settings, status and availability, summed.

So a virtual DER can be a member itself, of another system as well. Ratings are what members could do without
limits, settings what the limits of the virtual DER leave of that. Powers are rounded as an ActivePower is.
"""
from __future__ import annotations

from collections.abc import Iterable
from math import fsum
from typing import Any

from server import clock
from server.grid.fleet import members
from server.grid.fleet.members import Member
from server.grid.flexibility import capability
from server.grid.flexibility.results import EquivalentDer, GroupTotal
from server.grid.groups import virtualders
from server.models import VirtualDER
from server.resources import dermodes, quantities, sql
from server.resources.codes import ConnectStatus, DERType, OperationalModeStatus, StorageModeStatus
from server.resources.quantities import FULL
from server.units import Instant, Watts

Data = dict[str, Any]
_IDLE_W = 1.0  # less counts as no power
_UINT16, _UINT32 = (1 << 16) - 1, (1 << 32) - 1


def equivalent_der(vder: str | int | VirtualDER) -> EquivalentDer:
    """Return DERCapability, DERSettings, DERStatus and DERAvailability of a virtual DER.

    Each is a valid document. A device that is in several children counts once; suspended devices do not
    count, and devices that are not online count for ratings only.
    """
    target = virtualders.find(vder)
    ramp_w_per_s = sql.row(
        "SELECT sum(u.ramp_w_per_s) FROM der_state u JOIN membership m ON m.device_id = u.device_id WHERE "
        "m.vder_id = ?",
        target.id,
    )[0]
    return documents(
        members.read(virtualders.members(target)),
        clock.now(),
        ramp_w_per_s or 0.0,
        target.import_limit_w,
        target.export_limit_w,
    )


def documents(
    members: Iterable[Member],
    now: Instant,
    ramp_w_per_s: float = 0.0,
    import_limit_w: Watts | None = None,
    export_limit_w: Watts | None = None,
) -> EquivalentDer:
    """Return the equivalent DER of members. Pure."""
    all_members = list(members)
    online = [member for member in all_members if member.online]
    total = capability.total(all_members)
    storage = [
        der for member in all_members for der in member.ders if der.max_absorption_w and der.max_injection_w
    ]
    rated_w = {
        "MaxW": total["rated_inject_w"],
        "MaxChargeRateW": total["rated_absorb_w"],
        "MaxDischargeRateW": fsum(der.max_injection_w for der in storage),
    }
    limited_w = {
        "MaxW": _limited(rated_w["MaxW"], export_limit_w),
        "MaxChargeRateW": _limited(rated_w["MaxChargeRateW"], import_limit_w),
        "MaxDischargeRateW": _limited(rated_w["MaxDischargeRateW"], export_limit_w),
    }
    supported: frozenset[str] = frozenset().union(*(member.modes for member in all_members))
    modes, modes_2, csipaus_modes = dermodes.bitmaps(supported)
    energy = {"MaxWh": quantities.power(total["capacity_wh"])} if total["capacity_wh"] else {}
    gradient = 0
    if limited_w["MaxW"] >= _IDLE_W:
        gradient = min(round(ramp_w_per_s / limited_w["MaxW"] * FULL), _UINT16)
    return {
        "DERCapability": {
            "type": DERType.VIRTUAL_OR_MIXED,
            "modesSupported": modes,
            "modesSupported2": modes_2,
            "csipaus:doeModesSupported": csipaus_modes,
            **{f"rtg{name}": value for name, value in (_powers(rated_w) | energy).items()},
        },
        "DERSettings": {
            "modesEnabled": modes,
            "modesEnabled2": modes_2,
            "csipaus:doeModesEnabled": csipaus_modes,
            "updatedTime": now,
            "setGradW": gradient,
            **{f"set{name}": value for name, value in (_powers(limited_w) | energy).items()},
        },
        "DERStatus": _status(online, total, bool(storage), now),
        "DERAvailability": _availability(online, total, limited_w, now),
    }


def _limited(power_w: Watts, limit_w: Watts | None) -> Watts:
    return power_w if limit_w is None else min(power_w, limit_w)


def _powers(powers_w: dict[str, Watts]) -> Data:
    return {name: quantities.power(value) for name, value in powers_w.items() if value or name == "MaxW"}


def _status(online: list[Member], total: GroupTotal, has_storage: bool, now: Instant) -> Data:
    injection_w = total["injection_w"]
    bits = 0
    if online:
        bits = ConnectStatus.CONNECTED | ConnectStatus.AVAILABLE
    if online and abs(injection_w) >= _IDLE_W:
        bits |= ConnectStatus.OPERATING
    mode = OperationalModeStatus.OPERATIONAL if online else OperationalModeStatus.OFF
    connect = {"dateTime": now, "value": f"{bits:02X}"}
    status: Data = {
        "readingTime": now,
        "genConnectStatus": connect,
        "operationalModeStatus": {"dateTime": now, "value": mode},
    }
    if has_storage:
        storage_mode = StorageModeStatus.HOLDING
        if abs(injection_w) > _IDLE_W:
            storage_mode = StorageModeStatus.CHARGING if injection_w < 0 else StorageModeStatus.DISCHARGING
        status["storConnectStatus"] = connect
        status["storageModeStatus"] = {"dateTime": now, "value": storage_mode}
    if total["soc"] is not None:
        status["stateOfChargeStatus"] = {"dateTime": now, "value": round(total["soc"] * FULL)}
    return status


def _availability(
    online: list[Member], total: GroupTotal, limited_w: dict[str, Watts], now: Instant
) -> Data:
    """How long the storage's part of the rating can be held, either way."""
    availability: Data = {
        "readingTime": now, "statWAvail": quantities.power(max(total["up_w"], 0.0))
    }
    storage = [
        der
        for member in online
        for der in member.ders
        if der.dischargeable_wh is not None or der.chargeable_wh is not None
    ]
    discharge_w = min(fsum(der.max_injection_w for der in storage), limited_w["MaxW"])
    if discharge_w >= _IDLE_W:
        availability["availabilityDuration"] = _duration(total["up_wh"], discharge_w)
        availability["reservePercent"] = round(discharge_w / limited_w["MaxW"] * FULL)
    charge_w = min(fsum(der.max_absorption_w for der in storage), limited_w["MaxChargeRateW"])
    if charge_w >= _IDLE_W:
        availability["maxChargeDuration"] = _duration(total["down_wh"], charge_w)
        availability["reserveChargePercent"] = round(charge_w / limited_w["MaxChargeRateW"] * FULL)
    return availability


def _duration(energy_wh: float, power_w: Watts) -> int:
    return min(round(energy_wh / power_w * 3600), _UINT32)
