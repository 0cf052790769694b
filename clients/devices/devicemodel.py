"""What every device at a site has in common: ratings, a meter, a connection, and steps in time.

A plant is a value: `step` gives the plant as it is some seconds later. Power in W and var, energy in Wh;
+ is injection into the grid, - is absorption from it.
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

# Physics is computed in steps no longer than this (seconds).
STEP_S = 60.0
OVER_VOLTAGE, UNDER_VOLTAGE = 1 << 1, 1 << 2
LIMITS = frozenset({"opModConnect", "opModEnergize", "csipaus:opModImpLimW", "csipaus:opModExpLimW",
                    "csipaus:opModGenLimW", "csipaus:opModLoadLimW"})


@dataclass(frozen=True)
class DeviceModel:
    """A device at a site, at one instant. Subclasses say what it is and implement `step`."""
    name: str = "plant"
    site: Site = field(default_factory=Site)
    max_w: float = 0.0
    max_charge_w: float = 0.0
    max_discharge_w: float = 0.0
    max_wh: float = 0.0
    power: float = 0.0
    var: float = 0.0
    injected: float = 0.0
    absorbed: float = 0.0
    volts: float = 100.0
    connected: bool = True
    alarms: int = 0

    kind: ClassVar[str]
    der_type: ClassVar[int]
    category: ClassVar[int]
    modes: ClassVar[frozenset[str]]

    @property
    def rating(self) -> float:
        """The largest power in either direction, W."""
        return max(self.output, self.max_charge_w, 1.0)

    @property
    def output(self) -> float:
        """The largest power that it injects, W: what it says of setMaxW."""
        return max(self.max_w, self.max_discharge_w)

    @property
    def max_var(self) -> float:
        """Largest reactive power, var; 0 for a device that has no say in it."""
        return 0.0

    @property
    def settings(self) -> Settings:
        """What percentages are percentages of: the device is set to its ratings."""
        return Settings(self.output, self.max_charge_w, self.max_discharge_w, self.max_var)

    @property
    def charge(self) -> float | None:
        """State of charge, 0..1; None where nothing is stored."""
        return None

    @property
    def usable(self) -> float | None:
        """Wh that can still be injected; None where nothing is stored for the grid."""
        return None

    @property
    def headroom(self) -> float | None:
        """Wh that can still be absorbed; None where nothing is stored."""
        return None

    @property
    def available_w(self) -> float:
        """W that could be injected now."""
        return 0.0

    @property
    def unwilling(self) -> bool:
        """Whether following controls any longer would cost the customer comfort: then they opt out."""
        return False

    @property
    def limited(self) -> bool:
        """Whether the device gives less than it could because it was asked to."""
        return False

    def turns(self, now: float) -> float | None:
        """The next second at which the device itself has news; None where nothing happens to it but by and
        by."""
        return None

    @property
    def wish(self) -> DesiredReservation | None:
        """What the device would like to have reserved; None where it has nothing to do with that at
        present."""
        return None

    @property
    def sheds(self) -> float | None:
        """For how many seconds it could do without what it uses now; None for a device that cannot tell."""
        return None

    def vehicle(self, now: int) -> dict[str, Any] | None:
        """PEVInfo, where a vehicle is plugged in."""
        return None

    def applied(self, modes: dict[str, Any]) -> dict[str, Any]:
        """What a DrResponse says that the device does of a load control's modes."""
        return loadcontrol.applied_fields(
            {mode: value for mode, value in modes.items() if mode in self.modes}
        )

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """The plant `seconds` after `now`, having followed the order (up to STEP at a time, see `run`)."""
        raise NotImplementedError

    def run(self, order: PowerOrder, since: float, until: float, step: float = STEP_S) -> Self:
        """The plant at `until`, having followed the order since `since` (server seconds), in steps of `step`
        seconds."""
        plant, now = self, since
        while now < until:
            seconds = min(step, until - now)
            plant, now = plant.step(order, now, seconds), now + seconds
        return plant

    def ramped(self, wanted: float, order: PowerOrder, seconds: float) -> float:
        """`wanted` as far as the gradient lets the power change in so many seconds; a limit on the way down
        too."""
        reach = order.gradient * seconds
        return min(max(wanted, self.power - reach), self.power + reach)

    def metered(
        self, watts: float, var: float, order: PowerOrder, now: float, seconds: float, **changes: Any
    ) -> Self:
        """The plant after having run at this power for so many seconds, as its meter and its relays see
        it."""
        volts = weather.voltage_percent(self.site, now, watts / self.rating)
        energy = watts * seconds / 3600
        return replace(
            self,
            power=watts,
            var=var,
            volts=volts,
            connected=order.connect,
            injected=self.injected + max(0.0, energy),
            absorbed=self.absorbed + max(0.0, -energy),
            alarms=(OVER_VOLTAGE if volts > 110 else 0) | (UNDER_VOLTAGE if volts < 90 else 0),
            **changes,
        )


def reactive_power(order: PowerOrder, watts: float, volts: float, plant: DeviceModel) -> float:
    """var at this power: where several controls say so, "the control resulting in least var magnitude"."""
    asked = []
    if order.power_factor is not None:
        asked.append(math.copysign(abs(watts) * math.tan(math.acos(min(1.0, abs(order.power_factor)))),
                                   order.power_factor))
    if order.var is not None:
        asked.append(order.var)
    if order.volt_var is not None:
        of = plant.max_w if order.volt_var.reference == 1 else plant.max_var
        asked.append(order.volt_var.at(volts) / 100 * of)
    least = min(asked, key=abs, default=0.0)
    return min(max(least, -plant.max_var), plant.max_var)
