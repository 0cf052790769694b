"""Time series that come as a CSV or JSON file with a call."""
from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from server import quantitytexts
from server.config import settings
from server.errors import BadArgument
from server.grid.series import csvfiles, dateorders, signalkinds
from server.operations.declaration import Arg, UploadedFile
from server.units import Instant, Seconds

MOST = 1e12  # of one value, in W or a price
UNITS = {"W": 1.0, "kW": 1e3, "MW": 1e6}
CsvFile = Annotated[UploadedFile | None, Arg(
    "CSV: start,value in lines, or values alone; - for standard input.", option="csv", metavar="FILE")]
JsonFile = Annotated[UploadedFile | None, Arg(
    "JSON: {start, step, values} or a list of {start, value}; - for standard input.", option="from-json",
    metavar="FILE")]
Start = Annotated[Instant | None, Arg("When the first value begins, where the file does not say it.")]
Step = Annotated[Seconds | None, Arg("How long a value holds, where the file does not say it.")]
Dates = Annotated[str | None, Arg(
    "How dates with slashes are written, where the file does not tell it.", choices=dateorders.ORDERS)]
Unit = Annotated[str, Arg("Unit of the values.", choices=tuple(UNITS))]


def single_file(csv_file: UploadedFile | None, json_file: UploadedFile | None) -> UploadedFile:
    """The file that came. Refused (400) where it is not exactly one."""
    if csv_file is not None and json_file is not None:
        raise BadArgument("json_file", "send either a CSV or a JSON file, not both")
    file = csv_file or json_file
    if file is None:
        raise BadArgument("csv_file", "send a CSV or a JSON file")
    return file


def read(
    csv_file: UploadedFile | None,
    json_file: UploadedFile | None,
    start: int | None,
    step_s: int | None,
    unit: str,
    dates: str | None = None,
) -> csvfiles.Parsed:
    """The series in the file that came, in W; local times are of the setting `timezone`.

    Refused (400) where there is not exactly one file, or its content is not a series.
    """
    file, zone = single_file(csv_file, json_file), ZoneInfo(settings.timezone)
    table = (
        csvfiles.from_json(file.text(), file.name, zone, step_s)
        if json_file is not None
        else csvfiles.from_csv(file.text(), file.name, zone, start, step_s, dates)
    )
    quantiles = {key: in_watts(values, unit) for key, values in table.quantiles.items()}
    return table._replace(values=in_watts(table.values, unit), quantiles=quantiles)


def value(text: str, kind: str, unit: str, argument: str) -> float:
    """Return one value of a signal of this kind, a power in W. A number without unit is one of `unit`.

    Refused (400) where it is none, or has a unit that the kind has not; `argument` is where it comes from.
    """
    kind_unit = signalkinds.find(kind).unit
    try:
        number = quantitytexts.quantity(text, "W")
        bare = _is_bare(text)
    except ValueError as error:
        raise BadArgument(argument, f"{text!r} {error}") from None
    if kind_unit != "W" and not bare:
        raise BadArgument(argument, f"{text!r} has a unit; a {kind} is a plain number, {kind_unit}")
    number *= UNITS[unit] if bare else 1.0
    if abs(number) > MOST:
        raise BadArgument(argument, f"{text!r} is beyond any plausible size")
    return number


def _is_bare(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def in_watts(values: list[Any], unit: str) -> list[Any]:
    """Values of a unit in W; what is not a number stays as it is, for the check that names its line."""
    if unit == "W":
        return values
    return [value * UNITS[unit] if isinstance(value, (int, float)) and not isinstance(value, bool) else value
            for value in values]
