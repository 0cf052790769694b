"""What all verbs share: settings, the database, times, durations and numbers as people write them."""
from __future__ import annotations

import functools
import logging
import os
import pwd
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

from server import audit, clock, logs
from server.cli.tables import show
from server.config import Source, settings
from server.config.sources import OPTION
from server.errors import Refused

log = logging.getLogger(__name__)
EXTRA = "pip install"  # stands in what is said where an extra is missing
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
INT32, UINT32 = 2 ** 31 - 1, 2 ** 32 - 1
AGES = 7_258_118_400  # the year 2200: an instant beyond, or before 1970, is a slip of the pen
_ACTOR = "counterpoise.actor"  # name and reason, in the context of a call


def configure(pairs: Iterable[str], command: str) -> None:
    """Take settings from the command line (`NAME=VALUE`), refuse what is wrong with any of them wherever it
    comes from, and set up the log for this command (the first word of it)."""
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--set")
        try:
            settings.set(name, value, Source(OPTION, f"--set {name}", name))
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    settings.require()
    logs.configure(command)
    for sentence in settings.outdated():
        log.warning(sentence)


def say_who(name: str | None, reason: str) -> None:
    """Take who is acting, and why, from the command line; for this call."""
    click.get_current_context().meta[_ACTOR] = name or login(), reason


def login() -> str:
    """The operator's name as the settings have it, else that of the user of the operating system."""
    if settings.operator:
        return settings.operator
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def open_database() -> None:
    """Connect to the database and register the hooks of every package; the clock follows the server's."""
    from server import functionsets, grid, models
    from server.resources import hooks

    assert grid
    functionsets.load()
    models.connect()
    if settings.clock:
        clock.follow(settings.clock)
    else:
        pace = models.KeyValue.get_or_none(models.KeyValue.name == "clock")
        clock.follow(pace.value if pace else "")
    hooks.run_seeds()


def close() -> None:
    """Let go of the database, if it was opened."""
    from server.models import db
    if db.obj is not None and not db.is_closed():
        db.close()


def verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that works on the database: opens it, does it in the operator's name, prints what the
    function returns, and turns a refusal into an error.

    The function returns None, one row (a mapping), or rows; `--json` is added to it.
    """
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(function)
    def wrapped(as_json: bool, **arguments: Any) -> None:
        try:
            open_database()
            with audit.acting(*click.get_current_context().meta[_ACTOR]):
                found = function(**arguments)
            show(found, as_json)
        except Refused as refused:
            raise click.ClickException(refused.why) from None
        except ImportError as missing:
            if EXTRA not in str(missing):
                raise
            raise click.ClickException(str(missing)) from None
    return wrapped


class Instant(click.ParamType):
    """An instant from 1970 until 2200: `now`, `+15m` (from now), ISO 8601 (UTC where it names no zone), or
    seconds since 1970. Converted when it is used, since the clock is known only then."""
    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Callable[[], int]:
        if callable(value):
            return value
        if value == "now":
            return clock.now
        if value.startswith("+"):
            seconds = Duration().convert(value[1:], param, ctx)
            return lambda: clock.now() + seconds
        try:
            instant = (
                int(value)
                if value.isdecimal() and len(value) > 8
                else self._of(datetime.fromisoformat(value))
            )
        except ValueError:
            self.fail(f"{value!r} is neither now, +15m, ISO 8601 nor seconds since 1970", param, ctx)
        if not 0 <= instant <= AGES:
            self.fail(f"{value!r} is no time between 1970 and 2200", param, ctx)
        return lambda: instant

    @staticmethod
    def _of(when: datetime) -> int:
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


class Duration(click.ParamType):
    """A duration: `90s`, `15m`, `1h30m`, `2d`, or seconds."""
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        parts = re.findall(r"(\d+)([smhd]?)", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is no duration such as 90s, 15m, 1h30m", param, ctx)
        seconds = sum(int(number) * _UNITS[unit or "s"] for number, unit in parts)
        if seconds > UINT32:
            self.fail(f"{value!r} is longer than {UINT32} s, the longest that can be told", param, ctx)
        return seconds


class Whole(click.ParamType):
    """A whole number within bounds, which are inside what every database holds."""
    name = "integer"

    def __init__(self, least: int = -INT32, most: int = INT32):
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = click.INT.convert(value, param, ctx)
        if not self.least <= number <= self.most:
            self.fail(f"{value} is not between {self.least} and {self.most}", param, ctx)
        return int(number)


class Number(click.ParamType):
    """A finite number within bounds; by themselves they are a terawatt either way."""
    name = "number"

    def __init__(self, least: float = -1e12, most: float = 1e12):
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = click.FLOAT.convert(value, param, ctx)
        if not self.least <= number <= self.most:
            self.fail(f"{value} is no number between {self.least:g} and {self.most:g}", param, ctx)
        return float(number)


class Pair(click.ParamType):
    """NAME=VALUE, as a tuple."""
    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, said = value.partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, said


class Bits(click.ParamType):
    """A bitmap: 0x30, or a decimal number."""
    name = "bits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            bits = value if isinstance(value, int) else int(value, 0)
        except ValueError:
            bits = -1
        if not 0 <= bits <= UINT32:
            self.fail(f"{value!r} is no number such as 0x30, of 32 bits at most", param, ctx)
        return bits


INSTANT, DURATION, PAIR, BITS, NUMBER, WHOLE = Instant(), Duration(), Pair(), Bits(), Number(), Whole()
COUNT, SMALL = Whole(1), Whole(-2 ** 15, 2 ** 15 - 1)


def track(items: Any, what: str) -> Any:
    """The same items, with a progress bar for people where that takes longer than a moment."""
    from rich.progress import track as progress
    if not sys.stderr.isatty():
        return items
    return progress(items, description=what, console=Console(stderr=True), transient=True)
