"""A process of many devices in stepped time: `python -m tests.load.grid.homes`, see `street`.

It reads the instants that the clock is turned to, and prints the totals of each interval, as `clients` does.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from clients.reports import reporter
from clients.simulation import neighbourhood, stepped
from clients.simulation.totals import Totals
from clients.simulation.weather import DAY
from server import clock as server_clock
from server import logs
from tests.load.grid import devicemodels


@click.command()
@click.option("--server", required=True)
@click.option("--certs", required=True, type=click.Path(path_type=Path))
@click.option("--devices", required=True, type=click.Path(path_type=Path))
@click.option("--clock", required=True)
@click.option("--threads", default=4)
@click.option("--totals", is_flag=True)
def main(server: str, certs: Path, devices: Path, clock: str, threads: int, totals: bool) -> None:
    """Run the devices of a devices.json whose models are those of `devicemodels`."""
    logs.configure("homes", "error")
    server_clock.follow(clock)
    clients = neighbourhood.create_clients(
        neighbourhood.read_entries(devices),
        neighbourhood.Server(server, certs=certs),
        clock=server_clock.precise,
        create_model=devicemodels.entry_model,
    )
    if totals:
        Totals(neighbourhood.event_clients(clients), lambda sums: click.echo(json.dumps(sums)))
    reporter.IGNORED_FIELDS.update(reporter.TERSE_IGNORED_FIELDS)
    reporter.POST_RATE_CHECK_S = 2 * DAY
    stepped.serve_instants(stepped.Stepped(clients, threads), sys.stdin, sys.stdout)


if __name__ == "__main__":
    main()
