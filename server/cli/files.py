"""Options of the verbs that take a series from a file, and what is read there."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo

import click

from server.cli.common import DURATION, INSTANT
from server.config import settings
from server.errors import Refused

if TYPE_CHECKING:
    from server.grid.series.csvfiles import Table

Moment = Callable[[], int] | None
UNITS = {"W": 1.0, "kW": 1e3, "MW": 1e6}
_FILE = click.File("rb")


def series(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options --csv, --from-json, --start, --step and --unit."""
    for option in (
        click.option(
            "--unit", type=click.Choice(list(UNITS)), default="W", show_default=True, help="Of the values."
        ),
        click.option("--step", type=DURATION, help="How long a value holds, where the file does not tell."),
        click.option(
            "--start", type=INSTANT, help="When the first value begins, where the file does not tell."
        ),
        click.option(
            "--from-json",
            "json_file",
            type=_FILE,
            metavar="FILE",
            help="JSON: {start, step, values} or a list of {start, value}; - for standard input.",
        ),
        click.option(
            "--csv",
            "csv_file",
            type=_FILE,
            metavar="FILE",
            help="CSV: start,value in lines, or values alone; - for standard input.",
        ),
    ):
        function = option(function)
    return function


def name(file: BinaryIO) -> str:
    """What a file is called in a sentence."""
    return getattr(file, "name", "<stdin>")


def text(file: BinaryIO) -> str:
    """What a file says. Refused (400) where it is not UTF-8."""
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(400, f"{name(file)}: this is not UTF-8 (byte {error.start})") from None


def one_of(csv_file: BinaryIO | None, json_file: BinaryIO | None) -> BinaryIO:
    """The file that was named. Refused (400) where it is not one."""
    if (csv_file is None) == (json_file is None):
        raise Refused(400, "one of --csv and --from-json is needed")
    return csv_file or json_file  # type: ignore[return-value]


def read(
    csv_file: BinaryIO | None, json_file: BinaryIO | None, start: Moment, step: int | None, unit: str
) -> Table:
    """The series in the file that was named, in W."""
    from server.grid.series import csvfiles
    file, zone = one_of(csv_file, json_file), ZoneInfo(settings.timezone)
    found = (
        csvfiles.from_json(text(file), name(file), zone, step)
        if json_file is not None
        else csvfiles.from_csv(text(file), name(file), zone, start() if start else None, step)
    )
    return found._replace(values=scaled(found.values, unit),
                          quantiles={key: scaled(values, unit) for key, values in found.quantiles.items()})


def scaled(values: list[Any], unit: str) -> list[Any]:
    """In W; what is no number is left as it is, for those who check it."""
    if unit == "W":
        return values
    return [value * UNITS[unit] if isinstance(value, (int, float)) and not isinstance(value, bool) else value
            for value in values]
