"""What a device says of itself: ratings, settings, status, availability, alarms.  Pure: a plant in, documents
out."""
from __future__ import annotations

import math
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.events import loadcontrol, reservation

Data = dict[str, Any]
# Bits of DERControlType (modesSupported, modesEnabled)
MODE_BITS = {
    name: bit
    for bit, name in enumerate(
        (
            "charge",
            "discharge",
            "opModConnect",
            "opModEnergize",
            "opModFixedPFAbsorbW",
            "opModFixedPFInjectW",
            "opModFixedVar",
            "opModFixedW",
            "opModFreqDroop",
            "opModFreqWatt",
            "opModHFRTMayTrip",
            "opModHFRTMustTrip",
            "opModHVRTMayTrip",
            "opModHVRTMomentaryCessation",
            "opModHVRTMustTrip",
            "opModLFRTMayTrip",
            "opModLFRTMustTrip",
            "opModLVRTMayTrip",
            "opModLVRTMomentaryCessation",
            "opModLVRTMustTrip",
            "opModMaxLimW",
            "opModTargetVar",
            "opModTargetW",
            "opModVoltVar",
            "opModVoltWatt",
            "opModWattPF",
            "opModWattVar",
        )
    )
}
# Bits of CSIP-AUS' DOEControlType
DOE_BITS = {
    "csipaus:opModExpLimW": 0,
    "csipaus:opModImpLimW": 1,
    "csipaus:opModGenLimW": 2,
    "csipaus:opModLoadLimW": 3,
}
# Values of the status types
CONNECTED, AVAILABLE, OPERATING, FAULT = 1, 2, 4, 16
OFF, SLEEPING, TRACKING, REDUCED, FAULTY, STANDBY = 1, 2, 4, 5, 7, 8
CHARGING, DISCHARGING, HOLDING = 0, 1, 2
# Bits of functionsImplemented: DeviceCapability, EndDevice, FunctionSetAssignments, Response, Time,
# DeviceInformation, PowerStatus, LogEvent, Metering, DER
FUNCTIONS = (0, 2, 3, 5, 6, 7, 8, 10, 14, 20)
LOAD_CONTROL, FLOW_RESERVATION = 13, 19
FUNCTION_SET_DER, PROFILE_SEP, ENTERPRISE_SEP = 11, 2, 40732
PERCENT = 10000


def scaled(number: float, top: int = 32767) -> Data:
    """A number as value and multiplier, as precise as fits: `scaled(74000)` is 7400 times ten to the 1."""
    multiplier = 0
    while abs(number) / 10 ** multiplier > top:
        multiplier += 1
    return {"multiplier": multiplier, "value": round(number / 10 ** multiplier)}


def bitmap(modes: frozenset[str], of: dict[str, int], digits: int) -> str:
    """Modes as a bitmap in hexadecimal."""
    return f"{sum(1 << of[mode] for mode in modes if mode in of):0{digits}X}"


def capability(plant: DeviceModel) -> Data:
    """DERCapability: the nameplate."""
    said = {"modesSupported": bitmap(_modes(plant), MODE_BITS, 8), "rtgMaxW": scaled(plant.output),
            "type": plant.der_type, "csipaus:doeModesSupported": bitmap(plant.modes, DOE_BITS, 2),
            "rtgVNom": scaled(plant.site.nominal_volts)}
    if plant.output:
        said |= {"rtgMaxVA": scaled(math.hypot(plant.output, plant.max_var), 65535)}
    return said | _ratings(plant, "rtg")


def settings(plant: DeviceModel, gradient: float, now: int) -> Data:
    """DERSettings: set to the ratings, with the setGradW in force (percent of setMaxW per second)."""
    return {"modesEnabled": bitmap(_modes(plant), MODE_BITS, 8), "setGradW": round(gradient * 100),
            "setMaxW": scaled(plant.output), "updatedTime": now, "setVRef": scaled(plant.site.nominal_volts),
            "csipaus:doeModesEnabled": bitmap(plant.modes, DOE_BITS, 2)} | _ratings(plant, "set")


def _modes(plant: DeviceModel) -> frozenset[str]:
    """A charger can discharge where it is rated for that."""
    return plant.modes | {"discharge"} if plant.max_discharge_w else plant.modes


def _ratings(plant: DeviceModel, prefix: str) -> Data:
    """What is said alike of ratings and settings, where the plant has it."""
    said = {"MaxChargeRateW": scaled(plant.max_charge_w), "MaxDischargeRateW": scaled(plant.max_discharge_w),
            "MaxWh": scaled(plant.max_wh, 65535), "MaxVar": scaled(plant.max_var)}
    return {prefix + name: value for name, value in said.items() if value["value"]}


def status(plant: DeviceModel, now: int, remote: bool) -> Data:
    """DERStatus; `remote` says whether a control of the utility is being followed."""
    said = {"readingTime": now, "alarmStatus": f"{plant.alarms:08X}",
            "inverterStatus": {"dateTime": now, "value": _inverter_status(plant)},
            "localControlModeStatus": {"dateTime": now, "value": int(remote)},
            "operationalModeStatus": {"dateTime": now, "value": 2 if plant.connected else 1}}
    bitmap = (CONNECTED | AVAILABLE | (OPERATING if abs(plant.power) >= 1 else 0) if plant.connected else 0)
    connect = {"dateTime": now, "value": f"{bitmap | (FAULT if plant.alarms else 0):02X}"}
    if plant.output:
        said["genConnectStatus"] = connect
    if plant.max_charge_w:
        said["storConnectStatus"] = connect
        mode = CHARGING if plant.power < -1 else DISCHARGING if plant.power > 1 else HOLDING
        said["storageModeStatus"] = {"dateTime": now, "value": mode}
    if plant.charge is not None:
        said["stateOfChargeStatus"] = {"dateTime": now, "value": round(plant.charge * PERCENT)}
    return said


def _inverter_status(plant: DeviceModel) -> int:
    if not plant.connected:
        return OFF
    if plant.alarms:
        return FAULTY
    if plant.limited:
        return REDUCED
    if abs(plant.power) < 1:
        return SLEEPING if plant.kind == "inverter" else STANDBY
    return TRACKING


def availability(plant: DeviceModel, now: int) -> Data:
    """DERAvailability: what could be injected now, and for how long a store would last or take."""
    said = {
        "readingTime": now,
        "statWAvail": scaled(plant.available_w),
        "statVarAvail": scaled(plant.max_var),
    }
    if plant.usable is not None:
        said["availabilityDuration"] = round(plant.usable / plant.max_discharge_w * 3600)
    if plant.headroom is not None:
        said["maxChargeDuration"] = round(plant.headroom / plant.max_charge_w * 3600)
    return said


def device_status(plant: DeviceModel, now: int, since: int) -> Data:
    """DeviceStatus; the device was switched on at `since`."""
    return {
        "changedTime": now,
        "onCount": 1,
        "opState": 2 if plant.connected else 5,
        "opTime": max(0, now - since),
    }


def power_status(plant: DeviceModel, now: int) -> Data:
    """PowerStatus: on mains, and what is in the battery if that is what the device is."""
    said = {"batteryStatus": 4, "changedTime": now, "currentPowerSource": 1}
    if plant.charge is not None:
        low = plant.charge <= 0.2
        said |= {"batteryStatus": 2 if low else 1, "estimatedChargeRemaining": round(plant.charge * PERCENT)}
    vehicle = plant.vehicle(now)
    return said | ({"PEVInfo": vehicle} if vehicle is not None else {})


def load_shed(plant: DeviceModel, program: str) -> Data | None:
    """LoadShedAvailability for a DemandResponseProgram (its href); None for a device that cannot tell."""
    if plant.sheds is None:
        return None
    used = max(0.0, -plant.power) if plant.sheds else 0.0
    return {"availabilityDuration": round(plant.sheds), "DemandResponseProgramLink": {"href": program},
            "sheddablePercent": PERCENT if used else 0, "sheddablePower": scaled(used)}


def exceeds_threshold(program: Data, before: Data | None, now: Data) -> bool:
    """Whether what can be shed has changed by more than a DemandResponseProgram wants to hear of; a program
    that names no threshold wants to hear nothing."""
    for key, part in (("availabilityUpdatePercentChangeThreshold", "sheddablePercent"),
                      ("availabilityUpdatePowerChangeThreshold", "sheddablePower")):
        least = _number(program.get(key, 0))
        if least > 0 and (before is None or abs(_number(now[part]) - _number(before[part])) > least):
            return True
    return False


def _number(said: Any) -> float:
    return float(said["value"] * 10.0 ** said["multiplier"] if isinstance(said, dict) else said)


def information(plant: DeviceModel, lfdi: str, made: int) -> Data:
    """DeviceInformation: a model of the kind's name, with the LFDI's last digits for a serial number."""
    functions = [*FUNCTIONS, *([LOAD_CONTROL] if plant.modes & loadcontrol.MODES else []),
                 *([FLOW_RESERVATION] if reservation.MODE in plant.modes else [])]
    return {
        "functionsImplemented": f"{sum(1 << bit for bit in functions):016X}",
        "lFDI": lfdi,
        "mfDate": made,
        "mfHwVer": "1",
        "mfID": 0,
        "mfModel": f"Counterpoise {plant.kind}",
        "mfSerNum": lfdi[-12:],
        "primaryPower": 1,
        "secondaryPower": 0,
        "swActTime": made,
        "swVer": "1",
    }


def alarms(before: int, after: int, now: int, number: int) -> list[Data]:
    """LogEvents for alarms that came or went (CSIP table 14: twice the bit's number, one more for its return
    to normal); `number` is the first logEventID to use."""
    changed = [bit for bit in range(11) if (before ^ after) >> bit & 1]
    return [
        {
            "createdDateTime": now,
            "functionSet": FUNCTION_SET_DER,
            "logEventCode": 2 * bit + (not after >> bit & 1),
            "logEventID": (number + index) % 65536,
            "logEventPEN": ENTERPRISE_SEP,
            "profileID": PROFILE_SEP,
        }
        for index, bit in enumerate(changed)
    ]
