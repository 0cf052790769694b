"""A day of the demonstration: in steps, or in real time."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.live import Live

from clients.simulation.processpool import ProcessPool
from server import clock, worker
from server.api import startup
from server.cli.demo import processes, setup, view
from server.cli.demo.feeder import Feeders
from server.config import settings
from server.grid.reports import charts, pages, reports
from server.grid.series.intervals import STEP

WARM_UP_S = 2 * STEP  # the devices start so long before midnight
REFRESH_S = 1.0       # the view is drawn again after so long without news


def live(homes: int, seed: int, start: int, rate: float | None, hours: float, stay: bool) -> None:
    """Run so many hours of a day from this instant on, and report it.

    The clock runs `rate` times as fast as real time (None: in steps, as fast as possible). With `stay` it
    goes on after the report until it is interrupted.
    """
    processes.check_ports()
    intervals = round(hours * 3600 / STEP)
    with setup.alone():
        feeders = Feeders.of(setup.prepare(homes, seed, start, start - WARM_UP_S, rate))
        with processes.server(worker=rate is not None):
            click.echo(view.farewell(setup.CERTS, settings.port, setup.DATABASE))
            if startup.has_console():
                click.echo(f"The console, for anybody here: {', '.join(startup.urls())}/console/\n")
            with _shown(feeders) as show:
                if rate is None:
                    _in_steps(feeders, intervals, show)
                else:
                    _as_it_runs(feeders, intervals, show, stay)
            _report(feeders)


@contextmanager
def _shown(feeders: Feeders) -> Iterator[Callable[[bool], None]]:
    """A function that shows the present state; its argument is whether an interval has ended."""
    if not sys.stdout.isatty():
        yield lambda ended: click.echo(view.line(feeders)) if ended else None
        return
    with Live(view.screen(feeders), auto_refresh=False) as live:
        yield lambda _: live.update(view.screen(feeders), refresh=True)


def _in_steps(feeders: Feeders, intervals: int, show: Callable[[bool], None]) -> None:
    """Step the clock: before each quarter of an hour the worker decides the step and the devices poll."""
    start, end = feeders.scenario.start, feeders.scenario.start + intervals * STEP
    with ProcessPool(feeders.scenario.device_files, *processes.client_arguments(), "--terse") as pool:
        for step in range(start - WARM_UP_S, end, STEP):
            for instant in (step + STEP - setup.LEAD_S, step + STEP):
                clock.turn_to(instant)
                worker.turn()
                for sums in pool.run_due(instant):
                    show(feeders.record(sums))


def _as_it_runs(feeders: Feeders, intervals: int, show: Callable[[bool], None], stay: bool) -> None:
    """Collect the totals of the devices until the day is over, or with `stay` until interrupted."""
    with processes.homes(feeders.scenario) as homes:
        while stay or feeders.intervals < intervals:
            sums = homes.next_totals(REFRESH_S)
            ended = sums is not None and feeders.record(sums)
            show(ended)
            if stay and ended and feeders.intervals == intervals:
                _report(feeders)


def _report(feeders: Feeders) -> None:
    """Print the result, and where the report is."""
    click.echo(view.summary(feeders))
    report = reports.day(setup.TOP, datetime.fromtimestamp(feeders.scenario.start, UTC).date())
    click.echo(f"The report: {pages.write(report, charts.report_charts(report), setup.REPORT)}")
