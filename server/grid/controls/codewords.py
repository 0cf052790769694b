"""What codes and bitmaps of a DER say, in words: `modesSupported`, `alarmStatus`, `inverterStatus` … Pure."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum, IntFlag
from typing import Any

from server.resources import hexbinary
from server.resources.codes import (Alarm, ConnectStatus, ConnectStatus2, DERControlType, DERControlType2,
                                    DERType, DOEControlType, InverterStatus, LocalControlModeStatus,
                                    OperationalModeStatus, StorageModeStatus)

# Elements whose bits are modes.
_MODES: Mapping[str, type[IntEnum]] = {
    **dict.fromkeys(("modesSupported", "modesEnabled", "modesResponded"), DERControlType),
    **dict.fromkeys(("modesSupported2", "modesEnabled2", "modesResponded2"), DERControlType2),
    **dict.fromkeys(("csipaus:doeModesSupported", "csipaus:doeModesEnabled"), DOEControlType)}
_FLAGS: Mapping[str, type[IntFlag]] = {
    "alarmStatus": Alarm, "connectStatus": ConnectStatus2, "genConnectStatus": ConnectStatus,
    "storConnectStatus": ConnectStatus}
_CODES: Mapping[str, type[IntEnum]] = {
    "type": DERType, "inverterStatus": InverterStatus, "localControlModeStatus": LocalControlModeStatus,
    "operationalModeStatus": OperationalModeStatus, "storageModeStatus": StorageModeStatus}
# Those of which no code is made elsewhere: the categories of IEEE 1547.
_NUMBERS = {"rtgNormalCategory": ("none", "A", "B"), "rtgAbnormalCategory": ("none", "I", "II", "III")}
_ACRONYMS = {"pv": "PV", "evse": "EVSE", "chp": "CHP"}
NONE = "none"


def in_words(name: str, value: Any, mode_words: Callable[[str], str]) -> str | None:
    """Return what the value of an element says; None where it is not a code or bitmap.

    `mode_words` makes words of the name of a mode. A bit or code that the standard does not have is said by
    its number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    if name in _MODES:
        modes = [(mode.value, mode_words(mode.name)) for mode in _MODES[name]]
        return _bits(str(value), dict(modes))
    if name in _FLAGS:
        return _bits(str(value), {flag.bit_length() - 1: _plain(flag.name or "") for flag in _FLAGS[name]})
    if not isinstance(value, int):
        return None
    if name in _NUMBERS:
        return dict(enumerate(_NUMBERS[name])).get(value, f"code {value}")
    if name in _CODES:
        return next((_plain(code.name) for code in _CODES[name] if code == value), f"code {value}")
    return None


def _bits(bitmap: str, names: Mapping[int, str]) -> str:
    bits = hexbinary.bits(bitmap)
    words = [names.get(bit, f"bit {bit}") for bit in range(bits.bit_length()) if bits >> bit & 1]
    return ", ".join(words) or NONE


def _plain(name: str) -> str:
    return " ".join(_ACRONYMS.get(word, word) for word in name.lower().split("_"))
