"""`opt-out …` and `contract …`: who is asked for nothing, and how much of whom may be asked."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from server.cli.common import INSTANT, SMALL, Number, verb
from server.grid.fleet import participation


@click.group("opt-out")
def opt_out() -> None:
    """Take devices out of what is asked of their virtual DERs, at their owners' wish. DEVICE is an LFDI,
    SFDI, number or name."""


@opt_out.command("set")
@click.argument("device")
@click.option("--until", type=INSTANT, help="+2h, ISO 8601 or seconds since 1970; until it is cleared if "
                                            "not given.")
@click.option("--reason", default="", help="Why, for those who ask later.")
@verb
def set_(device: str, until: Callable[[], int] | None, reason: str) -> Any:
    """Ask nothing of a device for a while."""
    return participation.opt_out(device, until and until(), reason)


@opt_out.command("list")
@verb
def list_() -> Any:
    """Who has opted out, by itself or by an operator."""
    return [
        {key: row[key] for key in ("device", "lfdi", "out_until", "out_reason")}
        for row in participation.opted_out()
    ]


@opt_out.command()
@click.argument("device")
@verb
def clear(device: str) -> Any:
    """Ask a device again."""
    return participation.opt_in(device)


@click.group()
def contract() -> None:
    """What was agreed with a device's owner. DEVICE is an LFDI, SFDI, number or name."""


class Limit(Number):
    """A number, or `none` for no limit (which is infinity until it is kept)."""
    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return math.inf if value == "none" else super().convert(value, param, ctx)


@contract.command("set")
@click.argument("device")
@click.option("--events", type=Limit(0, 1e6), metavar="N|none", help="The most events a season.")
@click.option("--hours", type=Limit(0, 1e6), metavar="N|none", help="The most hours a day.")
@click.option("--tier", type=SMALL, help="Who is asked first: the lowest.")
@verb
def agree(device: str, **limits: Any) -> Any:
    """Set limits; what is not given stays."""
    return participation.set_contract(
        device,
        **{name: None if limit == math.inf else limit for name, limit in limits.items() if limit is not None},
    )


@contract.command()
@click.argument("device")
@verb
def show(device: str) -> Any:
    """A device's limits, its rate of response, and whether it is out."""
    return participation.show(device)


@contract.command("list")
@verb
def contracts() -> Any:
    """Who has a limit or a tier."""
    return participation.contracts()


COMMANDS = (opt_out, contract)
