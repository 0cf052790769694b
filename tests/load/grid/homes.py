"""A process of many devices in stepped time: `python -m tests.load.grid.homes`, see `street`.

It is told the instants that the clock is turned to, and tells the sums of each interval, as `clients`
does.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from clients.devices.client import discard_trace
from clients.reports import reporter
from clients.simulation import neighbourhood, stepped
from clients.simulation.totals import Totals
from clients.simulation.weather import DAY
from server import clock as time_of_day
from server import logs
from tests.load.grid import devicemodels


@click.command()
@click.option("--server", required=True)
@click.option("--certs", required=True, type=click.Path(path_type=Path))
@click.option("--devices", required=True, type=click.Path(path_type=Path))
@click.option("--clock", required=True)
@click.option("--threads", default=4)
@click.option("--sums", is_flag=True)
def main(server: str, certs: Path, devices: Path, clock: str, threads: int, sums: bool) -> None:
    """Drive the devices of a devices.json whose plants are those of `plants`."""
    logs.configure("homes", "error")
    time_of_day.follow(clock)
    clients = neighbourhood.create_clients(
        neighbourhood.read_entries(devices),
        neighbourhood.Server(server, certs=certs),
        discard_trace,
        clock=time_of_day.precise,
        make=devicemodels.entry_model,
    )
    if sums:
        Totals(
            [follower for client in clients for follower in client.followers],
            lambda said: click.echo(json.dumps(said)),
        )
    reporter.IGNORED_FIELDS.update(reporter.TERSE_IGNORED_FIELDS)
    reporter.POST_RATE_CHECK_S = 2 * DAY
    stepped.serve_instants(stepped.Stepped(clients, threads), sys.stdin, sys.stdout)


if __name__ == "__main__":
    main()
