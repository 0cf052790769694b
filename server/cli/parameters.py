"""Values as people type them on the command line: instants, durations, power, numbers, pairs, files.

Each type turns text into what an operation takes; ranges are those of the operation's declaration.
"""
from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from server import durationtexts, quantitytexts
from server.cli import common
from server.config import settings
from server.operations import timetexts
from server.operations.declaration import YEAR_2200, Argument, UploadedFile

if TYPE_CHECKING:
    ParamType = click.ParamType[Any, Any]
else:
    ParamType = click.ParamType  # generic only since click 8.5

_BACKQUOTED = re.compile(r"`(\w+)`")
_INFINITE = ("inf", "+inf", "-inf")
NOTES = {
    "instant": "INSTANT is now, +15m (from now), 18:00 or tomorrow 18:00, ISO 8601 or seconds since 1970. "
               "Without a zone it is local time (setting timezone).",
    "s": "DURATION is 90s, 15m, 1h30m, 1.5h, 2d, PT1H30M or a number of seconds.",
    "W": "Power is in W, or with its unit: 5kW.",
    "var": "Reactive power is in var, or with its unit: 5kvar.",
}
"""What stands below the help of a command that takes such values."""


class Instant(ParamType):
    """An instant from 1970 until 2200. Read again when it is used: a database may have a clock of its own."""
    name = "INSTANT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Callable[[], int]:
        if callable(value):
            instant_of: Callable[[], int] = value
            return instant_of

        def of_the_clock() -> int:
            try:
                instant = timetexts.instant(value, ZoneInfo(settings.timezone), common.now())
            except ValueError as error:
                self.fail(f"{value!r} {error}", param, ctx)
            if not 0 <= instant <= YEAR_2200:
                self.fail(f"{value!r} is not a time between 1970 and 2200", param, ctx)
            return instant

        of_the_clock()  # what cannot be is refused at once
        return of_the_clock


class Duration(ParamType):
    """A duration in whole seconds within bounds: `90s`, `15m`, `1h30m`, `1.5h`, `PT1H30M`, or seconds.

    A sign is possible where the bounds are below zero.
    """
    name = "DURATION"

    def __init__(self, argument: Argument):
        self.argument = argument

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        least, most = self.argument.range
        negative = least < 0 and value.startswith("-")
        try:
            length = durationtexts.seconds(value.removeprefix("-") if negative else value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        if length != int(length):
            self.fail(f"{value!r} is not a whole number of seconds", param, ctx)
        length_s = -int(length) if negative else int(length)
        if not least <= length_s <= most:
            self.fail(f"{value!r} is not between {least:.15g} s and {most:.15g} s", param, ctx)
        return length_s


class Number(ParamType):
    """A number within bounds. It may carry its unit, or another of the same dimension.

    `inf` is possible where the bounds are open.
    """

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
        if self.argument.kind is int and not self.argument.unit:
            if isinstance(value, str) and value.lower().startswith("0x"):
                try:
                    return int(value, 16)
                except ValueError:
                    self.fail(f"{value!r} is not a hexadecimal number such as 0x30", param, ctx)
            return int(click.INT.convert(value, param, ctx))
        if not isinstance(value, str) or value.lower() in _INFINITE or not self.argument.unit:
            return float(click.FLOAT.convert(value, param, ctx))
        try:
            number = _quantity(value, self.argument.unit)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        if self.argument.kind is int and number != int(number):
            self.fail(f"{value!r} is not a whole number of {self.argument.unit}", param, ctx)
        return int(number) if self.argument.kind is int else number


def _quantity(text: str, unit: str) -> float:
    return durationtexts.seconds(text) if unit == "s" else quantitytexts.quantity(text, unit)


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
        return Duration(argument)
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


def _hint(argument: Argument) -> str:
    """How a refusal calls an argument: as its usage does."""
    return (argument.positional and argument.arg.metavar.strip("[].")) or option(argument)


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
            raise click.BadParameter(f"{twice} is given twice", param_hint=f"'{_hint(argument)}'")
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
    return durationtexts.shown(value)


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
