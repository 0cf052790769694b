"""The model of a device at a site: ratings, meter and connection, which every kind has, and steps in time.

A model is a value: `step` returns the model as it is some seconds later. Power is in W and var, energy in Wh;
injection into the grid is positive.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from clients.events import loadcontrol
from clients.events.control import PowerOrder, Settings
from clients.events.reservation import DesiredReservation
from clients.simulation import weather
from clients.simulation.weather import Site
from server.resources.codes import Alarm, DERType, DERUnitRef, DeviceCategory

# Physics is computed in steps no longer than this (seconds).
STEP_S = 60.0
MAX_VOLTAGE_PERCENT, MIN_VOLTAGE_PERCENT = 110, 90
# Modes that every device supports.
LIMITS = frozenset({"opModConnect", "opModEnergize", "csipaus:opModImpLimW", "csipaus:opModExpLimW",
                    "csipaus:opModGenLimW", "csipaus:opModLoadLimW"})


@dataclass(frozen=True)
class DeviceModel:
    """A device at a site, at one instant. Subclasses say what it is and implement `step`.

    `injected_wh` and `absorbed_wh` are the registers of its meter, `voltage_percent` is the voltage at its
    connection point in percent of nominal, `alarms` are bits of codes.Alarm.
    """
    name: str = "device"
    site: Site = field(default_factory=Site)
    max_w: float = 0.0
    max_charge_w: float = 0.0
    max_discharge_w: float = 0.0
    max_wh: float = 0.0
    injection_w: float = 0.0
    reactive_var: float = 0.0
    injected_wh: float = 0.0
    absorbed_wh: float = 0.0
    voltage_percent: float = 100.0
    connected: bool = True
    alarms: Alarm = Alarm(0)

    kind: ClassVar[str]
    der_type: ClassVar[DERType | None]  # None: it is no DER, and reports none
    category: ClassVar[DeviceCategory]
    modes: ClassVar[frozenset[str]]

    @property
    def rating_w(self) -> float:
        """The largest power in either direction."""
        return max(self.max_injection_w, self.max_charge_w, 1.0)

    @property
    def max_injection_w(self) -> float:
        """The largest injection, which is reported as rtgMaxW and setMaxW."""
        return max(self.max_w, self.max_discharge_w)

    @property
    def max_var(self) -> float:
        """The largest reactive power; 0 for a device that does not control it."""
        return 0.0

    @property
    def settings(self) -> Settings:
        """The DERSettings: equal to the ratings."""
        return Settings(self.max_injection_w, self.max_charge_w, self.max_discharge_w, self.max_var)

    @property
    def soc(self) -> float | None:
        """State of charge, 0 to 1; None for a device without storage."""
        return None

    @property
    def dischargeable_wh(self) -> float | None:
        """Energy that can still be injected; None for a device without storage for the grid."""
        return None

    @property
    def chargeable_wh(self) -> float | None:
        """Energy that can still be absorbed; None for a device without storage."""
        return None

    @property
    def available_w(self) -> float:
        """The injection that is possible now."""
        return 0.0

    @property
    def uncomfortable(self) -> bool:
        """Whether following controls any longer would cost the customer comfort, so that they opt out."""
        return False

    @property
    def limited(self) -> bool:
        """Whether a control holds the device below the power it would run at."""
        return False

    def next_change(self, now: float) -> float | None:
        """Return the next second at which the device changes by itself; None where it only changes
        gradually."""
        return None

    @property
    def desired_reservation(self) -> DesiredReservation | None:
        """The flow reservation that the device needs; None for none at present."""
        return None

    @property
    def shed_duration_s(self) -> float | None:
        """For how long the device could do without its present load; None where it is unknown."""
        return None

    @property
    def shed_w(self) -> float:
        """By how much the device could lower its present load, if it can do without for any time."""
        return max(0.0, -self.injection_w) if self.shed_duration_s else 0.0

    def pev_info(self, now: int) -> dict[str, Any] | None:
        """Return PEVInfo; None where no vehicle is plugged in."""
        return None

    def applied_load_control(self, modes: dict[str, Any]) -> dict[str, Any]:
        """Return the elements of a DrResponse that report which modes of a load control are applied."""
        return loadcontrol.applied_fields(
            {mode: value for mode, value in modes.items() if mode in self.modes}
        )

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Return the model `seconds` after `now`, having followed the order; at most STEP_S, see `run`."""
        raise NotImplementedError

    def run(self, order: PowerOrder, since: float, until: float, step_s: float = STEP_S) -> Self:
        """Return the model at `until`, having followed the order since `since` (server seconds)."""
        model, now = self, since
        while now < until:
            seconds = min(step_s, until - now)
            model, now = model.step(order, now, seconds), now + seconds
        return model

    def ramped_w(self, target_w: float, order: PowerOrder, seconds: float) -> float:
        """Return the injection after so many seconds on the way to a target, as the gradient allows."""
        change_w = order.gradient_w_per_s * seconds
        return min(max(target_w, self.injection_w - change_w), self.injection_w + change_w)

    def metered(
        self,
        injection_w: float,
        reactive_var: float,
        order: PowerOrder,
        now: float,
        seconds: float,
        **changes: Any,
    ) -> Self:
        """Return the model after it has run at this power for so many seconds: meter, voltage and alarms."""
        voltage = weather.voltage_percent(self.site, now, injection_w / self.rating_w)
        energy_wh = injection_w * seconds / 3600
        return replace(
            self,
            injection_w=injection_w,
            reactive_var=reactive_var,
            voltage_percent=voltage,
            connected=order.connect,
            injected_wh=self.injected_wh + max(0.0, energy_wh),
            absorbed_wh=self.absorbed_wh + max(0.0, -energy_wh),
            alarms=_voltage_alarms(voltage),
            **changes,
        )


def _voltage_alarms(voltage_percent: float) -> Alarm:
    if voltage_percent > MAX_VOLTAGE_PERCENT:
        return Alarm.OVER_VOLTAGE
    return Alarm.UNDER_VOLTAGE if voltage_percent < MIN_VOLTAGE_PERCENT else Alarm(0)


def reactive_power_var(
    order: PowerOrder, injection_w: float, voltage_percent: float, model: DeviceModel
) -> float:
    """Return the reactive power, in var, at this injection.

    Where several controls set it, "the control resulting in least var magnitude" applies.
    """
    candidates_var = []
    if order.power_factor is not None:
        tangent = math.tan(math.acos(min(1.0, abs(order.power_factor))))
        candidates_var.append(math.copysign(abs(injection_w) * tangent, order.power_factor))
    if order.target_var is not None:
        candidates_var.append(order.target_var)
    if order.volt_var is not None:
        reference = model.max_w if order.volt_var.reference == DERUnitRef.SET_MAX_W else model.max_var
        candidates_var.append(order.volt_var.at(voltage_percent) / 100 * reference)
    least_var = min(candidates_var, key=abs, default=0.0)
    return min(max(least_var, -model.max_var), model.max_var)
