"""The demonstration, `make run`: a day of a neighbourhood in balance, as it happens.

Read `setup` (certificates, database, virtual DERs), `feeder` (its meter), `processes` (server and clients),
`day` (the course of the day) and `view` (what is shown). They need the extra report, and are imported when
the command runs.
"""
from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from types import FrameType

import click

from server.errors import Refused
from server.grid.series.intervals import STEP
from server.resources.meterreadings import DAY

NEEDED = ("matplotlib",)


@click.command()
@click.option(
    "--homes", default=60, show_default=True, type=click.IntRange(1, 500), help="Homes in the neighbourhood."
)
@click.option("--rate", default=60.0, show_default=True, help="How many times as fast as real time it runs.")
@click.option("--fast", is_flag=True, help="As fast as it can: time goes in steps.")
@click.option(
    "--hours", default=24.0, show_default=True, type=click.FloatRange(0.25, 24), help="How much of the day."
)
@click.option(
    "--begin", default=0.0, metavar="HOUR", type=click.FloatRange(0, 24, max_open=True), show_default=True,
    help="At which hour of the day it begins (UTC)."
)
@click.option("--seed", default=1, show_default=True, help="Seed of the neighbourhood.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="Another day than today.")
@click.option("--stay", is_flag=True, help="Go on when the day is over, until Ctrl-C.")
def demo(
    homes: int,
    rate: float,
    fast: bool,
    hours: float,
    begin: float,
    seed: int,
    date: datetime | None,
    stay: bool,
) -> None:
    """Watch a day of a neighbourhood that is kept in balance: PV, batteries, EVs and heat pumps, each with
    its certificate. A street beside it follows a price with a spike in the evening, for which its cold store
    and its gas engine are called.

    The server, its worker and the devices are real processes and real TLS; the database (in var/demo) is
    created anew.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise click.ClickException(f"{', '.join(missing)} missing: pip install 'counterpoise[report]'")
    from server.cli.demo import day
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    midnight = int(time.time() if date is None else date.replace(tzinfo=UTC).timestamp()) // DAY * DAY
    try:
        start = midnight + round(begin * 3600 / STEP) * STEP
        day.live(homes, seed, start, None if fast else rate, min(hours, 24 - begin), stay)
    except (KeyboardInterrupt, BrokenPipeError):
        click.echo("\nstopped")
    except Refused as refused:
        raise click.ClickException(refused.why) from None


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


COMMANDS = (demo,)
