"""DERControl modes: the bitmaps in which devices report them, and the ranges of their values. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.resources import hexbinary
from server.resources.codes import DERControlType, DERControlType2, DOEControlType
from server.resources.quantities import FULL

_CHARGE_MODES = (DERControlType.charge, DERControlType.discharge)  # bits that name no control
# The name of each bit, by its number.
_BITS = tuple("" if mode in _CHARGE_MODES else mode.name for mode in DERControlType)
_BITS_2 = tuple(mode.name for mode in DERControlType2)
_BITS_AUS = tuple(f"csipaus:{mode.name}" for mode in DOEControlType)
# The least and greatest value of modes in hundredths of a percent, which the schema does not limit.
PERCENTS = {
    "opModFixedW": (-FULL, FULL),
    "opModFixedV": (-FULL, FULL),
    "opModMaxLimW": (0, FULL),
    "opModMaxLimPctWAbsorb": (0, FULL),
    "opModMaxLimPctVAAbsorb": (0, FULL),
    "opModMaxLimPctVAInject": (0, FULL),
}


def _names(bitmap: str | None, names: tuple[str, ...]) -> set[str]:
    bits = hexbinary.bits(bitmap)
    return {name for bit, name in enumerate(names) if name and bits >> bit & 1}


def supported_modes(capability: Mapping[str, Any], settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the modes that a DER accepts: those enabled in its DERSettings, or else those that its
    DERCapability supports."""
    modes = set()
    for names, enabled, supported in ((_BITS, "modesEnabled", "modesSupported"),
                                      (_BITS_2, "modesEnabled2", "modesSupported2"),
                                      (_BITS_AUS, "csipaus:doeModesEnabled", "csipaus:doeModesSupported")):
        modes |= _names(settings.get(enabled, capability.get(supported)), names)
    return frozenset(modes)


def bitmaps(names: frozenset[str]) -> tuple[str, str, str]:
    """Return modesSupported (DERControlType), modesSupported2 (of the 2023 edition) and doeModesSupported
    (CSIP-AUS) with these modes."""
    modes, modes_2, doe_modes = (
        sum(1 << bit for bit, name in enumerate(bits) if name in names)
        for bits in (_BITS, _BITS_2, _BITS_AUS)
    )
    return f"{modes:08X}", f"{modes_2:08X}", f"{doe_modes:02X}"


def modes_set(base: Mapping[str, Any]) -> frozenset[str]:
    """Return the modes that a DERControlBase sets."""
    return frozenset(name for name in base if "opMod" in name and "@" not in name)
