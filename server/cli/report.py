"""`report …` and `baseline …`: what came of events, days and months; what would have been without us."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from server.cli.common import INSTANT, WHOLE, verb
from server.errors import Refused

Moment = Callable[[], int]
Data = dict[str, Any]
_PATH = click.Path(dir_okay=False, path_type=Path)


def _html(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--html", type=_PATH, help="Where to write the page; var/reports/….html if not given."
    )(function)


@click.group()
def report() -> None:
    """What came of it: tables, and one HTML file with charts that needs nothing else."""


@report.command()
@click.argument("event")
@_html
@verb
def event(event: str, html: Path | None) -> Any:
    """An event: an order (its number) or a load control event (its href)."""
    from server.grid.reports import reports
    return _written(reports.event(event), html)


@report.command()
@click.argument("vder")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The local day; today if not given.")
@_html
@verb
def day(vder: str, date: datetime | None, html: Path | None) -> Any:
    """A local day of a virtual DER and those below it."""
    from server.grid.reports import reports
    return _written(reports.day(vder, date.date() if date else None), html)


@report.command()
@click.argument("vder")
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="This month if not given.")
@_html
@verb
def month(vder: str, month: datetime | None, html: Path | None) -> Any:
    """A month of a virtual DER and those below it, day by day, with its settlement."""
    from server.grid.reports import reports
    return _written(reports.month(vder, month.date() if month else None), html)


@report.command()
@click.argument("vder")
@click.option("--from", "start", type=INSTANT, help="Orders from this instant on; the last day if not given.")
@click.option("--to", "end", type=INSTANT, default="now", help="Until this instant; now if not given.")
@verb
def nonresponders(vder: str, start: Moment | None, end: Moment) -> Any:
    """Who did not answer orders, or did not do what they asked; the worst first."""
    from server.grid.reports import performance
    until = end()
    return performance.nonresponders(vder, start() if start else until - 86400, until)


def _written(found: Data, path: Path | None) -> Data:
    """Write the page, and say what people want to see in a terminal."""
    from server.grid.reports import charts, pages
    try:
        file = pages.write(found, charts.report_charts(found), path)
    except OSError as error:
        raise Refused(
            400, f"{path or pages.FOLDER}: the page cannot be written there: {error.strerror}"
        ) from None
    short = {key: found[key] for key in ("title", "vder", "zone", "start", "end")}
    rows = found["events"][0]["devices"] if found["what"] == "event" else []
    plain = {words: value for words, value in pages.figures(found["key"])}
    return {
        **short,
        **plain,
        "html": str(file),
        "key": found["key"],
        "settlement": found["settlement"],
        "days": [{key: value for key, value in one.items() if key != "moved_kwh"} for one in found["days"]],
        "devices": rows,
    }


@click.group()
def baseline() -> None:
    """What devices would have drawn had we asked for nothing (consumption +)."""


@baseline.command()
@click.argument("name")
@click.option("--start", type=INSTANT, required=True, help="now, ISO 8601 or seconds since 1970.")
@click.option("--end", type=INSTANT, required=True, help="Up to a day later.")
@verb
def compute(name: str, start: Moment, end: Moment) -> Any:
    """The baseline of a device, or of each member of a virtual DER."""
    from server.grid.reports import baselines
    return baselines.compute(name, start(), end())


@baseline.command()
@click.argument("order", type=WHOLE)
@verb
def show(order: int) -> Any:
    """The baseline of each device of an order."""
    from server.grid.reports import baselines
    return baselines.show(order)


COMMANDS = (report, baseline)
