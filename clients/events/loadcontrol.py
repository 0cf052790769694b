"""Load controls: the actions of an EndDeviceControl in kelvin, fractions and watts, and their report in a
DrResponse.  All pure.

Source: the schema's documentation of EndDeviceControl, Offset, SetPoint, DutyCycle, TargetReduction and
ApplianceLoadReduction.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from server.resources.codes import ApplianceLoadReduction, ReductionUnit

Data = dict[str, Any]
MODES = frozenset({"heatingOffset", "coolingOffset", "loadAdjustmentPercentageOffset", "heatingSetpoint",
                   "coolingSetpoint", "DutyCycle", "TargetReduction", "ApplianceLoadReduction"})
# "three minutes for each 10% of duty cycle" makes a period of half an hour, in which "the off state precedes
# the on state".
DUTY_PERIOD_S = 1800
_WATTS = {ReductionUnit.KW: 1000, ReductionUnit.W: 1}


class LoadControl(NamedTuple):
    """The load controls in effect on a device.

    Offsets in K are added to the set points, set points in degrees Celsius replace them. `duty_cycle` is the
    fraction of time, counted from `duty_cycle_start`, for which the load may be on. `load_fraction` is the
    fraction of its usual load that it may use, `reduction_w` how many W less. `appliance_reduction` is a
    codes.ApplianceLoadReduction.
    """
    heating_offset_k: float = 0.0
    cooling_offset_k: float = 0.0
    heating_setpoint_c: float | None = None
    cooling_setpoint_c: float | None = None
    duty_cycle: float = 1.0
    duty_cycle_start: int = 0
    load_fraction: float = 1.0
    reduction_w: float = 0.0
    appliance_reduction: int | None = None

    def is_off(self, now: float) -> bool:
        """Return whether this is the part of the duty cycle in which the load is off."""
        return (now - self.duty_cycle_start) % DUTY_PERIOD_S < round((1 - self.duty_cycle) * DUTY_PERIOD_S)

    def max_load_w(self, rated_w: float, now: float, running: bool) -> float:
        """Return how much of `rated_w` may be used.

        A load that is `running` need not stop for an ApplianceLoadReduction that delays the start.
        """
        if self.is_off(now) or self.appliance_reduction == ApplianceLoadReduction.TEMPORARY_REDUCTION:
            return 0.0
        if self.appliance_reduction == ApplianceLoadReduction.DELAY and not running:
            return 0.0
        return min(rated_w, max(0.0, rated_w * self.load_fraction - self.reduction_w))


def modes(control: Data) -> Data:
    """Return the values of an EndDeviceControl by mode (one of MODES), signed by loadShiftForward.

    Offsets are in K, to be added to the set point; the load adjustment is a fraction to be added to the usual
    load; set points are in degrees Celsius; the duty cycle is a fraction of time; the target reduction is in
    W; the appliance load reduction is its type. A TargetReduction in another unit than kW or W gets another
    name, which no device supports.
    """
    sign = 1 if control["loadShiftForward"] else -1
    offset, set_point = control.get("Offset", {}), control.get("SetPoint", {})
    values: Data = {name: value / 100 for name, value in set_point.items() if name in MODES}
    for name, unit in (("heatingOffset", sign / 10), ("coolingOffset", -sign / 10),
                       ("loadAdjustmentPercentageOffset", sign / 10000)):
        if name in offset:
            values[name] = offset[name] * unit
    if "DutyCycle" in control:
        values["DutyCycle"] = control["DutyCycle"]["normalValue"] / 100
    if "TargetReduction" in control:
        target = control["TargetReduction"]
        in_watts = target["type"] in _WATTS
        values["TargetReduction" if in_watts else "TargetReduction in other units"] = (
            target["value"] * _WATTS.get(target["type"], 1))
    if "ApplianceLoadReduction" in control:
        values["ApplianceLoadReduction"] = control["ApplianceLoadReduction"]["type"]
    return values


def load_control(values: Data, duty_cycle_start: int) -> LoadControl:
    """Return the active modes as a LoadControl; the duty cycle counts from the start of its event."""
    return LoadControl(
        heating_offset_k=values.get("heatingOffset", 0.0),
        cooling_offset_k=values.get("coolingOffset", 0.0),
        heating_setpoint_c=values.get("heatingSetpoint"),
        cooling_setpoint_c=values.get("coolingSetpoint"),
        duty_cycle=values.get("DutyCycle", 1.0),
        duty_cycle_start=duty_cycle_start,
        load_fraction=1 + values.get("loadAdjustmentPercentageOffset", 0.0),
        reduction_w=values.get("TargetReduction", 0.0),
        appliance_reduction=values.get("ApplianceLoadReduction"),
    )


def applied_fields(values: Data) -> Data:
    """Return the elements of a DrResponse that report which load control was applied (see `modes`)."""
    fields: Data = {}
    for name, element, unit in (("heatingOffset", "Offset", 10), ("coolingOffset", "Offset", 10),
                                ("loadAdjustmentPercentageOffset", "Offset", 10000)):
        if name in values:
            fields.setdefault(element, {})[name] = round(abs(values[name]) * unit)
    for name in ("heatingSetpoint", "coolingSetpoint"):
        if name in values:
            fields.setdefault("SetPoint", {})[name] = round(values[name] * 100)
    if "DutyCycle" in values:
        fields["DutyCycle"] = {"normalValue": round(values["DutyCycle"] * 100)}
    if "TargetReduction" in values:
        reduction_w = min(round(values["TargetReduction"]), 65535)
        fields["AppliedTargetReduction"] = {"type": ReductionUnit.W, "value": reduction_w}
    if "ApplianceLoadReduction" in values:
        fields["ApplianceLoadReduction"] = {"type": values["ApplianceLoadReduction"]}
    return fields
