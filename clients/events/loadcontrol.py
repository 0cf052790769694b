"""A load control as one device sees it: what an EndDeviceControl asks for, action by action, in degrees,
fractions and watts, and how it is said in the answer what was done.  All pure.

Source: the schema's words on EndDeviceControl, Offset, SetPoint, DutyCycle, TargetReduction,
ApplianceLoadReduction.
"""
from __future__ import annotations

from typing import Any, NamedTuple

Data = dict[str, Any]
MODES = frozenset({"heatingOffset", "coolingOffset", "loadAdjustmentPercentageOffset", "heatingSetpoint",
                   "coolingSetpoint", "DutyCycle", "TargetReduction", "ApplianceLoadReduction"})
# "three minutes for each 10% of duty cycle": it goes round in half an hour, and "the off state precedes the
# on state".
DUTY_PERIOD_S = 1800
DELAY, REDUCE = 0, 1
_WATTS = {1: 1000, 2: 1}    # of TargetReduction.type: kW, W


class Load(NamedTuple):
    """What is asked of a load. `heating` and `cooling` shift the set points (K), `heat_to` and `cool_to`
    replace them (degrees C); `duty` is the part of the time it may be on, counted from `since`; `share` the
    part of its usual load that it may use and `less` how many W less; `appliance` is DELAY, REDUCE or
    None."""
    heating: float = 0.0
    cooling: float = 0.0
    heat_to: float | None = None
    cool_to: float | None = None
    duty: float = 1.0
    since: int = 0
    share: float = 1.0
    less: float = 0.0
    appliance: int | None = None

    def resting(self, now: float) -> bool:
        """Whether this is the part of the duty cycle in which the device is off."""
        return (now - self.since) % DUTY_PERIOD_S < round((1 - self.duty) * DUTY_PERIOD_S)

    def most(self, rated: float, now: float, running: bool) -> float:
        """W that may be used of `rated`; a device that is `running` need not break off for a DELAY."""
        if self.resting(now) or self.appliance == REDUCE or (self.appliance == DELAY and not running):
            return 0.0
        return min(rated, max(0.0, rated * self.share - self.less))


def modes(control: Data) -> Data:
    """What an EndDeviceControl asks for, by MODES, with the sign that loadShiftForward gives it: offsets in
    K, to be added to the set point; a fraction to be added to the usual load; degrees C; a fraction of time;
    W; the type.

    A TargetReduction in other units than W is there under another name, which no device follows.
    """
    more = 1 if control["loadShiftForward"] else -1
    offset, points = control.get("Offset", {}), control.get("SetPoint", {})
    found: Data = {name: value / 100 for name, value in points.items() if name in MODES}
    for name, unit in (("heatingOffset", more / 10), ("coolingOffset", -more / 10),
                       ("loadAdjustmentPercentageOffset", more / 10000)):
        if name in offset:
            found[name] = offset[name] * unit
    if "DutyCycle" in control:
        found["DutyCycle"] = control["DutyCycle"]["normalValue"] / 100
    if "TargetReduction" in control:
        target = control["TargetReduction"]
        known = target["type"] in _WATTS
        found["TargetReduction" if known else "TargetReduction in other units"] = (
            target["value"] * _WATTS.get(target["type"], 1))
    if "ApplianceLoadReduction" in control:
        found["ApplianceLoadReduction"] = control["ApplianceLoadReduction"]["type"]
    return found


def load_from_modes(value: Data, since: int) -> Load:
    """The modes in effect as one Load; `since` is when the event began that asks for a duty cycle."""
    return Load(
        value.get("heatingOffset", 0.0),
        value.get("coolingOffset", 0.0),
        value.get("heatingSetpoint"),
        value.get("coolingSetpoint"),
        value.get("DutyCycle", 1.0),
        since,
        1 + value.get("loadAdjustmentPercentageOffset", 0.0),
        value.get("TargetReduction", 0.0),
        value.get("ApplianceLoadReduction"),
    )


def applied_fields(done: Data) -> Data:
    """What a DrResponse says of modes that were followed."""
    said: Data = {}
    for name, element, unit in (("heatingOffset", "Offset", 10), ("coolingOffset", "Offset", 10),
                                ("loadAdjustmentPercentageOffset", "Offset", 10000)):
        if name in done:
            said.setdefault(element, {})[name] = round(abs(done[name]) * unit)
    for name in ("heatingSetpoint", "coolingSetpoint"):
        if name in done:
            said.setdefault("SetPoint", {})[name] = round(done[name] * 100)
    if "DutyCycle" in done:
        said["DutyCycle"] = {"normalValue": round(done["DutyCycle"] * 100)}
    if "TargetReduction" in done:
        said["AppliedTargetReduction"] = {"type": 2, "value": min(round(done["TargetReduction"]), 65535)}
    if "ApplianceLoadReduction" in done:
        said["ApplianceLoadReduction"] = {"type": done["ApplianceLoadReduction"]}
    return said
