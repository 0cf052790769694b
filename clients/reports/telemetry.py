"""What a device reports: ratings, settings, status, availability and alarms.  Pure: a device model in,
documents out."""
from __future__ import annotations

import math
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.events import loadcontrol, prices, reservation
from server.resources.codes import (Alarm, BatteryStatus, ConnectStatus, DERControlType, DOEControlType,
                                    FunctionsImplemented, InverterStatus, LocalControlModeStatus,
                                    LogFunctionSet, LogProfile, OperationalModeStatus, OperationalState,
                                    PowerSource, StorageModeStatus)

Data = dict[str, Any]
FUNCTIONS = (
    FunctionsImplemented.DEVICE_CAPABILITY
    | FunctionsImplemented.END_DEVICE
    | FunctionsImplemented.FUNCTION_SET_ASSIGNMENTS
    | FunctionsImplemented.RESPONSE
    | FunctionsImplemented.TIME
    | FunctionsImplemented.DEVICE_INFORMATION
    | FunctionsImplemented.POWER_STATUS
    | FunctionsImplemented.LOG_EVENT
    | FunctionsImplemented.SOFTWARE_DOWNLOAD
    | FunctionsImplemented.METERING
    | FunctionsImplemented.DER_CONTROL
)
ENTERPRISE_SEP = 40732
"""Private enterprise number of IEEE 2030.5."""
LOW_SOC = 0.2
"""State of charge up to which batteryStatus is low."""
PERCENT = 10000
MIN_POWER_W = 1
"""Power below which a device counts as idle."""


def scaled(number: float, largest: int = 32767) -> Data:
    """Return a number as value and multiplier, as precisely as fits.

    `scaled(74000)` is 7400 times ten to the power of 1.
    """
    multiplier = 0
    while abs(number) / 10 ** multiplier > largest:
        multiplier += 1
    return {"multiplier": multiplier, "value": round(number / 10 ** multiplier)}


def mode_bitmaps(modes: frozenset[str]) -> tuple[str, str]:
    """Return modes ("charge", "discharge" and names of control modes) as DERControlType and, those of
    CSIP-AUS, as DOEControlType."""
    bits = sum(1 << mode for mode in DERControlType if mode.name in modes)
    doe_bits = sum(1 << mode for mode in DOEControlType if f"csipaus:{mode.name}" in modes)
    return f"{bits:08X}", f"{doe_bits:02X}"


def _modes(model: DeviceModel) -> frozenset[str]:
    """Return the modes of a device. A charger can discharge where it is rated for that."""
    return model.modes | {"discharge"} if model.max_discharge_w else model.modes


def capability(model: DeviceModel) -> Data:
    """Return DERCapability: the nameplate."""
    modes, doe_modes = mode_bitmaps(_modes(model))
    document: Data = {"modesSupported": modes, "rtgMaxW": scaled(model.max_injection_w),
                "type": model.der_type, "csipaus:doeModesSupported": doe_modes,
                "rtgVNom": scaled(model.site.nominal_volts)}
    if model.max_injection_w:
        document["rtgMaxVA"] = scaled(math.hypot(model.max_injection_w, model.max_var), 65535)
    return document | _ratings(model, "rtg")


def settings(model: DeviceModel, gradient_percent_per_s: float, now: int) -> Data:
    """Return DERSettings: equal to the ratings, with the setGradW in effect.

    The gradient is in percent of setMaxW per second.
    """
    modes, doe_modes = mode_bitmaps(_modes(model))
    return {"modesEnabled": modes, "setGradW": round(gradient_percent_per_s * 100),
            "setMaxW": scaled(model.max_injection_w), "updatedTime": now,
            "setVRef": scaled(model.site.nominal_volts),
            "csipaus:doeModesEnabled": doe_modes} | _ratings(model, "set")


def _ratings(model: DeviceModel, prefix: str) -> Data:
    """Return the values that ratings and settings share, where the device has them."""
    values = {
        "MaxChargeRateW": scaled(model.max_charge_w),
        "MaxDischargeRateW": scaled(model.max_discharge_w),
        "MaxWh": scaled(model.max_wh, 65535),
        "MaxVar": scaled(model.max_var),
    }
    return {prefix + name: value for name, value in values.items() if value["value"]}


def status(model: DeviceModel, now: int, remote: bool) -> Data:
    """Return DERStatus; `remote` says whether a control of the utility is followed."""
    document: Data = {
        "readingTime": now,
        "alarmStatus": f"{model.alarms:08X}",
        "inverterStatus": _stamped(now, _inverter_status(model)),
        "localControlModeStatus": _stamped(
            now, LocalControlModeStatus.REMOTE if remote else LocalControlModeStatus.LOCAL),
        "operationalModeStatus": _stamped(
            now, OperationalModeStatus.OPERATIONAL if model.connected else OperationalModeStatus.OFF),
    }
    connect = _stamped(now, f"{_connect_status(model):02X}")
    if model.max_injection_w:
        document["genConnectStatus"] = connect
    if model.max_charge_w:
        document["storConnectStatus"] = connect
        document["storageModeStatus"] = _stamped(now, _storage_mode(model))
    if model.soc is not None:
        document["stateOfChargeStatus"] = _stamped(now, round(model.soc * PERCENT))
    return document


def _stamped(now: int, value: int | str) -> Data:
    return {"dateTime": now, "value": value}


def _connect_status(model: DeviceModel) -> ConnectStatus:
    bits = ConnectStatus.FAULT if model.alarms else ConnectStatus(0)
    if model.connected:
        bits |= ConnectStatus.CONNECTED | ConnectStatus.AVAILABLE
        if abs(model.injection_w) >= MIN_POWER_W:
            bits |= ConnectStatus.OPERATING
    return bits


def _storage_mode(model: DeviceModel) -> StorageModeStatus:
    if model.injection_w < -MIN_POWER_W:
        return StorageModeStatus.CHARGING
    return StorageModeStatus.DISCHARGING if model.injection_w > MIN_POWER_W else StorageModeStatus.HOLDING


def _inverter_status(model: DeviceModel) -> InverterStatus:
    if not model.connected:
        return InverterStatus.OFF
    if model.alarms:
        return InverterStatus.FAULT
    if model.limited:
        return InverterStatus.DERATED
    if abs(model.injection_w) < MIN_POWER_W:
        return InverterStatus.SLEEPING if model.kind == "inverter" else InverterStatus.STANDBY
    return InverterStatus.TRACKING


def availability(model: DeviceModel, now: int) -> Data:
    """Return DERAvailability: the injection possible now, and how long a storage could discharge or charge
    at full power."""
    document: Data = {
        "readingTime": now,
        "statWAvail": scaled(model.available_w),
        "statVarAvail": scaled(model.max_var),
    }
    if model.dischargeable_wh is not None:
        document["availabilityDuration"] = round(model.dischargeable_wh / model.max_discharge_w * 3600)
    if model.chargeable_wh is not None:
        document["maxChargeDuration"] = round(model.chargeable_wh / model.max_charge_w * 3600)
    return document


def device_status(model: DeviceModel, now: int, since: int) -> Data:
    """Return DeviceStatus; the device was switched on at `since`."""
    return {
        "changedTime": now,
        "onCount": 1,
        "opState": OperationalState.OPERATING if model.connected else OperationalState.DISCONNECTED,
        "opTime": max(0, now - since),
    }


def power_status(model: DeviceModel, now: int) -> Data:
    """Return PowerStatus: on mains, with the state of charge of a battery or vehicle."""
    document: Data = {"batteryStatus": BatteryStatus.NOT_APPLICABLE, "changedTime": now,
                "currentPowerSource": PowerSource.MAINS}
    if model.soc is not None:
        document |= {
            "batteryStatus": BatteryStatus.LOW if model.soc <= LOW_SOC else BatteryStatus.NORMAL,
            "estimatedChargeRemaining": round(model.soc * PERCENT),
        }
    pev_info = model.pev_info(now)
    return document | ({"PEVInfo": pev_info} if pev_info is not None else {})


def load_shed(model: DeviceModel, program: str) -> Data | None:
    """Return LoadShedAvailability for a DemandResponseProgram (its href); None where it is unknown."""
    if model.shed_duration_s is None:
        return None
    load_w = max(0.0, -model.injection_w)
    return {"availabilityDuration": round(model.shed_duration_s),
            "DemandResponseProgramLink": {"href": program},
            "sheddablePercent": round(model.shed_w / load_w * PERCENT) if load_w else 0,
            "sheddablePower": scaled(model.shed_w)}


def exceeds_threshold(program: Data, before: Data | None, now: Data) -> bool:
    """Return whether LoadShedAvailability has changed by more than a DemandResponseProgram's threshold.

    A program without a threshold wants no LoadShedAvailability.
    """
    for threshold, field in (("availabilityUpdatePercentChangeThreshold", "sheddablePercent"),
                             ("availabilityUpdatePowerChangeThreshold", "sheddablePower")):
        limit = _number(program.get(threshold, 0))
        if limit > 0 and (before is None or abs(_number(now[field]) - _number(before[field])) > limit):
            return True
    return False


def _number(value: Any) -> float:
    return float(value["value"] * 10.0 ** value["multiplier"] if isinstance(value, dict) else value)


def information(model: DeviceModel, lfdi: str, manufactured: int, version: str) -> Data:
    """Return DeviceInformation: the model is the kind, the serial number is the end of the LFDI."""
    functions = FUNCTIONS
    if model.der_type is None:
        functions &= ~FunctionsImplemented.DER_CONTROL
    if model.modes & loadcontrol.MODES:
        functions |= FunctionsImplemented.DEMAND_RESPONSE
    if reservation.MODE in model.modes:
        functions |= FunctionsImplemented.FLOW_RESERVATION
    if prices.MODE in model.modes:
        functions |= FunctionsImplemented.PRICING
    return {
        "functionsImplemented": f"{functions:016X}",
        "lFDI": lfdi,
        "mfDate": manufactured,
        "mfHwVer": "1",
        "mfID": 0,
        "mfModel": f"Counterpoise {model.kind}",
        "mfSerNum": lfdi[-12:],
        "primaryPower": PowerSource.MAINS,
        "secondaryPower": PowerSource.NONE,
        "swActTime": manufactured,
        "swVer": version,
    }


def alarms(before: int, after: int, now: int, first_id: int) -> list[Data]:
    """Return LogEvents for alarms that came or went; `first_id` is the first logEventID to use.

    The logEventCode is twice the number of the alarm's bit, and one more for its return to normal (CSIP table
    14).
    """
    changed = [bit for bit in range(len(Alarm)) if (before ^ after) >> bit & 1]
    return [
        {
            "createdDateTime": now,
            "functionSet": LogFunctionSet.DER,
            "logEventCode": 2 * bit + (not after >> bit & 1),
            "logEventID": (first_id + index) % 65536,
            "logEventPEN": ENTERPRISE_SEP,
            "profileID": LogProfile.IEEE_2030_5,
        }
        for index, bit in enumerate(changed)
    ]
