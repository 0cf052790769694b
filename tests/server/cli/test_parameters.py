"""What people type becomes what operations take, or an error that says what is possible."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import click
import pytest

from server import clock
from server.cli import parameters
from server.config import settings
from server.operations import load
from server.operations.declaration import NO_PAIRS, Arg, Group, Role, UploadedFile
from server.units import Day, Instant, KilowattHours, Meaning, Month, Percent, Seconds, SecondsExact, Watts
from tests.conftest import NOON

things = Group("thing")


@things.operation("make", role=Role.OPERATOR)
def make(
    *,
    at: Instant | None = None,
    duration_s: Seconds = 5400,
    power_w: Annotated[Watts | None, Arg(most=1e6)] = None,
    shift_s: Annotated[Seconds, Arg(least=-3600, most=3600)] = 0,
    ramp_s: SecondsExact | None = None,
    limit_w: Annotated[Watts | None, Arg(most=math.inf)] = None,
    percent: Percent | None = None,
    energy_kwh: KilowattHours | None = None,
    duty: Annotated[int, Meaning("%", "whole percent")] = 0,
    bits: Annotated[int, Arg(least=0, most=2 ** 32 - 1)] = 0,
    count: Annotated[int, Arg(least=1)] = 100,
    connect: bool | None = None,
    labels: Mapping[str, str] = NO_PAIRS,
    names: Sequence[str] = (),
    file: UploadedFile | None = None,
    day: Day | None = None,
    month: Month | None = None,
) -> None:
    """Make a thing."""


ARGUMENTS = {argument.name: argument for argument in things.operations["make"].arguments}


def parsed(name: str, text: Any) -> Any:
    """What the operation takes for a text."""
    argument = ARGUMENTS[name]
    kind = parameters.parameter_type(argument)
    value = [kind.convert(item, None, None) for item in text] if argument.many else kind.convert(
        text, None, None)
    return parameters.taken(argument, value)


@pytest.mark.parametrize("name, text, expected", [
    ("at", "now", NOON), ("at", "+15m", NOON + 900), ("at", "1750000000", 1_750_000_000),
    ("at", "2025-06-15T12:00Z", 1_749_988_800), ("at", "2025-06-15T14:00+02:00", 1_749_988_800),
    ("at", "2025-06-15T12:00", 1_749_988_800), ("at", "20250615", 1_749_945_600),
    ("duration_s", "90", 90), ("duration_s", "90s", 90), ("duration_s", "1h30m", 5400),
    ("duration_s", "2d", 172_800), ("duration_s", 5, 5),
    ("at", "tomorrow 18:00", NOON + 30 * 3600), ("at", "-15m", NOON - 900), ("duration_s", "1.5h", 5400),
    ("duration_s", "PT1H30M", 5400), ("shift_s", "-90s", -90), ("shift_s", "1h", 3600),
    ("ramp_s", "1.5s", 1.5),
    ("ramp_s", "2m", 120.0), ("limit_w", "inf", math.inf), ("percent", "50%", 50.0), ("percent", "50", 50.0),
    ("energy_kwh", "3kWh", 3.0), ("energy_kwh", "500Wh", 0.5), ("duty", "50%", 50),
    ("power_w", "5000", 5000.0), ("power_w", "5kW", 5000.0), ("power_w", "-0.5 kW", -500.0),
    ("power_w", "1MW", 1e6), ("power_w", "250W", 250.0),
    ("bits", "0x30", 48), ("bits", "48", 48),
    ("connect", "yes", True), ("connect", "no", False),
    ("labels", ["a=1", "b=c=d"], {"a": "1", "b": "c=d"}), ("names", ["x", "y"], ["x", "y"]),
    ("day", "2025-06-15", date(2025, 6, 15)), ("month", "2025-06", date(2025, 6, 1)),
])
def test_a_text_becomes_a_value(name: str, text: Any, expected: Any) -> None:
    clock.turn_to(NOON)
    assert parsed(name, text) == expected


@pytest.mark.parametrize("name, text, reason", [
    ("at", "soon", "is not a time such as now"), ("at", "2201-01-01", "not a time between 1970 and 2200"),
    ("at", "+", "is not a duration"), ("duration_s", "1w", "is not a duration"),
    ("duration_s", "1m2", "is not a duration"),
    ("duration_s", "-1", "is not a duration"), ("duration_s", "99999d", "is longer than 4294967295 s"),
    ("duration_s", "1.5s", "not a whole number of seconds"), ("shift_s", "-2h", "is not between -3600 s"),
    ("at", "1750000000000", "looks like milliseconds; write seconds: 1750000000"),
    ("power_w", "5KW", "write 5kW"), ("power_w", "5kw", "write 5kW"), ("power_w", "5 kWh", "is energy"),
    ("power_w", "1.2.3kW", "is not a number"), ("power_w", "2MW", "is not between"),
    ("percent", "2kW", "a percentage is needed"), ("power_w", "50%", "active power is needed"),
    ("duty", "50.5%", "not a whole number of %"), ("power_w", "inf", "is not between"),
    ("power_w", "nan", "is not a number"), ("bits", "0xg", "not a hexadecimal number"),
    ("bits", "-1", "is not between"), ("count", "0", "is not between"),
    ("count", "1.5", "not a valid integer"),
    ("connect", "maybe", "is not one of"), ("labels", ["a"], "is not NAME=VALUE"),
    ("labels", ["=1"], "is not NAME=VALUE"), ("labels", ["a=1", "a=2"], "a is given twice"),
    ("file", "/nowhere/x", "/nowhere/x"), ("day", "2025-13-01", "does not match"),
])
def test_what_cannot_be_is_refused(name: str, text: Any, reason: str) -> None:
    with pytest.raises(click.BadParameter, match=reason):
        parsed(name, text)


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff1")
    path = str(tmp_path / "a.csv")
    assert parsed("file", path) == UploadedFile(path, b"\xff1")


@pytest.mark.parametrize("name, default, accepted", [
    ("duration_s", "90m", ""), ("count", "100", "at least 1"), ("bits", "", "0 to 4294967295"),
    ("power_w", "", "at most 1000000"), ("labels", "", ""), ("at", "", ""),
])
def test_help_shows_default_and_range(name: str, default: str, accepted: str) -> None:
    argument = ARGUMENTS[name]
    assert (parameters.shown_default(argument), parameters.shown_range(argument)) == (default, accepted)


@pytest.mark.parametrize("text, expected", [
    ("either `file` or `duration_s`", "either --file or --duration"), ("`at` `at`", "--at --at"),
    ("`other` and file", "`other` and file")])
def test_arguments_in_backquotes_are_named_as_options(text: str, expected: str) -> None:
    assert parameters.in_options(text, ARGUMENTS.values()) == expected
    assert parameters.in_options(text, ()) == text


def test_a_positional_argument_and_one_with_two_options_have_one_name() -> None:
    arguments = {argument.name: argument for argument in load("audit").operations["verify"].arguments}
    assert parameters.option(arguments["files"]) == "FILES"
    limit = next(part for part in load("audit").operations["tail"].arguments if part.name == "limit")
    assert (parameters.option(limit), parameters.option_names(limit)) == ("--lines", ["-n", "--lines"])


def test_a_time_without_zone_is_local_and_an_hour_that_exists_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "timezone", "Europe/Amsterdam")
    assert parsed("at", "2027-01-15T18:00") == 1_800_032_400
    for text in ("2026-10-25T02:30", "2026-03-29T02:30"):
        with pytest.raises(click.BadParameter, match="in Europe/Amsterdam"):
            parsed("at", text)
