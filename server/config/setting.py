"""One setting: its declaration, and how a text from a file, the environment or an option is parsed."""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from server import durationtexts, quantitytexts
from server.config.checks import Check, masked

_HOUR, _DAY = 3600, 86400  # s
_DURATIONS = {"s": 1, "h": _HOUR, "days": _DAY}
_QUANTITIES = {"W": "W", "Wh": "Wh", "%": "%", "share": "1"}  # by unit of a setting, that of the quantity
_PLAIN = re.compile(r"\s*[+-]?(inf|nan|[\d._eE+-]+)\s*", re.IGNORECASE)  # a number without a unit, or none

Value = bool | int | float | str
_WORDS = {"1": True, "true": True, "yes": True, "on": True,
          "0": False, "false": False, "no": False, "off": False}


class BadSettings(ValueError):
    """Some settings are refused. `faults` has a line for each: place, reason, remedy."""

    def __init__(self, faults: Iterable[str]):
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting. Its type is the type of `default`.

    `least` and `most` limit a number, both included. `choices` are the texts that are accepted; `check` is
    the rule for other texts. `file` is set for the path of a file that has to exist when devices are served.
    `why` is the reason of the default where that is not evident. `was` is the name of an earlier release; it
    works, with a warning, until the next one.
    """
    name: str
    group: str
    default: Value
    unit: str
    help: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    check: Check | None = None
    file: bool = False
    why: str = ""
    was: str = ""

    @property
    def kind(self) -> type[Value]:
        """The type of the value: bool, int, float or str."""
        return type(self.default)

    @property
    def allowed(self) -> str:
        """What is accepted, in words."""
        if self.kind is bool:
            return "yes or no"
        if self.choices:
            return ", ".join(self.choices[:-1]) + f" or {self.choices[-1]}"
        if self.check:
            return self.check.allowed
        if self.kind is str:
            return "a text on one line"
        kind = "a whole number" if self.kind is int else "a number"
        return f"{kind} from {_number(self.least)} to {_number(self.most)}"

    def parse(self, value: object) -> Value:
        """Return the value of a text or a TOML value. ValueError with reason and remedy."""
        try:
            parsed = _PARSERS[self.kind](self._without_unit(value))
        except (TypeError, ValueError) as error:
            raise ValueError(self._refusal(value, str(error))) from None
        fault = self._fault(parsed)
        if fault:
            raise ValueError(self._refusal(value, fault))
        return parsed

    @property
    def takes_unit(self) -> bool:
        """Whether a text may have a unit, as options may: 50kW, 5min."""
        return self.kind in (int, float) and (self.unit in _DURATIONS or self.unit in _QUANTITIES)

    def _without_unit(self, value: object) -> object:
        """Return the number in this setting's unit of a text with a unit; other values as they are."""
        if not self.takes_unit or not isinstance(value, str) or _PLAIN.fullmatch(value):
            return value
        if self.unit in _QUANTITIES:
            number = quantitytexts.quantity(value, _QUANTITIES[self.unit])
        else:
            number = durationtexts.seconds(value) / _DURATIONS[self.unit]
        return int(number) if self.kind is int and number == int(number) else number

    def shown(self, value: Value) -> Value:
        """Return the value without passwords."""
        return masked(value) if isinstance(value, str) else value

    def in_words(self, value: Value) -> str:
        """Return the value as people write it, without passwords: `5m`, `50kW`, `yes`."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.takes_unit and isinstance(value, (int, float)):
            if self.unit in _QUANTITIES:
                return quantitytexts.shown(value, _QUANTITIES[self.unit])
            return durationtexts.shown(value * _DURATIONS[self.unit])
        return f"{value:.15g}" if isinstance(value, float) else str(self.shown(value))

    def _fault(self, value: Value) -> str:
        """Return what is wrong with a value of the right type; "" if nothing is."""
        if isinstance(value, str):
            if self.choices:
                return "" if value in self.choices else "is not one of them"
            return self.check.fault(value) if self.check else ""
        if self.least is not None and value < self.least:
            return f"is less than {_number(self.least)}"
        return f"is more than {_number(self.most)}" if self.most is not None and value > self.most else ""

    def _refusal(self, value: object, reason: str) -> str:
        unit = "" if isinstance(self.default, (str, bool)) else f" ({self.unit})"
        text = masked(value) if isinstance(value, str) else value
        return f"{text!r} {reason}. Specify {self.allowed}{unit}."


def _number(bound: float | None) -> str:
    return "any" if bound is None else str(int(bound)) if bound == int(bound) else f"{bound:g}"


def _parse_bool(value: object) -> bool:
    try:
        return _WORDS[str(value).lower()]
    except KeyError:
        raise ValueError("is neither yes nor no") from None


def _parse_int(value: object) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return int(value)
        except ValueError:
            pass
    raise ValueError("is not a whole number")


def _parse_float(value: object) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError("is not a finite number")


def _parse_str(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not a text: put it in quotes")
    if not value.isprintable():
        raise ValueError("has characters that cannot be printed")
    return value


_PARSERS: dict[type[Value], Callable[[object], Value]] = {
    bool: _parse_bool, int: _parse_int, float: _parse_float, str: _parse_str}
