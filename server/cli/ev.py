"""`ev …`: chargers that ask for energy, and what they are granted."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from server.cli.common import DURATION, INSTANT, NUMBER, verb
from server.devices import enrolment
from server.grid.controls import evsessions, reservations

Moment = Callable[[], int] | None


@click.group()
def ev() -> None:
    """Flow reservations of chargers and stores. Power and energy are positive for charging, negative for
    discharging."""


@ev.command()
@click.argument("vder", required=False)
@verb
def sessions(vder: str | None) -> Any:
    """Who asks for energy, by when, what is granted, and how much has flowed; of a virtual DER's members, or
    of all."""
    return evsessions.list_sessions(vder)


@ev.command()
@click.argument("device")
@click.option("--power", "power_w", type=NUMBER, required=True,
              help="W; + charging, - discharging, 0 for nothing.")
@click.option("--energy", "energy_wh", type=NUMBER,
              help="Wh, likewise; what flows at that power in that time if not given.")
@click.option("--start", type=INSTANT, help="now, +15m, ISO 8601 or seconds since 1970; now if not given.")
@click.option("--duration", "duration_s", type=DURATION, required=True, help="90s, 15m, 1h30m.")
@click.option("--request", help="Which request (its href); the newest that stands if not given.")
@click.option("--description", default="", help="Words that go with it.")
@click.option("--dry-run", is_flag=True, help="Show the XML and the warnings; grant nothing.")
@verb
def grant(device: str, start: Moment, request: str | None, **rest: Any) -> Any:
    """Grant a device what it asks for, or revise what it was granted."""
    href = request or evsessions.request_of(enrolment.find(device))
    return reservations.grant(href, start=start() if start else None, **rest)


@ev.command()
@click.argument("device")
@click.option("--request", help="Which request (its href); the newest that stands if not given.")
@click.option("--reason", help="Words that go with it.")
@verb
def cancel(device: str, request: str | None, reason: str | None) -> Any:
    """Take back all that a device is granted; its request stands."""
    return reservations.cancel(request or evsessions.request_of(enrolment.find(device)), reason)


COMMANDS = (ev,)
