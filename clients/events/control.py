"""The control in effect: defaults and events merged mode by mode, then put into watts.  All pure.

Sign: injection (generation, discharge) is positive, consumption and charging negative, except where a name
says `absorption` or `import`.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from clients.events import loadcontrol, prices, reservation
from clients.events.curves import Curve
from clients.events.loadcontrol import LoadControl
from clients.events.schedule import FollowedEvent
from server.resources.codes import DERUnitRef

# An event that sets one mode of a group silences a default that sets another of it: both would say what the
# active (or the reactive) power shall be.
SET_POINTS = frozenset({"opModFixedW", "opModTargetW"})
EXCLUSIVE_MODES = (
    SET_POINTS,
    {"opModFixedPFInjectW", "opModFixedVar", "opModTargetVar", "opModVoltVar"},
)


class ActiveMode(NamedTuple):
    """A mode in effect: its value, its source (an event's mRID or the href of a DERProgram), the rampTms that
    came with it (hundredths of a second), and the start of the event."""
    value: Any
    source: str
    ramp_tms: int | None = None
    start: int = 0


class Default(NamedTuple):
    """A program's DefaultDERControl."""
    program: str
    primacy: int
    data: dict[str, Any]


class Settings(NamedTuple):
    """The DERSettings that the percentages of controls refer to.

    `gradient_percent_per_s` is setGradW, in percent of setMaxW per second.
    """
    max_w: float
    max_charge_w: float
    max_discharge_w: float
    max_var: float
    gradient_percent_per_s: float = 0.0


class PowerOrder(NamedTuple):
    """The power that a device is to run at, in W and var; None or no limit where nothing is ordered.

    `target_w` is a setpoint. `max_injection_w` and `max_absorption_w` (both >= 0) limit the device,
    `max_export_w` and `max_import_w` the connection point. `gradient_w_per_s` is the fastest change. The
    curves are those of their modes. `next_target_at` is the server second at which the next event that sets a
    target begins, as far as is known: what has to start first can do so in time. `price` is what a kWh costs
    that is drawn, in the currency of the tariff.
    """
    connect: bool = True
    target_w: float | None = None
    max_injection_w: float = math.inf
    max_absorption_w: float = math.inf
    max_export_w: float = math.inf
    max_import_w: float = math.inf
    gradient_w_per_s: float = math.inf
    power_factor: float | None = None
    target_var: float | None = None
    volt_var: Curve | None = None
    volt_watt: Curve | None = None
    freq_watt: Curve | None = None
    load_control: LoadControl = LoadControl()
    next_target_at: float = math.inf
    price: float | None = None

    def bounded(self, injection_w: float, site_load_w: float = 0.0) -> float:
        """Return the injection, in W, within the limits of the device and of the connection point.

        `site_load_w` is what else the site consumes. A limit can ask for less power, never for power to flow:
        0 is always allowed.
        """
        highest = max(0.0, min(self.max_injection_w, self.max_export_w + site_load_w))
        lowest = -max(0.0, min(self.max_absorption_w, self.max_import_w - site_load_w))
        return min(max(injection_w, lowest), highest)


def merge_modes(
    running: Iterable[FollowedEvent], defaults: Iterable[Default], supported: frozenset[str]
) -> dict[str, ActiveMode]:
    """Return the modes in effect: those that events govern, and for each other mode the default of the
    lowest primacy."""
    active: dict[str, ActiveMode] = {}
    for followed in running:
        event = followed.event
        for mode in followed.governed_modes & supported:
            active.setdefault(mode, ActiveMode(event.modes[mode], event.mRID, event.ramp_tms, event.start))
    silenced = set(active).union(*(group for group in EXCLUSIVE_MODES if group & active.keys()))
    for default in _by_primacy(defaults):
        base = default.data.get("DERControlBase", {})
        for mode in base.keys() & supported - silenced:
            active.setdefault(mode, ActiveMode(base[mode], default.program, base.get("rampTms")))
    return active


def _by_primacy(defaults: Iterable[Default]) -> list[Default]:
    return sorted(defaults, key=lambda default: (default.primacy, default.program))


def effective_gradient(defaults: Iterable[Default], settings: Settings) -> float:
    """Return the setGradW in effect, in percent of setMaxW per second: that of the default with the lowest
    primacy, else the device's own."""
    for default in _by_primacy(defaults):
        if "setGradW" in default.data:
            return float(default.data["setGradW"] / 100)
    return settings.gradient_percent_per_s


def scaled_value(quantity: dict[str, int]) -> float:
    """Return an ActivePower, or another quantity with a multiplier, as a number."""
    return float(quantity["value"] * 10.0 ** quantity["multiplier"])


def power_order(
    active: dict[str, ActiveMode], settings: Settings, curves: dict[str, Curve], change_w: float = 0.0
) -> PowerOrder:
    """Return the modes in effect as W and var for a device with these settings.

    `curves` are those that were read, by href. `change_w` is the change of power for which a rampTms sets the
    duration; without a rampTms, setGradW limits the change ("if absent, use default ramp rate").
    """
    values = {mode: entry.value for mode, entry in active.items()}
    limits = [scaled_value(values["csipaus:opModGenLimW"])] if "csipaus:opModGenLimW" in values else []
    if "opModMaxLimW" in values:
        limits.append(values["opModMaxLimW"] / 10000 * settings.max_w)
    duty_cycle_start = active["DutyCycle"].start if "DutyCycle" in active else 0
    return PowerOrder(
        connect=values.get("opModConnect", True) and values.get("opModEnergize", True),
        target_w=_target_w(values, settings),
        max_injection_w=min(limits, default=math.inf),
        max_absorption_w=_limit_w(values, "csipaus:opModLoadLimW"),
        max_export_w=_limit_w(values, "csipaus:opModExpLimW"),
        max_import_w=_limit_w(values, "csipaus:opModImpLimW"),
        gradient_w_per_s=_gradient_w_per_s(active, settings, change_w),
        power_factor=_power_factor(values.get("opModFixedPFInjectW")),
        target_var=_target_var(values, settings),
        volt_var=_curve(values, "opModVoltVar", curves),
        volt_watt=_curve(values, "opModVoltWatt", curves),
        freq_watt=_curve(values, "opModFreqWatt", curves),
        load_control=loadcontrol.load_control(values, duty_cycle_start),
        price=values.get(prices.MODE),
    )


def _limit_w(values: dict[str, Any], mode: str) -> float:
    return scaled_value(values[mode]) if mode in values else math.inf


def _target_w(values: dict[str, Any], settings: Settings) -> float | None:
    if "opModTargetW" in values:
        return scaled_value(values["opModTargetW"])
    if "opModFixedW" not in values:
        granted = values.get(reservation.MODE)
        # powerAvailable is positive for charging
        return -scaled_value(granted["powerAvailable"]) if granted else None
    fraction: float = values["opModFixedW"] / 10000
    if fraction < 0:
        return fraction * settings.max_charge_w
    return fraction * (settings.max_discharge_w or settings.max_w)


def _gradient_w_per_s(active: dict[str, ActiveMode], settings: Settings, change_w: float) -> float:
    ramps_tms = [entry.ramp_tms for entry in active.values() if entry.ramp_tms]
    if ramps_tms and change_w:
        return abs(change_w) / (min(ramps_tms) / 100)
    rated_w = max(settings.max_w, settings.max_charge_w)
    return settings.gradient_percent_per_s / 100 * rated_w or math.inf


def _power_factor(value: dict[str, Any] | None) -> float | None:
    """Return cos(phi), negative where the device absorbs var (excitation true: under-excited)."""
    if value is None:
        return None
    factor: float = value["displacement"] * 10.0 ** value["multiplier"]
    return -factor if value["excitation"] else factor


def _target_var(values: dict[str, Any], settings: Settings) -> float | None:
    if "opModTargetVar" in values:
        return scaled_value(values["opModTargetVar"])
    if "opModFixedVar" not in values:
        return None
    fixed = values["opModFixedVar"]
    fraction: float = fixed["value"] / 10000
    return fraction * (settings.max_w if fixed["refType"] == DERUnitRef.SET_MAX_W else settings.max_var)


def _curve(values: dict[str, Any], mode: str, curves: dict[str, Curve]) -> Curve | None:
    return curves.get(values[mode]["href"]) if mode in values else None
