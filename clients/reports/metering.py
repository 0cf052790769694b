"""Readings: a MirrorUsagePoint and what is posted to it (IEEE 2030.5-2018 10.11).  Pure: meters in, documents
out."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from clients.devices.devicemodel import DeviceModel

Data = dict[str, Any]
# Bits of roleFlags
MIRROR, PEV, DER, SUBMETER = 1, 4, 8, 64
WATTS, VARS, VOLTS, WATT_HOURS = 38, 63, 29, 72
AVERAGE, NORMAL = 2, 12
INSTANTANEOUS, DELTA = 12, 4
FORWARD, REVERSE = 1, 19


class Register(NamedTuple):
    """One thing that is read. `flow` is seen from the utility: reverse is received from the customer, so that
    a reverse reading is + for injection as a DERControl is."""
    name: str
    uom: int
    kind: int
    flow: int
    behaviour: int
    qualifier: int
    multiplier: int
    value: Callable[[DeviceModel, DeviceModel, float], float]


def _mean_power(before: DeviceModel, after: DeviceModel, seconds: float) -> float:
    energy = (after.injected - before.injected) - (after.absorbed - before.absorbed)
    return energy * 3600 / seconds if seconds > 0 else after.power


def _injected(before: DeviceModel, after: DeviceModel, _: float) -> float:
    return round(after.injected) - round(before.injected)   # so that the parts sum to the whole


def _absorbed(before: DeviceModel, after: DeviceModel, _: float) -> float:
    return round(after.absorbed) - round(before.absorbed)


REGISTERS = (
    Register("active power", WATTS, 37, REVERSE, INSTANTANEOUS, AVERAGE, 0, _mean_power),
    Register("energy injected", WATT_HOURS, 12, REVERSE, DELTA, NORMAL, 0, _injected),
    Register("energy absorbed", WATT_HOURS, 12, FORWARD, DELTA, NORMAL, 0, _absorbed),
    Register("reactive power", VARS, 37, REVERSE, INSTANTANEOUS, NORMAL, 0, lambda _, after, __: after.var),
    Register("voltage", VOLTS, 0, 0, INSTANTANEOUS, NORMAL, -1,
             lambda _, after, __: after.volts / 100 * after.site.nominal_volts * 10),
)


def registers(plant: DeviceModel) -> tuple[Register, ...]:
    """Those that such a plant has: reactive power only where it has a say in it."""
    return tuple(one for one in REGISTERS if one.uom != VARS or plant.max_var)


def mrid(lfdi: str, what: str) -> str:
    """An mRID that is the same whenever this device names the same thing; it ends with no enterprise number
    (0)."""
    return hashlib.sha256(f"{lfdi} {what}".encode()).hexdigest()[:24].upper() + "00000000"


def usage_point(plant: DeviceModel, lfdi: str, post_rate: int) -> Data:
    """The MirrorUsagePoint that states what will be read, and how often."""
    role = MIRROR | SUBMETER | (PEV if plant.kind == "evcharger" else DER)
    readings = [
        {
            "mRID": mrid(lfdi, one.name),
            "description": one.name,
            "ReadingType": {
                "accumulationBehaviour": one.behaviour,
                "commodity": 1,
                "dataQualifier": one.qualifier,
                "flowDirection": one.flow,
                "intervalLength": post_rate,
                "kind": one.kind,
                "powerOfTenMultiplier": one.multiplier,
                "uom": one.uom,
            },
        }
        for one in registers(plant)
    ]
    return {"mRID": mrid(lfdi, "usage point"), "description": plant.name[:32], "roleFlags": f"{role:04X}",
            "serviceCategoryKind": 0, "status": 1, "deviceLFDI": lfdi, "MirrorMeterReading": readings}


def readings(before: DeviceModel, after: DeviceModel, lfdi: str, since: int, until: int) -> Data:
    """A MirrorMeterReadingList with one reading of each register for the time from `since` to `until`."""
    period = {"start": since, "duration": until - since}
    items = []
    for one in registers(after):
        reading = {"timePeriod": period, "value": round(one.value(before, after, until - since))}
        items.append({"mRID": mrid(lfdi, one.name), "lastUpdateTime": until, "MirrorReadingSet": [
            {"mRID": mrid(lfdi, f"{one.name} {since}"), "timePeriod": period, "Reading": [reading]}]})
    return {"all": len(items), "results": len(items), "MirrorMeterReading": items}
