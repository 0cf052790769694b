"""`dispatch …`: orders on virtual DERs, and what came of them."""
from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from server.cli.common import COUNT, DURATION, INSTANT, NUMBER, WHOLE, verb
from server.grid.dispatch import orderchanges, ordercreation, orders
from server.grid.dispatch.allocation import BROADCAST, DEVICE
from server.grid.dispatch.ordercreation import OrderRequest
from server.grid.dispatch.sharing import POLICIES

Moment = Callable[[], int] | None
YES_NO = click.Choice(["yes", "no"])


class Order(click.Group):
    """A group whose first word is a virtual DER unless it names a verb: `dispatch F12 --watts 5000`."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        if arguments and arguments[0] not in self.commands and arguments[0] not in context.help_option_names:
            arguments = ["order", *arguments]
        return super().parse_args(context, arguments)


@click.group(cls=Order)
def dispatch() -> None:
    """Order power of a virtual DER: `dispatch VDER --watts 5000 --duration 1h`; see `dispatch order --help`.

    Then follow it with `dispatch show ORDER`.
    """


@dispatch.command()
@click.argument("vder")
@click.option("--watts", type=NUMBER, help="More (+) or less (-) injection than now, by the whole group.")
@click.option("--target", type=NUMBER, help="Injection (+) or consumption (-) by the whole group, in W.")
@click.option("--percent", type=NUMBER, help="Of its own rating by each: + discharge or generation, - "
                                             "charge.")
@click.option("--limit", type=NUMBER, help="Greatest generation by each, in percent of its rating.")
@click.option("--limit-watts", type=NUMBER, help="Greatest generation by the whole group, in W.")
@click.option("--connect", type=YES_NO, help="To be galvanically connected.")
@click.option("--energize", type=YES_NO, help="To exchange power at all.")
@click.option("--start", type=INSTANT, help="now, +15m, ISO 8601 or seconds since 1970; now if not given.")
@click.option("--duration", type=DURATION, required=True, help="90s, 15m, 1h30m.")
@click.option("--ramp", type=NUMBER, help="Seconds in which to get there.")
@click.option("--randomize", type=WHOLE, default=0, help="Spread start and end by up to so many seconds.")
@click.option("--per-device", is_flag=True, help="Tell each device its own share, in proportion to its "
                                                 "headroom.")
@click.option("--policy", type=click.Choice(POLICIES), default="headroom", show_default=True,
              help="Per device: in proportion to headroom or rating, so that states of charge become equal, "
                   "in turn, or tier by tier.")
@click.option("--reason", default="", help="Words that go with it.")
@click.option("--dry-run", is_flag=True, help="Show the XML and the shares; order nothing.")
@verb
def order(
    vder: str,
    start: Moment,
    duration: int,
    per_device: bool,
    connect: str | None,
    energize: str | None,
    ramp: float | None,
    randomize: int,
    **options: Any,
) -> Any:
    """Order one thing of a virtual DER. Power is positive for injection."""
    names = ("watts", "target", "percent", "limit", "limit_watts")
    quantity, value = ordercreation.single_quantity(
        {name: options.pop(name) for name in names}
        | {"connect": _answer(connect), "energize": _answer(energize)}
    )
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("controls", total=None, visible=False)

        def progress(done: int, all: int) -> None:
            bar.update(task, completed=done, total=all, visible=True)

        return ordercreation.create_order(
            OrderRequest(
                vder=vder,
                quantity=quantity,
                value=value,
                duration_s=duration,
                start=start() if start else None,
                addressing=DEVICE if per_device else BROADCAST,
                ramp_s=ramp,
                randomize_s=randomize,
                **options,
            ),
            progress,
        )


def _answer(said: str | None) -> bool | None:
    return None if said is None else said == "yes"


@dispatch.command("list")
@click.argument("vder", required=False)
@click.option("--plans", is_flag=True, help="Those that plans made as well.")
@click.option("--limit", type=COUNT, default=100, show_default=True, help="How many at most.")
@verb
def list_orders(vder: str | None, plans: bool, limit: int) -> Any:
    """Orders, newest first."""
    return orders.list_orders(vder, plans, limit)


@dispatch.command()
@click.argument("order", type=WHOLE)
@verb
def show(order: int) -> Any:
    """An order: who received, started, completed, opted out, did not answer; and delivered power against the
    quantity ordered."""
    return orders.show(order)


@dispatch.command()
@click.argument("order", type=WHOLE)
@verb
def shares(order: int) -> Any:
    """Who was asked for how much by an order, through which control, and why."""
    return orders.list_shares(order)


@dispatch.command()
@click.argument("order", type=WHOLE)
@click.option("--by", "duration", type=DURATION, required=True, help="How much longer: 15m.")
@click.option("--reason", default="", help="Words that go with it.")
@verb
def extend(order: int, duration: int, reason: str) -> Any:
    """Have an order go on for longer: an order of the same, from its end on."""
    return orderchanges.extend(order, duration, reason)


@dispatch.command()
@click.argument("order", type=WHOLE)
@click.option("--at", type=INSTANT, help="From this instant on; now if not given.")
@click.option("--randomized", is_flag=True, help="Let devices spread it by the controls' own randomization.")
@click.option("--reason", help="Words that go with it.")
@verb
def cancel(order: int, at: Moment, randomized: bool, reason: str | None) -> Any:
    """Cancel an order."""
    return orderchanges.cancel(order, at() if at else None, randomized, reason)


COMMANDS = (dispatch,)
