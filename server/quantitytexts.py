"""Quantities as people write them: `5kW`, `-0.5 kW`, `50%`, `3MWh`. Pure.

A quantity is a number, an SI prefix and a unit. Prefixes and units are case-sensitive, as the SI has them: of
`5mW` and `5MW` one is a slip, and nobody should have to find out which.
"""
from __future__ import annotations

import math
import re
from collections.abc import Mapping

_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>\D*)")
_COMMA = re.compile(r"([+-]?\d+),(\d+)\s*(\D*)")
_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
# What is measured in a unit, as a refusal calls it.
_DIMENSIONS = {
    "W": "active power", "Wh": "energy", "VA": "apparent power", "var": "reactive power",
    "varh": "reactive energy", "V": "a voltage", "A": "a current", "Ah": "charge", "Hz": "a frequency"}
_PLAIN = {"%": "a percentage", "%/s": "a ramp in percent per second", "W/s": "a ramp in watts per second",
          "s": "a duration", "h": "a duration"}
NAMES: Mapping[str, str] = {**_DIMENSIONS, **_PLAIN}
_SPELLINGS: Mapping[str, tuple[str, float]] = {
    **{prefix + unit: (unit, factor) for unit in _DIMENSIONS for prefix, factor in _PREFIXES.items()},
    **{unit: (unit, 1.0) for unit in _PLAIN},
    "kW/s": ("W/s", 1e3), "MW/s": ("W/s", 1e6)}
# A unit that is counted in a multiple of its base unit, or is a part of the whole that may be in percent.
_IN_BASE_UNITS = {"kWh": ("Wh", 1e3), "1": ("%", 100.0)}


def quantity(text: str, unit: str, bare: bool = True) -> float:
    """Return a quantity in `unit`. A number without unit is taken as one of it if `bare`.

    ValueError, with what to write instead, where the text is not a number, has another dimension, or has a
    prefix or unit in the wrong case.
    """
    base, size = _IN_BASE_UNITS.get(unit, (unit, 1.0))
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(_not_a_number(text, base))
    number, symbol = float(match["number"]), match["unit"].strip()
    if not math.isfinite(number):
        raise ValueError("is beyond all numbers")
    if not symbol:
        if bare:
            return number
        raise ValueError(f"has no unit; write {match['number']}{base}")
    if symbol not in _SPELLINGS:
        raise ValueError(_misspelt(match["number"], symbol, base))
    actual, factor = _SPELLINGS[symbol]
    if actual != base:
        raise ValueError(f"is {NAMES[actual]}; {NAMES[base]} is needed, in {base}")
    return round(number * factor / size, 9)


def shown(number: float, unit: str) -> str:
    """Return a number of a unit as people write it: `50kW`, `4MWh`, `10%`."""
    base, size = _IN_BASE_UNITS.get(unit, (unit, 1.0))
    number *= size
    if base not in _DIMENSIONS:
        return f"{number:.15g}{base}"
    prefix = next((prefix for prefix, factor in reversed(_PREFIXES.items()) if abs(number) >= factor), "")
    return f"{number / _PREFIXES[prefix]:.15g}{prefix}{base}"


def _not_a_number(text: str, unit: str) -> str:
    comma = _COMMA.fullmatch(text.strip())
    if comma is not None:
        return f"has a comma; write {comma[1]}.{comma[2]}{comma[3].strip()}"
    return f"is not a number such as {_example(unit)}"


def _example(unit: str) -> str:
    return f"5k{unit}" if unit in _DIMENSIONS else f"50{unit}"


def _misspelt(number: str, symbol: str, unit: str) -> str:
    """What is wrong with an unknown unit; where only its case is, how it is written."""
    meant = [spelling for spelling in _SPELLINGS if spelling.lower() == symbol.lower()]
    if meant:
        return f"has a unit in the wrong case; write {number}{meant[0]}"
    if unit in NAMES and symbol in _PREFIXES:
        return f"has a prefix without a unit; write {number}{symbol}{unit}"
    return f"has the unknown unit {symbol}; write {_example(unit)}, for instance"
