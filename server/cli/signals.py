"""`signal …`: what the grid asks of an area."""
from __future__ import annotations

from typing import Any

import click

from server import clock
from server.cli import files
from server.cli.common import DURATION, INSTANT, NUMBER, SMALL, verb
from server.cli.files import Moment
from server.errors import Refused

STEP = 900
LONGEST = 366 * 86400
KINDS = click.Choice(["imbalance", "schedule", "measured", "price", "import_limit", "export_limit"])


@click.group()
def signal() -> None:
    """What the grid asks of an area, a virtual DER, over time.

    imbalance: by how much it will draw too much if nothing is moved; schedule: what it is to draw from
    outside; measured: what it drew (or was out of balance by), all in W with consumption positive.
    import_limit and export_limit: magnitudes in W. price: per kWh.
    """


@signal.command()
@click.argument("area")
@click.option("--kind", type=KINDS, default="imbalance", show_default=True)
@files.series
@click.option("--flat", type=NUMBER, metavar="VALUE", help="One value throughout instead of a file, from "
                                                           "the step of --start on.")
@click.option("--for", "duration", type=DURATION, default="24h", show_default=True, help="How long, with "
                                                                                         "--flat.")
@click.option("--tolerance", type=NUMBER, default=0.0, help="W of imbalance that are none of our business.")
@click.option("--priority", type=SMALL, default=0, help="A higher one lies over a lower one, whenever it "
                                                        "was said.")
@click.option("--source", default="", help="Who says so.")
@click.option("--every", type=DURATION, help="The next issue is due after so long; if it does not come, "
                                             "that is said.")
@click.option("--dry-run", is_flag=True, help="Check it and keep nothing.")
@verb
def put(area: str, kind: str, csv_file: Any, json_file: Any, start: Moment, step: int | None, unit: str,
        flat: float | None, duration: int, **rest: Any) -> Any:
    """Keep a signal; it lies over what was said before, step by step. Times without zone are local
    (`timezone`)."""
    from server.grid.series import signals
    if unit != "W" and signals.KINDS[kind].unit != "W":
        raise Refused(400, f"a {kind} is {signals.KINDS[kind].unit}, not in {unit}")
    if flat is not None:
        if csv_file or json_file:
            raise Refused(400, "--flat is in place of a file")
        step = step or STEP
        if duration > LONGEST or duration > step * LONGEST // 60:
            raise Refused(
                400, f"--for {duration} s, --step {step} s: a year is possible, in steps of a minute or more"
            )
        begin = (start() if start else clock.now()) // step * step
        return signals.put(
            area, kind, files.scaled([flat] * -(-duration // step), unit), begin, step, place="--flat", **rest
        )
    found = files.read(csv_file, json_file, start, step, unit)
    if found.quantiles:
        raise Refused(400, "a signal has no quantiles")
    return signals.put(
        area, kind, found.values, found.start, found.step, place=files.name(csv_file or json_file), **rest
    )


@signal.command(context_settings={"ignore_unknown_options": True})
@click.argument("area")
@click.argument("kind", type=KINDS)
@click.argument("value", type=NUMBER)
@click.option("--start", type=INSTANT, help="The step it is of; this one if not given.")
@click.option("--step", type=DURATION, default=STEP, help="How long it holds, in seconds.  [default: 15m]")
@click.option("--source", default="", help="Who says so.")
@click.option("--every", type=DURATION, help="The next is due after so long.")
@verb
def push(area: str, kind: str, value: float, start: Moment, **rest: Any) -> Any:
    """Keep one value, such as the newest measurement."""
    from server.grid.series import signals
    return signals.push(area, kind, value, start() if start else None, **rest)


@signal.command()
@click.argument("area")
@click.option("--kind", type=KINDS, required=True)
@click.option("--from", "start", type=INSTANT, help="From this instant on; now if not given.")
@click.option("--source", default="", help="Who says so.")
@click.option("--dry-run", is_flag=True, help="Show what would be; keep nothing.")
@verb
def withdraw(area: str, kind: str, start: Moment, **rest: Any) -> Any:
    """Have nothing known of a kind of signal any more, until it is put anew; what was said of the past
    stays."""
    from server.grid.series import signals
    return signals.withdraw(area, kind, start() if start else None, **rest)


@signal.command()
@click.argument("area", required=False)
@click.option("--kind", type=KINDS, help="Only this kind.")
@verb
def show(area: str | None, kind: str | None) -> Any:
    """The newest issue of each signal, what it says of now, and what is wrong with it."""
    from server.grid.series import signals
    return signals.show(area, kind)


COMMANDS = (signal,)
