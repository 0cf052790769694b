"""What the documents of a DER say in numbers: ratings, state of charge, availability, as far as they can be.

Settings override ratings.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from server.grid.fleet.plausibility import Plausible
from server.resources import dermodes, hexbinary
from server.resources.codes import ConnectStatus, DERType
from server.resources.quantities import FULL

Data = Mapping[str, Any]
_EV = frozenset({DERType.ELECTRIC_VEHICLE, DERType.EVSE})


class DerStatus(NamedTuple):
    """What a DERStatus reports: state of charge (0 to 1) and its instant, whether the DER is connected, which
    it is if it does not report it, and what of it cannot be."""
    soc: float | None
    soc_at: int | None
    connected: bool
    implausible_soc: str | None


class DerAvailability(NamedTuple):
    """What a DERAvailability reports: hours of discharge and charge at full power, and the W available."""
    discharge_h: float | None
    charge_h: float | None
    available_w: float | None


def ratings_of(documents: Mapping[str, Data]) -> dict[str, Any] | None:
    """Return the columns of DerState from a DER's documents by kind; None where no rating is reported.

    What is not plausible is left out, and named in `implausible`.
    """
    capability, der_settings = documents.get("DERCapability", {}), documents.get("DERSettings", {})
    if "type" not in capability and not der_settings:
        return None
    read = Plausible()

    def rating(name: str, judge: Callable[[str, Data | None], float | None]) -> float | None:
        value = judge(f"set{name}", der_settings.get(f"set{name}"))
        return judge(f"rtg{name}", capability.get(f"rtg{name}")) if value is None else value

    max_w, discharge_w = rating("MaxW", read.power_w) or 0.0, rating("MaxDischargeRateW", read.power_w)
    absorption_w = rating("MaxChargeRateW", read.power_w) or 0.0
    if capability.get("type") in _EV:
        injection_w = discharge_w or 0.0
    else:
        injection_w = max_w if discharge_w is None else max(discharge_w, max_w)
    gradient = der_settings.get("setGradW")
    availability = availability_of(documents.get("DERAvailability", {}), read)
    status = status_of(documents.get("DERStatus", {}))
    return {
        "der_type": capability.get("type"),
        "max_injection_w": injection_w,
        "max_absorption_w": absorption_w,
        "capacity_wh": rating("MaxWh", read.energy_wh),
        "ramp_w_per_s": gradient / FULL * max_w if gradient else None,
        "soc": status.soc,
        "soc_at": status.soc_at,
        "dischargeable_wh": times(injection_w, availability.discharge_h),
        "chargeable_wh": times(absorption_w, availability.charge_h),
        "available_w": availability.available_w,
        "connected": status.connected,
        "modes": " ".join(sorted(dermodes.supported_modes(capability, der_settings))),
        "implausible": "; ".join(read.faults) or None,
        "implausible_soc": status.implausible_soc,
    }


def times(power_w: float, hours: float | None) -> float | None:
    """Return the energy of a power over some hours; None where these are not reported."""
    return None if hours is None else power_w * hours


def status_of(status: Data) -> DerStatus:
    """Return what a DERStatus reports."""
    charge = status.get("stateOfChargeStatus")
    bits = [
        hexbinary.bits(status[key]["value"])
        for key in ("genConnectStatus", "storConnectStatus", "connectStatus")
        if key in status
    ]
    read = Plausible()
    soc = None if charge is None else read.soc("stateOfChargeStatus", charge["value"])
    return DerStatus(
        soc=soc,
        soc_at=None if charge is None or soc is None else status.get("readingTime", charge["dateTime"]),
        connected=not bits or any(bitmap & ConnectStatus.CONNECTED for bitmap in bits),
        implausible_soc="; ".join(read.faults) or None,
    )


def availability_of(availability: Data, read: Plausible) -> DerAvailability:
    """Return what a DERAvailability reports; what cannot be is added to the faults of `read`."""
    def hours(duration: str, percent: str) -> float | None:
        """Return the hours at full power, from those at a percentage of it; None where not reported."""
        duration_s = read.duration_s(duration, availability.get(duration))
        part = read.fraction(percent, availability.get(percent))
        return None if duration_s is None else duration_s / 3600 * (1.0 if part is None else part)

    return DerAvailability(
        discharge_h=hours("availabilityDuration", "reservePercent"),
        charge_h=hours("maxChargeDuration", "reserveChargePercent"),
        available_w=read.signed_power_w("statWAvail", availability.get("statWAvail")),
    )
