"""DERControl modes: which bit says that a device knows one, and how a setpoint is put into one. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.resources.codes import DERControlType, DERControlType2, DOEControlType
from server.resources.quantities import FULL

_CHARGE_MODES = (DERControlType.charge, DERControlType.discharge)  # bits that name no control
# The name of each bit, by its number.
_BITS = tuple("" if mode in _CHARGE_MODES else mode.name for mode in DERControlType)
_BITS_2 = tuple(mode.name for mode in DERControlType2)
_BITS_AUS = tuple(f"csipaus:{mode.name}" for mode in DOEControlType)
# Values in hundredths of a percent, which the schema does not bound: least and most.
PERCENTS = {
    "opModFixedW": (-FULL, FULL),
    "opModFixedV": (-FULL, FULL),
    "opModMaxLimW": (0, FULL),
    "opModMaxLimPctWAbsorb": (0, FULL),
    "opModMaxLimPctVAAbsorb": (0, FULL),
    "opModMaxLimPctVAInject": (0, FULL),
}


def _named(bitmap: Any, names: tuple[str, ...]) -> set[str]:
    bits = int(str(bitmap), 16) if bitmap else 0
    return {name for place, name in enumerate(names) if name and bits >> place & 1}


def supported_modes(capability: Mapping[str, Any], settings: Mapping[str, Any]) -> frozenset[str]:
    """The modes that a DER takes: those enabled in its DERSettings if it says so, else those of its
    DERCapability."""
    found = set()
    for names, enabled, supported in ((_BITS, "modesEnabled", "modesSupported"),
                                      (_BITS_2, "modesEnabled2", "modesSupported2"),
                                      (_BITS_AUS, "csipaus:doeModesEnabled", "csipaus:doeModesSupported")):
        found |= _named(settings.get(enabled, capability.get(supported)), names)
    return frozenset(found)


def bitmaps(names: frozenset[str]) -> tuple[str, str]:
    """The modes as modesSupported (DERControlType) and doeModesSupported (CSIP-AUS) have them; those of the
    2023 edition's second bitmap are left out."""
    first, aus = (
        sum(1 << place for place, name in enumerate(bits) if name in names) for bits in (_BITS, _BITS_AUS)
    )
    return f"{first:08X}", f"{aus:02X}"


def modes_set(base: Mapping[str, Any]) -> frozenset[str]:
    """The modes that a DERControlBase sets."""
    return frozenset(name for name in base if "opMod" in name and "@" not in name)
