"""`forecast …` and `history …`: what is to come for a virtual DER, and what was."""
from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import click

from server import clock
from server.cli import files
from server.cli.common import DURATION, INSTANT, verb
from server.cli.files import Moment
from server.config import settings

DAY = 86400
WHATS = click.Choice(["load", "pv", "thermal", "ev"])


@click.group()
def forecast() -> None:
    """What is to come, in W with injection positive, so that a load is negative: from our own readings, or as
    it is given from outside. Cars are told by their visits: arrive,depart,wh,w."""


@forecast.command()
@click.argument("vder")
@click.argument("what", type=WHATS)
@files.series
@click.option("--issued", type=INSTANT, help="When it was made; now if not given.")
@click.option("--source", default="", help="Who made it.")
@click.option("--dry-run", is_flag=True, help="Check it and keep nothing.")
@verb
def put(vder: str, what: str, csv_file: Any, json_file: Any, start: Moment, step: int | None, unit: str,
        issued: Moment, **rest: Any) -> Any:
    """Keep a forecast from outside. A CSV may have quantiles: start,value,p10,p90."""
    from server.grid.series import csvfiles, forecasts
    file = files.one_of(csv_file, json_file)
    rest |= {"issued": issued() if issued else None, "place": files.name(file)}
    if what == "ev":
        return forecasts.put(
            vder,
            what,
            csvfiles.charging_sessions(files.text(file), files.name(file), ZoneInfo(settings.timezone)),
            0,
            0,
            **rest,
        )
    found = files.read(csv_file, json_file, start, step, unit)
    return forecasts.put(vder, what, found.values, found.start, found.step, quantiles=found.quantiles, **rest)


@forecast.command()
@click.argument("vder")
@click.option("--what", "whats", type=WHATS, multiple=True, help="Only these.")
@click.option("--horizon", type=DURATION, default="24h", show_default=True, help="How far.")
@verb
def show(vder: str, whats: tuple[str, ...], horizon: int) -> Any:
    """What is expected, with the quantiles 0.1, 0.5 and 0.9, who says so, and what was given from outside."""
    from server.grid.series import forecasts
    return forecasts.show(vder, whats or forecasts.GIVEN, horizon)


@click.group()
def history() -> None:
    """What was measured of virtual DERs, in W with injection positive, summed up for each 15 minutes."""


@history.command("import")
@click.argument("vder")
@click.argument("what")
@files.series
@click.option("--dry-run", is_flag=True, help="Check it and keep nothing.")
@verb
def import_history(
    vder: str,
    what: str,
    csv_file: Any,
    json_file: Any,
    start: Moment,
    step: int | None,
    unit: str,
    dry_run: bool,
) -> Any:
    """Take over what was measured before: WHAT is site, load, sun, heat, car, store or other."""
    from server.grid.series import measurements as kept
    found = files.read(csv_file, json_file, start, step, unit)
    return kept.put(
        vder, what, found.start, found.values, found.step, files.name(csv_file or json_file), dry_run
    )


@history.command("show")
@click.argument("vder")
@click.option("--from", "start", type=INSTANT, help="From this instant on; a day ago if not given.")
@click.option("--until", "end", type=INSTANT, help="Before this instant; now if not given.")
@verb
def show_history(vder: str, start: Moment, end: Moment) -> Any:
    """What was measured, a row for each 15 minutes."""
    from server.grid.series import measurements as kept
    return kept.show(vder, start() if start else clock.now() - DAY, end() if end else clock.now())


@history.command()
@click.option("--from", "start", type=INSTANT, required=True, help="From this instant on.")
@click.option("--until", "end", type=INSTANT, help="Before this instant; now if not given.")
@verb
def roll(start: Moment, end: Moment) -> Any:
    """Sum up readings again, for instance when old ones came late."""
    from server.grid.series import measurements as kept
    assert start is not None
    return {"intervals": kept.roll_between(start(), end() if end else clock.now())}


COMMANDS = (forecast, history)
