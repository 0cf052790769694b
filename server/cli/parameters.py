"""Values as people type them on the command line: instants, durations, power, numbers, pairs, files.

Each type turns text into what an operation takes; ranges are those of the operation's declaration.
"""
from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from server import clock
from server.operations.declaration import UINT32, YEAR_2200, Argument, UploadedFile

if TYPE_CHECKING:
    ParamType = click.ParamType[Any, Any]
else:
    ParamType = click.ParamType  # generic only since click 8.5

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WATTS = {"": 1.0, "W": 1.0, "kW": 1e3, "MW": 1e6}
_BACKQUOTED = re.compile(r"`(\w+)`")
_POWER = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(W|kW|MW)")
NOTES = {
    "INSTANT": "INSTANT is now, +15m (from now), ISO 8601 (UTC if it names no zone) or seconds since 1970.",
    "DURATION": "DURATION is 90s, 15m, 1h30m, 2d or a number of seconds.",
    "W": "Power is in W, or with its unit: 5kW.",
}
"""What stands below the help of a command that takes such values."""


class Instant(ParamType):
    """An instant from 1970 until 2200. Converted when it is used, since the clock is known only then."""
    name = "INSTANT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Callable[[], int]:
        if callable(value):
            instant_of: Callable[[], int] = value
            return instant_of
        if value == "now":
            return clock.now
        if value.startswith("+"):
            seconds = Duration().convert(value[1:], param, ctx)
            return lambda: clock.now() + seconds
        try:
            instant = (
                int(value)
                if value.isdecimal() and len(value) > 8
                else _timestamp(datetime.fromisoformat(value))
            )
        except ValueError:
            self.fail(f"{value!r} is neither now, +15m, ISO 8601 nor seconds since 1970", param, ctx)
        if not 0 <= instant <= YEAR_2200:
            self.fail(f"{value!r} is no time between 1970 and 2200", param, ctx)
        return lambda: instant


def _timestamp(when: datetime) -> int:
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


class Duration(ParamType):
    """A duration in seconds: `90s`, `15m`, `1h30m`, `2d`, or seconds."""
    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        parts = re.findall(r"(\d+)([smhd]?)", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is no duration such as 90s, 15m, 1h30m", param, ctx)
        seconds = sum(int(number) * _SECONDS[unit or "s"] for number, unit in parts)
        if seconds > UINT32:
            self.fail(f"{value!r} is longer than {UINT32} s, the longest possible", param, ctx)
        return seconds


class Number(ParamType):
    """A number within bounds. A power may carry its unit; `none` means none where the bounds are open."""

    def __init__(self, argument: Argument):
        self.argument = argument
        self.name = {"s": "SECONDS", "": "INTEGER" if argument.kind is int else "NUMBER"}.get(
            argument.unit, argument.unit)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = self._number(value, param, ctx)
        least, most = self.argument.range
        if not least <= number <= most:
            self.fail(f"{value} is not between {least:.15g} and {most:.15g}", param, ctx)
        return number

    def _number(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if self.argument.kind is int:
            if isinstance(value, str) and value.lower().startswith("0x"):
                try:
                    return int(value, 16)
                except ValueError:
                    self.fail(f"{value!r} is no hexadecimal number such as 0x30", param, ctx)
            return int(click.INT.convert(value, param, ctx))
        factor = 1.0
        if self.argument.unit == "W" and isinstance(value, str) and (match := _POWER.fullmatch(value)):
            value, factor = match.group(1), _WATTS[match.group(2)]
        return float(click.FLOAT.convert(value, param, ctx)) * factor


class Pair(ParamType):
    """NAME=VALUE, as a tuple."""
    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, text


class Upload(ParamType):
    """The name and the bytes of a file; `-` is standard input."""
    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UploadedFile:
        if isinstance(value, UploadedFile):
            return value
        try:
            content = sys.stdin.buffer.read() if value == "-" else Path(value).read_bytes()
        except OSError as error:
            self.fail(f"{value} cannot be read: {error.strerror}", param, ctx)
        return UploadedFile("<stdin>" if value == "-" else value, content)


class Day(click.DateTime):
    """A date, or a month."""

    def __init__(self, unit: str):
        super().__init__(["%Y-%m" if unit == "month" else "%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        return super().convert(value, param, ctx).date()


YES_NO = click.Choice(["yes", "no"])


def parameter_type(argument: Argument) -> Any:
    """The click type of an argument of an operation."""
    if argument.choices:
        return click.Choice(list(argument.choices))
    if argument.unit == "instant":
        return Instant()
    if argument.unit == "s" and argument.kind is int:
        return Duration()
    if argument.kind in (int, float):
        return Number(argument)
    if argument.kind is date:
        return Day(argument.unit)
    return {bool: YES_NO, dict: Pair(), UploadedFile: Upload(),
            Path: click.Path(dir_okay=False, path_type=Path)}.get(argument.kind, click.STRING)


def in_options(text: str, arguments: Iterable[Argument], form: str = "{}") -> str:
    """A text with the arguments that it names in backquotes as the command line calls them."""
    names = {argument.name: form.format(option(argument)) for argument in arguments}
    return _BACKQUOTED.sub(lambda match: names.get(match[1], match[0]), text)


def option(argument: Argument) -> str:
    """How the command line calls an argument: `--horizon`, or `VDER` where it is positional."""
    return argument.name.upper() if argument.positional else option_names(argument)[-1]


def option_names(argument: Argument) -> list[str]:
    """The names of an option, with dashes."""
    return [f"-{name}" if len(name) == 1 else f"--{name}" for name in argument.option.split("/")]


def taken(argument: Argument, value: Any) -> Any:
    """What the operation takes for what click has parsed. BadParameter where a name is given twice."""
    if callable(value):
        return value()
    if argument.kind is dict:
        pairs = dict(value)
        if len(pairs) < len(value):
            names = [name for name, _ in value]
            twice = next(name for name in names if names.count(name) > 1)
            raise click.BadParameter(f"{twice} is given twice", param_hint=f"--{argument.option}")
        return pairs
    if argument.many:
        return list(value)
    return value == "yes" if argument.kind is bool and isinstance(value, str) else value


def shown_default(argument: Argument) -> str:
    """A default as people would type it; empty where there is none worth a word."""
    value = argument.default
    if argument.required or not value:
        return ""
    if argument.unit != "s" or isinstance(value, float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    unit = next(unit for unit in reversed(_SECONDS) if not value % _SECONDS[unit])
    return f"{value // _SECONDS[unit]}{unit}"


def shown_range(argument: Argument) -> str:
    """A range that is narrower than what any number of the type may be, such as `0 to 100`."""
    if argument.kind not in (int, float) or argument.arg.least is None and argument.arg.most is None:
        return ""
    least, most = argument.range
    if argument.arg.most is None or math.isinf(most):
        return f"at least {least:.15g}"
    if argument.arg.least is None:
        return f"at most {most:.15g}"
    return f"{least:.15g} to {most:.15g}"
