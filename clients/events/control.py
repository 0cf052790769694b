"""What a device is to do now: defaults and events merged mode by mode, then put into watts.  All pure.

Signs as everywhere here: + is injection (generation, discharge), - is absorption (consumption, charging).
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from clients.events import loadcontrol, reservation
from clients.events.curves import Curve
from clients.events.loadcontrol import Load
from clients.events.schedule import Followed

# An event that sets one of a group silences a default that sets another: both say what the active power shall
# be.
EXCLUSIVE_MODES = (
    {"opModFixedW", "opModTargetW"},
    {"opModFixedPFInjectW", "opModFixedVar", "opModTargetVar", "opModVoltVar"},
)


class ActiveMode(NamedTuple):
    """A mode in effect: its value, who says so (an event's mRID or a DERProgram's href), the rampTms with it,
    and when the event began."""
    value: Any
    source: str
    ramp: int | None = None
    since: int = 0


class Default(NamedTuple):
    """A program's DefaultDERControl."""
    program: str
    primacy: int
    data: dict[str, Any]


class Settings(NamedTuple):
    """DERSettings in watts, var and percent per second: what the percentages of controls are percentages
    of."""
    max_w: float
    max_charge_w: float
    max_discharge_w: float
    max_var: float
    grad_w: float = 0.0


class PowerOrder(NamedTuple):
    """What is asked of a device, in watts and var. Where nothing is asked: None, or no limit.

    `target` is a setpoint; `inject` and `absorb` (both >= 0) limit the device, `site_export` and
    `site_import` the connection point. `gradient` is the fastest change, W per second. The curves are those
    of their modes; `load` is what load controls ask for.
    """
    connect: bool = True
    target: float | None = None
    inject: float = math.inf
    absorb: float = math.inf
    site_export: float = math.inf
    site_import: float = math.inf
    gradient: float = math.inf
    power_factor: float | None = None
    var: float | None = None
    volt_var: Curve | None = None
    volt_watt: Curve | None = None
    freq_watt: Curve | None = None
    load: Load = Load()

    def bounded(self, watts: float, site_load: float = 0.0) -> float:
        """`watts` within the device's and the connection point's limits, where the site otherwise uses
        `site_load` watts. A limit can ask for less, never for power to flow: 0 is always allowed."""
        most = max(0.0, min(self.inject, self.site_export + site_load))
        least = max(0.0, min(self.absorb, self.site_import - site_load))
        return min(max(watts, -least), most)


def merge_modes(
    running: Iterable[Followed], defaults: Iterable[Default], supported: frozenset[str]
) -> dict[str, ActiveMode]:
    """The modes in effect: those that events hold; for each other mode the default of the lowest primacy."""
    held: dict[str, ActiveMode] = {}
    for one in running:
        for mode in one.held & supported:
            held.setdefault(
                mode, ActiveMode(one.event.modes[mode], one.event.mRID, one.event.ramp, one.event.start)
            )
    silenced = set(held).union(*(group for group in EXCLUSIVE_MODES if group & held.keys()))
    for default in sorted(defaults, key=lambda default: (default.primacy, default.program)):
        base = default.data.get("DERControlBase", {})
        for mode in base.keys() & supported - silenced:
            held.setdefault(mode, ActiveMode(base[mode], default.program, base.get("rampTms")))
    return held


def gradient(defaults: Iterable[Default], settings: Settings) -> float:
    """setGradW in force, percent of setMaxW per second: the best default's, else the device's own setting."""
    for default in sorted(defaults, key=lambda default: (default.primacy, default.program)):
        if "setGradW" in default.data:
            return float(default.data["setGradW"] / 100)
    return settings.grad_w


def scaled_value(power: dict[str, int]) -> float:
    """An ActivePower, or another value with a multiplier, as a number."""
    return float(power["value"] * 10.0 ** power["multiplier"])


def power_order(
    held: dict[str, ActiveMode], settings: Settings, curves: dict[str, Curve], change: float = 0.0
) -> PowerOrder:
    """The modes in effect as watts and var for a device with these settings.

    `curves` are those that were read, by href. `change` is how many watts lie ahead where a rampTms says how
    long to take for them; without one, setGradW limits the change ("if absent, use default ramp rate").
    """
    value = {mode: one.value for mode, one in held.items()}
    inject = [scaled_value(value["csipaus:opModGenLimW"])] if "csipaus:opModGenLimW" in value else []
    if "opModMaxLimW" in value:
        inject.append(value["opModMaxLimW"] / 10000 * settings.max_w)
    return PowerOrder(
        connect=value.get("opModConnect", True) and value.get("opModEnergize", True),
        target=_target(value, settings),
        inject=min(inject, default=math.inf),
        absorb=_limit(value, "csipaus:opModLoadLimW"),
        site_export=_limit(value, "csipaus:opModExpLimW"),
        site_import=_limit(value, "csipaus:opModImpLimW"),
        gradient=_gradient(held, settings, change),
        power_factor=_power_factor(value.get("opModFixedPFInjectW")),
        var=_var(value, settings),
        volt_var=_curve(value, "opModVoltVar", curves),
        volt_watt=_curve(value, "opModVoltWatt", curves),
        freq_watt=_curve(value, "opModFreqWatt", curves),
        load=loadcontrol.load_from_modes(value, held["DutyCycle"].since if "DutyCycle" in held else 0))


def _limit(value: dict[str, Any], mode: str) -> float:
    return scaled_value(value[mode]) if mode in value else math.inf


def _target(value: dict[str, Any], settings: Settings) -> float | None:
    if "opModTargetW" in value:
        return scaled_value(value["opModTargetW"])
    if "opModFixedW" not in value:
        granted = value.get(reservation.MODE)
        return -scaled_value(granted["powerAvailable"]) if granted else None   # there + is charging
    share: float = value["opModFixedW"] / 10000
    return share * (settings.max_charge_w if share < 0 else settings.max_discharge_w or settings.max_w)


def _gradient(held: dict[str, ActiveMode], settings: Settings, change: float) -> float:
    ramps = [one.ramp for one in held.values() if one.ramp]
    if ramps and change:
        return abs(change) / (min(ramps) / 100)
    return settings.grad_w / 100 * max(settings.max_w, settings.max_charge_w) or math.inf


def _power_factor(value: dict[str, Any] | None) -> float | None:
    """cos(phi), negative where the device absorbs var (excitation false: under-excited)."""
    if value is None:
        return None
    factor: float = value["displacement"] * 10.0 ** value["multiplier"]
    return factor if value["excitation"] else -factor


def _var(value: dict[str, Any], settings: Settings) -> float | None:
    if "opModTargetVar" in value:
        return scaled_value(value["opModTargetVar"])
    if "opModFixedVar" not in value:
        return None
    fixed = value["opModFixedVar"]
    share: float = fixed["value"] / 10000
    return share * (settings.max_w if fixed["refType"] == 1 else settings.max_var)


def _curve(value: dict[str, Any], mode: str, curves: dict[str, Curve]) -> Curve | None:
    return curves.get(value[mode]["href"]) if mode in value else None
