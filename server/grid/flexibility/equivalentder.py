"""A virtual DER as if it were one DER: its members' ratings, settings, status and availability, summed.

So a virtual DER can be a member itself, of another system's as well. Ratings are what members could do
without limits, settings what the virtual DER's own limits leave of that; both round as an ActivePower does.
"""
from __future__ import annotations

from collections.abc import Iterable
from math import fsum
from typing import Any

from server import clock
from server.grid.fleet import members
from server.grid.fleet.members import Member
from server.grid.flexibility import capability
from server.grid.groups import virtualders
from server.models import VirtualDER
from server.resources import dermodes, quantities, sql
from server.resources.codes import ConnectStatus, DERType, OperationalModeStatus, StorageModeStatus
from server.resources.quantities import FULL

Data = dict[str, Any]
_IDLE = 1.0  # W: less is nothing
_UINT16, _UINT32 = (1 << 16) - 1, (1 << 32) - 1


def equivalent_der(vder: str | int | VirtualDER) -> dict[str, Data]:
    """DERCapability, DERSettings, DERStatus and DERAvailability of a virtual DER, by those names, each a
    valid document. What is asked of a device that is in several of its children counts once; who is suspended
    does not count, and who is not online is rated and no more."""
    found = virtualders.find(vder)
    inside = members.read(virtualders.members(found))
    ramp = sql.row(
        "SELECT sum(u.ramp_w_per_s) FROM der_state u JOIN membership m ON m.device_id = u.device_id WHERE "
        "m.vder_id = ?",
        found.id,
    )[0]
    return documents(inside, clock.now(), ramp or 0.0, found.import_limit_w, found.export_limit_w)


def documents(inside: Iterable[Member], now: int, ramp: float = 0.0, import_limit: float | None = None,
              export_limit: float | None = None) -> dict[str, Data]:
    """The face of members; `ramp` in W per second, limits in W. Pure."""
    every = list(inside)
    online = [member for member in every if member.online]
    total = capability.total(every)
    stores = [
        unit for member in every for unit in member.units if unit.max_absorption_w and unit.max_injection_w
    ]
    inject, absorb = total["rated_inject_w"], total["rated_absorb_w"]
    rated = {
        "MaxW": inject,
        "MaxChargeRateW": absorb,
        "MaxDischargeRateW": fsum(unit.max_injection_w for unit in stores),
    }
    cut = {"MaxW": _cut(inject, export_limit), "MaxChargeRateW": _cut(absorb, import_limit),
           "MaxDischargeRateW": _cut(rated["MaxDischargeRateW"], export_limit)}
    takes, aus = dermodes.bitmaps(frozenset().union(*(member.modes for member in every)))
    energy = {"MaxWh": quantities.power(total["capacity_wh"])} if total["capacity_wh"] else {}
    return {
        "DERCapability": {
            "type": DERType.VIRTUAL_OR_MIXED,
            "modesSupported": takes,
            "csipaus:doeModesSupported": aus,
            **{f"rtg{name}": value for name, value in (_powers(rated) | energy).items()},
        },
        "DERSettings": {
            "modesEnabled": takes,
            "csipaus:doeModesEnabled": aus,
            "updatedTime": now,
            "setGradW": min(round(ramp / cut["MaxW"] * FULL), _UINT16) if cut["MaxW"] >= _IDLE else 0,
            **{f"set{name}": value for name, value in (_powers(cut) | energy).items()},
        },
        "DERStatus": _status(online, total, bool(stores), now),
        "DERAvailability": _availability(online, total, cut, now),
    }


def _cut(watts: float, limit: float | None) -> float:
    return watts if limit is None else min(watts, limit)


def _powers(watts: dict[str, float]) -> Data:
    return {name: quantities.power(value) for name, value in watts.items() if value or name == "MaxW"}


def _status(online: list[Member], total: Data, stores: bool, now: int) -> Data:
    injected = total["injection_w"]
    bits = 0
    if online:
        bits = ConnectStatus.CONNECTED | ConnectStatus.AVAILABLE
    if online and abs(injected) >= _IDLE:
        bits |= ConnectStatus.OPERATING
    mode = OperationalModeStatus.OPERATIONAL if online else OperationalModeStatus.OFF
    connect = {"dateTime": now, "value": f"{bits:02X}"}
    said: Data = {"readingTime": now, "genConnectStatus": connect,
                  "operationalModeStatus": {"dateTime": now, "value": mode}}
    if stores:
        storage = StorageModeStatus.HOLDING
        if abs(injected) > _IDLE:
            storage = StorageModeStatus.CHARGING if injected < 0 else StorageModeStatus.DISCHARGING
        said |= {"storConnectStatus": connect, "storageModeStatus": {"dateTime": now, "value": storage}}
    if total["charge"] is not None:
        said["stateOfChargeStatus"] = {"dateTime": now, "value": round(total["charge"] * FULL)}
    return said


def _availability(online: list[Member], total: Data, cut: dict[str, float], now: int) -> Data:
    """For how long the stores' part of the rating could be held."""
    said: Data = {"readingTime": now, "statWAvail": quantities.power(max(total["up_w"], 0.0))}
    known = [
        unit
        for member in online
        for unit in member.units
        if unit.dischargeable_wh is not None or unit.chargeable_wh is not None
    ]
    for energy, rating, duration, percent, part in (
        (
            total["up_wh"],
            cut["MaxW"],
            "availabilityDuration",
            "reservePercent",
            fsum(unit.max_injection_w for unit in known),
        ),
        (
            total["down_wh"],
            cut["MaxChargeRateW"],
            "maxChargeDuration",
            "reserveChargePercent",
            fsum(unit.max_absorption_w for unit in known),
        ),
    ):
        held = min(part, rating)
        if held >= _IDLE:
            said |= {
                duration: min(round(energy / held * 3600), _UINT32),
                percent: round(held / rating * FULL),
            }
    return said
