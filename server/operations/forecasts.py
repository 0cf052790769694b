"""`forecast` and `history`: what is expected of a virtual DER, and what was measured."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypedDict
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.grid.series import csvfiles, forecasts, measurements
from server.grid.series.results import Forecasts, ImportedMeasurements, MeasurementRow, PutForecast
from server.operations import seriesinput
from server.operations.declaration import Arg, DryRun, Group, Role, VderName
from server.operations.seriesinput import CsvFile, JsonFile
from server.units import Instant, Seconds

DAY_S = 86400
QUANTITIES = ("premises", "load", "pv", "thermal", "ev", "storage", "other")
KINDS = ("load", "pv", "thermal", "ev")
forecast = Group("forecast", """
    What is expected, in W with injection positive, so that a load is negative: from our own readings, or as
    given from outside. EV charging is given as sessions: arrive,depart,wh,w.
    """)
history = Group("history", "What was measured of virtual DERs, in W with injection positive, by 15 minutes.")
GROUPS = (forecast, history)
From = Annotated[Instant | None, Arg("From this instant on; a day ago if not given.", option="from")]
Until = Annotated[Instant | None, Arg("Before this instant; now if not given.", option="until")]


class RolledIntervals(TypedDict):
    """How many intervals were summed up."""
    intervals: int


@forecast.operation("put", role=Role.OPERATOR)
def put(
    vder: VderName,
    kind: Annotated[str, Arg(choices=KINDS, metavar="KIND")],
    *,
    csv_file: CsvFile = None,
    json_file: JsonFile = None,
    start: seriesinput.Start = None,
    step_s: seriesinput.Step = None,
    unit: seriesinput.Unit = "W",
    dates: seriesinput.Dates = None,
    issued_at: Annotated[Instant | None, Arg("When it was made; now if not given.", option="issued")] = None,
    source: Annotated[str, Arg("Who made it.")] = "",
    dry_run: DryRun = False,
) -> PutForecast:
    """Put a forecast from outside. KIND is load, pv, thermal or ev. A CSV may have quantiles:
    start,value,p10,p90."""
    file = seriesinput.single_file(csv_file, json_file)
    if kind == "ev":
        sessions = csvfiles.charging_sessions(file.text(), file.name, ZoneInfo(settings.timezone), dates)
        return forecasts.put(
            vder, kind, sessions, 0, 0, source=source, issued_at=issued_at, dry_run=dry_run, origin=file.name)
    table = seriesinput.read(csv_file, json_file, start, step_s, unit, dates)
    return forecasts.put(
        vder, kind, table.values, table.start, table.step, source=source, quantiles=table.quantiles,
        issued_at=issued_at, dry_run=dry_run, origin=file.name,
    )


@forecast.operation("show", role=Role.VIEWER, in_subtree=True)
def show(
    vder: VderName,
    *,
    kinds: Annotated[Sequence[str], Arg("Only these.", choices=KINDS, option="kind")] = (),
    horizon_s: Annotated[Seconds, Arg("How far ahead.")] = DAY_S,
) -> Forecasts:
    """Show what is expected as quantiles 0.1, 0.5 and 0.9, its source, and what was given from outside."""
    return forecasts.show(vder, kinds or KINDS, horizon_s)


@history.operation("import", role=Role.OPERATOR)
def import_history(
    vder: VderName,
    kind: Annotated[str, Arg(choices=QUANTITIES, metavar="KIND")],
    *,
    csv_file: CsvFile = None,
    json_file: JsonFile = None,
    start: seriesinput.Start = None,
    step_s: seriesinput.Step = None,
    unit: seriesinput.Unit = "W",
    dates: seriesinput.Dates = None,
    dry_run: DryRun = False,
) -> ImportedMeasurements:
    """Import older measurements. KIND is premises, load, pv, thermal, ev, storage or other."""
    table = seriesinput.read(csv_file, json_file, start, step_s, unit, dates)
    name = seriesinput.single_file(csv_file, json_file).name
    return measurements.put(vder, kind, table.start, table.values, table.step, name, dry_run)


@history.operation("show", role=Role.VIEWER, in_subtree=True)
def show_history(vder: VderName, *, start: From = None, end: Until = None) -> list[MeasurementRow]:
    """List what was measured, a row for each 15 minutes."""
    now = clock.now()
    return measurements.show(
        vder, now - DAY_S if start is None else start, now if end is None else end)


@history.operation("roll", role=Role.OPERATOR, in_parts=True)
def roll(
    *, start: Annotated[Instant, Arg("From this instant on.", option="from")], end: Until = None
) -> RolledIntervals:
    """Sum up readings again, for instance when old ones came late."""
    return {"intervals": measurements.roll_between(start, clock.now() if end is None else end)}
