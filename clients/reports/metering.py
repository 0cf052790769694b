"""A MirrorUsagePoint and the readings that are posted to it (IEEE 2030.5-2018 10.11).  Pure: device models
in, documents out."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from clients.devices.devicemodel import DeviceModel
from server.resources.codes import (AccumulationBehaviour, Commodity, DataQualifier, FlowDirection,
                                    ReadingKind, RoleFlags, ServiceKind, Uom, UsagePointStatus)

Data = dict[str, Any]


class Register(NamedTuple):
    """A quantity that is read: the fields of its ReadingType, and its value for an interval.

    `flow` is the utility's direction: reverse is received from the customer, so that a reverse reading is
    positive for injection, as a DERControl is. `value(before, after, seconds)` takes the device model at the
    beginning and at the end of the interval.
    """
    name: str
    uom: Uom
    kind: ReadingKind
    flow: FlowDirection
    behaviour: AccumulationBehaviour
    qualifier: DataQualifier
    power_of_ten: int
    value: Callable[[DeviceModel, DeviceModel, float], float]


def _mean_injection_w(before: DeviceModel, after: DeviceModel, seconds: float) -> float:
    energy_wh = (after.injected_wh - before.injected_wh) - (after.absorbed_wh - before.absorbed_wh)
    return energy_wh * 3600 / seconds if seconds > 0 else after.injection_w


def _injected_wh(before: DeviceModel, after: DeviceModel, _: float) -> float:
    # the registers are rounded, not their difference, so that the intervals sum up to the registers
    return round(after.injected_wh) - round(before.injected_wh)


def _absorbed_wh(before: DeviceModel, after: DeviceModel, _: float) -> float:
    return round(after.absorbed_wh) - round(before.absorbed_wh)


def _reactive_var(_: DeviceModel, after: DeviceModel, __: float) -> float:
    return after.reactive_var


def _decivolts(_: DeviceModel, after: DeviceModel, __: float) -> float:
    return after.voltage_percent / 100 * after.site.nominal_volts * 10


REGISTERS = (
    Register("active power", Uom.W, ReadingKind.POWER, FlowDirection.REVERSE,
             AccumulationBehaviour.INSTANTANEOUS, DataQualifier.AVERAGE, 0, _mean_injection_w),
    Register("energy injected", Uom.WH, ReadingKind.ENERGY, FlowDirection.REVERSE,
             AccumulationBehaviour.DELTA, DataQualifier.NORMAL, 0, _injected_wh),
    Register("energy absorbed", Uom.WH, ReadingKind.ENERGY, FlowDirection.FORWARD,
             AccumulationBehaviour.DELTA, DataQualifier.NORMAL, 0, _absorbed_wh),
    Register("reactive power", Uom.VAR, ReadingKind.POWER, FlowDirection.REVERSE,
             AccumulationBehaviour.INSTANTANEOUS, DataQualifier.NORMAL, 0, _reactive_var),
    Register("voltage", Uom.V, ReadingKind.NOT_APPLICABLE, FlowDirection.NOT_APPLICABLE,
             AccumulationBehaviour.INSTANTANEOUS, DataQualifier.NORMAL, -1, _decivolts),
)


def registers(model: DeviceModel) -> tuple[Register, ...]:
    """Return the registers of a device: reactive power only where the device controls it."""
    return tuple(register for register in REGISTERS if register.uom != Uom.VAR or model.max_var)


def mrid(lfdi: str, name: str) -> str:
    """Return an mRID that is the same whenever this device names the same thing.

    Its last eight digits are the enterprise number 0.
    """
    return hashlib.sha256(f"{lfdi} {name}".encode()).hexdigest()[:24].upper() + "00000000"


def usage_point(model: DeviceModel, lfdi: str, post_rate_s: int) -> Data:
    """Return the MirrorUsagePoint that announces the readings and their interval."""
    role = RoleFlags.MIRROR | RoleFlags.SUBMETER
    if model.kind == "evcharger":
        role |= RoleFlags.PEV
    elif model.der_type is not None:
        role |= RoleFlags.DER
    readings = [
        {
            "mRID": mrid(lfdi, register.name),
            "description": register.name,
            "ReadingType": {
                "accumulationBehaviour": register.behaviour,
                "commodity": Commodity.ELECTRICITY_SECONDARY,
                "dataQualifier": register.qualifier,
                "flowDirection": register.flow,
                "intervalLength": post_rate_s,
                "kind": register.kind,
                "powerOfTenMultiplier": register.power_of_ten,
                "uom": register.uom,
            },
        }
        for register in registers(model)
    ]
    return {
        "mRID": mrid(lfdi, "usage point"),
        "description": model.name[:32],
        "roleFlags": f"{role:04X}",
        "serviceCategoryKind": ServiceKind.ELECTRICITY,
        "status": UsagePointStatus.ON,
        "deviceLFDI": lfdi,
        "MirrorMeterReading": readings,
    }


def readings(before: DeviceModel, after: DeviceModel, lfdi: str, since: int, until: int) -> Data:
    """Return a MirrorMeterReadingList with one reading of each register, from `since` to `until`."""
    period = {"start": since, "duration": until - since}
    items = []
    for register in registers(after):
        reading = {"timePeriod": period, "value": round(register.value(before, after, until - since))}
        items.append({"mRID": mrid(lfdi, register.name), "lastUpdateTime": until, "MirrorReadingSet": [
            {"mRID": mrid(lfdi, f"{register.name} {since}"), "timePeriod": period, "Reading": [reading]}]})
    return {"all": len(items), "results": len(items), "MirrorMeterReading": items}
