"""`plan …`: plans that keep an area in balance."""
from __future__ import annotations

from typing import Any

import click

from server.cli.common import DURATION, NUMBER, WHOLE, verb


@click.group()
def plan() -> None:
    """Plan for an area, a virtual DER that has a signal: look at a plan, have it approved, carry it out, or
    leave it all to the automatic balance. `work` carries out what is published."""


@plan.command()
@click.argument("area")
@click.option("--horizon", type=DURATION, default="24h", show_default=True, help="How far it reaches.")
@click.option("--reason", default="", help="Why it is made.")
@click.option("--dry-run", is_flag=True, help="Show the plan and keep nothing.")
@verb
def run(area: str, horizon: int, **rest: Any) -> Any:
    """Make a plan; it is a draft until it is published."""
    from server.grid.balance import controller, plans
    from server.grid.groups import virtualders

    return controller.make_plan(
        area, horizon=max(horizon // plans.balance_of(virtualders.find(area)).step_s, 1), **rest
    )


@plan.command("list")
@click.argument("area", required=False)
@verb
def list_plans(area: str | None) -> Any:
    """Plans, newest first."""
    from server.grid.balance import plans
    return plans.list_plans(area)


@plan.command()
@click.argument("number", type=WHOLE)
@verb
def show(number: int) -> Any:
    """A plan step by step: the imbalance before and after, and what each virtual DER is to inject."""
    from server.grid.balance import plans
    return plans.show(number)


@plan.command()
@click.argument("first", type=WHOLE)
@click.argument("second", type=WHOLE)
@verb
def diff(first: int, second: int) -> Any:
    """Where two plans for an area differ."""
    from server.grid.balance import plans
    return plans.diff(first, second)


@plan.command()
@click.argument("number", type=WHOLE)
@verb
def approve(number: int) -> Any:
    """Approve a draft that somebody else has made."""
    from server.grid.balance import plans
    return plans.approve(number)


@plan.command()
@click.argument("number", type=WHOLE)
@verb
def publish(number: int) -> Any:
    """Have a plan carried out, in place of the one in force."""
    from server.grid.balance import plans
    return plans.publish(number)


@plan.command()
@click.argument("area")
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
@click.option("--every", type=WHOLE, help="A new plan after so many steps.")
@click.option("--step", type=DURATION, help="How long a step is.")
@click.option("--horizon", type=WHOLE, help="How many steps a plan has.")
@click.option("--reserve", type=NUMBER, help="The part of each battery's span that is kept for what "
                                             "forecasts do not see.")
@click.option("--addressing", type=click.Choice(["hybrid", "device"]), help="One event for all stores, or "
                                                                            "one for each.")
@click.option("--approval/--no-approval", default=None, help="Whether a second person has to approve a plan.")
@verb
def auto(area: str, state: str | None, **changes: Any) -> Any:
    """Keep an area in balance without anyone, or no longer; or show how that is done and what is wrong with
    it."""
    from server.grid.balance import controller
    return controller.set_automatic(area, None if state is None else state == "on", **changes)


COMMANDS = (plan,)
