"""Durations as people write them: `90s`, `15m`, `1h30m`, `1.5h`, `2d`, `PT1H30M`. Pure."""
from __future__ import annotations

import re
from collections.abc import Iterable

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhd])\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ISO = re.compile(r"P(?!$)(?:(\d+)W)?(?:(\d+)D)?"
                  r"(?:T(?=\d)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_ISO_SECONDS = (604800, 86400, 3600, 60, 1)
_MOST_LETTERS = 100
LONGEST_S = 2 ** 32 - 1  # a duration is a UInt32
_SHOWN = ("d", "h", "m", "s")  # the units in which a duration is printed


def seconds(text: str, bare: bool = True) -> float:
    """Return a duration: 90s, 15m, 1h30m, 1.5h, 2d, PT1H30M, or seconds if `bare`.

    ValueError, with what to write instead, where the text is none.
    """
    stripped = text.strip()
    if len(stripped) > _MOST_LETTERS:  # the patterns take the longer, by the square, the longer a text is
        raise ValueError(f"is longer than the {_MOST_LETTERS} letters that a duration may have")
    if _NUMBER.fullmatch(stripped):
        if bare:
            return _sum([(stripped, 1)])
        raise ValueError(f"has no unit; write {stripped}s")
    iso = _ISO.fullmatch(stripped)
    if iso is not None:
        return _sum(zip(iso.groups(), _ISO_SECONDS, strict=True))
    parts = _PART.findall(stripped)
    if parts and not _PART.sub("", stripped):
        return _sum((number, _SECONDS[unit]) for number, unit in parts)
    if re.fullmatch(r"[\d.]+\s*[SMHD]|[\d.]+\s*MIN", stripped):
        raise ValueError(f"has a unit in the wrong case; write {stripped.lower()}")
    raise ValueError("is not a duration such as 90s, 15m, 1h30m, 1.5h or PT1H30M")


def _sum(parts: Iterable[tuple[str | None, int]]) -> float:
    total = sum(float(number or 0) * size for number, size in parts)
    if total > LONGEST_S:
        raise ValueError(f"is longer than {LONGEST_S} s, the longest possible")
    return total


def shown(length_s: float) -> str:
    """Return a duration in the largest unit of which it is a whole number: `15m`, `7d`, `90s`."""
    unit = next((unit for unit in _SHOWN if length_s and not length_s % _SECONDS[unit]), "s")
    return f"{length_s / _SECONDS[unit]:.15g}{unit}"
