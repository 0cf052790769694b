"""`report` and `baseline`: what events, days and months achieved, and what would have been without them."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated

from server import clock
from server.errors import Refused
from server.grid.reports import baselines, bills, callsettlement, pages, performance, reports
from server.grid.reports import unmet as unmetdemand
from server.grid.reports.bills import BillRow
from server.grid.reports.callsettlement import CallRow
from server.grid.reports.results import BaselineRow, NonresponderRow, Report, WrittenReport
from server.grid.reports.unmetresults import UnmetRow
from server.operations.declaration import Arg, Group, Role, VderName
from server.operations.dispatch import OrderNumber
from server.units import Day, Instant, Month

DAY_S = 86400
report = Group("report", "Results as tables, and as one HTML file with charts that needs nothing else.")
baseline = Group("baseline", "What devices would have drawn without any event (consumption +).")
GROUPS = (report, baseline)
Html = Annotated[Path | None, Arg(
    "Where to write the page; var/reports/….html if not given.", option="html", metavar="FILE")]


@report.operation("event", role=Role.VIEWER)
def event(event: Annotated[str, Arg(metavar="EVENT")], *, html_file: Html = None) -> WrittenReport:
    """Report an event: an order (its number) or a load control event (its href)."""
    return _written(reports.event(event), html_file)


@report.operation("day", role=Role.VIEWER)
def day(
    vder: VderName,
    *,
    day: Annotated[Day | None, Arg("The local day; today if not given.", option="date")] = None,
    html_file: Html = None,
) -> WrittenReport:
    """Report a local day of a virtual DER and those below it."""
    return _written(reports.day(vder, day), html_file)


@report.operation("month", role=Role.VIEWER)
def month(
    vder: VderName,
    *,
    month: Annotated[Month | None, Arg("This month if not given.")] = None,
    html_file: Html = None,
) -> WrittenReport:
    """Report a month of a virtual DER and those below it, day by day, with its settlement."""
    return _written(reports.month(vder, month), html_file)


@report.operation("calls", role=Role.VIEWER, in_subtree=True)
def calls(
    vder: VderName,
    *,
    start: Annotated[Instant | None, Arg(
        "Calls that begin from this instant on; the last 30 days if not given.", option="from")] = None,
    end: Annotated[Instant | None, Arg("Until this instant; now if not given.", option="to")] = None,
    csv_file: Annotated[Path | None, Arg(
        "Write them to this file too.", option="csv", metavar="FILE")] = None,
) -> list[CallRow]:
    """List the calls of businesses, for settlement: called and delivered power, price and penalty."""
    until = clock.now() if end is None else end
    rows = callsettlement.calls(vder, until - 30 * DAY_S if start is None else start, until)
    if csv_file is not None:
        try:
            callsettlement.write_csv(rows, csv_file)
        except OSError as error:
            raise Refused(400, f"{csv_file} cannot be written: {error.strerror}") from None
    return rows


@report.operation("bill", role=Role.VIEWER, in_subtree=True)
def bill(
    vder: VderName,
    *,
    first: Annotated[Day | None, Arg("The first local day; today if not given.", option="from")] = None,
    last: Annotated[Day | None, Arg("The last local day; the first if not given.", option="to")] = None,
) -> list[BillRow]:
    """Report what the exchange of an area with a price cost, what it would have cost, and what was saved."""
    day = first or reports.today()
    return bills.bills(vder, day, last or day)


@report.operation("nonresponders", role=Role.VIEWER, in_subtree=True)
def nonresponders(
    vder: VderName,
    *,
    start: Annotated[Instant | None, Arg(
        "Orders from this instant on; the last day if not given.", option="from")] = None,
    end: Annotated[Instant | None, Arg("Until this instant; now if not given.", option="to")] = None,
) -> list[NonresponderRow]:
    """List devices that did not respond to orders, or did not deliver; the worst first."""
    until = clock.now() if end is None else end
    return performance.nonresponders(vder, until - DAY_S if start is None else start, until)


@report.operation("unmet", role=Role.VIEWER)
def unmet(
    vder: VderName,
    *,
    start: Annotated[Instant | None, Arg(
        "From this instant on; a day back if not given.", option="from")] = None,
    end: Annotated[Instant | None, Arg(
        "Until this instant; a day ahead, as far as plans expect it, if not given.", option="to")] = None,
) -> list[UnmetRow]:
    """List limits, energy of cars, comfort, contracts and orders that could not be kept, and why."""
    now = clock.now()
    return unmetdemand.unmet(
        vder, now - DAY_S if start is None else start, now + DAY_S if end is None else end)


def _written(results: Report, path: Path | None) -> WrittenReport:
    """Write the page of a report; return its figures and tables, without the series of the charts."""
    from server.grid.reports import charts  # needs matplotlib, an extra that other operations do without
    try:
        file = pages.write(results, charts.report_charts(results), path)
    except OSError as error:
        raise Refused(
            400, f"{path or pages.FOLDER}: the page cannot be written there: {error.strerror}"
        ) from None
    return {
        "title": results["title"],
        "vder": results["vder"],
        "timezone": results["timezone"],
        "start": results["start"],
        "end": results["end"],
        "html": str(file),
        "figures": dict(pages.figures(results["key_figures"])),
        "key_figures": results["key_figures"],
        "settlement": results["settlement"],
        "days": results["days"],
        "power": results["events"][0]["power"] if results["kind"] == "event" else [],
        "devices": results["events"][0]["devices"] if results["kind"] == "event" else [],
    }


@baseline.operation("compute", role=Role.VIEWER, in_subtree=True)
def compute(
    name: Annotated[str, Arg(metavar="NAME")],
    *,
    start: Annotated[Instant, Arg("Beginning.")],
    end: Annotated[Instant, Arg("Up to a day later.")],
) -> list[BaselineRow]:
    """Compute the baseline of a device, or of each member of a virtual DER."""
    return baselines.compute(name, start, end)


@baseline.operation("show", role=Role.VIEWER, in_subtree=True)
def show(order: OrderNumber) -> list[BaselineRow]:
    """Show the baseline of each device of an order."""
    return baselines.show(order)
