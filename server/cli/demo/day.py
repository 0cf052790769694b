"""A day of the demonstration: step by step, or as time goes by."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.live import Live

from clients.simulation.processpool import ProcessPool
from server import clock, worker
from server.cli.demo import place, processes, view
from server.cli.demo.feeder import Feeder, rms
from server.config import settings
from server.grid.reports import charts, pages, reports
from server.grid.series.intervals import STEP

BEFORE = 2 * STEP   # seconds before midnight at which the devices come
NOTHING = 1.0       # seconds for which nothing is heard until the view is drawn again


def live(homes: int, seed: int, midnight: int, rate: float | None, hours: float, stay: bool) -> None:
    """So many hours of a town's day from this midnight on, `rate` times as fast as real time (None: in steps,
    as fast as it can); then what came of it, and on until somebody stops it if it is to `stay`."""
    processes.check_port()
    feeder = Feeder(place.prepare(homes, seed, midnight, midnight - BEFORE, rate))
    intervals = round(hours * 3600 / STEP)
    with processes.server(worker=rate is not None):
        click.echo(view.farewell(Path(settings.certificate).parent, settings.port, place.DATABASE))
        with _shown(feeder) as show:
            if rate is None:
                _in_steps(feeder, intervals, show)
            else:
                _as_it_runs(feeder, intervals, show, stay)
        _report(feeder)


@contextmanager
def _shown(feeder: Feeder) -> Iterator[Callable[[bool], None]]:
    """What is to be called when something may be new, and whether an interval has ended."""
    if not sys.stdout.isatty():
        yield lambda ended: click.echo(view.line(feeder)) if ended else None
        return
    with Live(view.screen(feeder), auto_refresh=False) as live:
        yield lambda _: live.update(view.screen(feeder), refresh=True)


def _in_steps(feeder: Feeder, intervals: int, show: Callable[[bool], None]) -> None:
    """Turn the clock by hand: some time before each quarter of an hour the worker decides it and the devices
    hear of it."""
    start, end = feeder.place.start, feeder.place.start + intervals * STEP
    with ProcessPool(feeder.place.shares, *processes.client_arguments(), "--terse") as pool:
        for step in range(start - BEFORE, end, STEP):
            for instant in (step + STEP - place.NOTICE, step + STEP):
                clock.turn_to(instant)
                worker.turn()
                for sums in pool.run_due(instant):
                    show(feeder.hear(sums))


def _as_it_runs(feeder: Feeder, intervals: int, show: Callable[[bool], None], stay: bool) -> None:
    """Listen to the devices until the day is over; and then on, if that is wished."""
    with processes.homes(feeder.place) as homes:
        while stay or len(feeder.without) < intervals:
            sums = homes.heard(NOTHING)
            ended = sums is not None and feeder.hear(sums)
            show(ended)
            if stay and ended and len(feeder.without) == intervals:
                _report(feeder)


def _report(feeder: Feeder) -> None:
    """What came of it, and where to read more."""
    click.echo(f"\nRMS imbalance {view.kilo(rms(feeder.without))} kW without Counterpoise,"
               f"{view.kilo(rms(feeder.with_us))} kW with it: {feeder.cut or 0:.0%} less")
    found = reports.day(place.TOP, datetime.fromtimestamp(feeder.place.start, UTC).date())
    click.echo(f"The report: {pages.write(found, charts.report_charts(found), place.REPORT)}")
