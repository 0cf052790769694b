"""`dr event …`: demand response events (EndDeviceControl) for the loads of a virtual DER."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from server.cli.common import DURATION, INSTANT, WHOLE, Number, verb
from server.grid.controls import drevents
from server.grid.groups.drprograms import CATEGORIES

Moment = Callable[[], int] | None
_UNITS = {"kWh": 0, "kW": 1, "W": 2, "m3": 3, "MJ": 11}  # of TargetReduction.type
_APPLIANCE = {"delay": 0, "reduce": 1}
_AMOUNT = re.compile(rf"(\d+)\s*({'|'.join(_UNITS)})")
_POINTS = re.compile(r"(-?\d+(?:\.\d+)?)?:(-?\d+(?:\.\d+)?)?")


@click.group()
def dr() -> None:
    """Demand response: ask the loads of a virtual DER to use less, or to use more ahead of time."""


@dr.group()
def event() -> None:
    """Post events to thermostats, water heaters, pool pumps, chargers …, and look at what they answered."""


@event.command()
@click.argument("vder")
@click.option("--offset", type=Number(0, 25.5), help="Degrees C by which heating and cooling are relaxed.")
@click.option("--load", type=Number(0, 100), help="Percent of their load to take away.")
@click.option("--setpoint", metavar="HEAT:COOL", help="Temperatures to keep, in degrees C; one may be left "
                                                      "out.")
@click.option("--duty", type=click.IntRange(0, 100), help="Most percent of the time that they may be on.")
@click.option("--reduction", metavar="AMOUNT", help="How much less to use: 500W, 2kW, 3kWh "
                                                    f"({', '.join(_UNITS)}).")
@click.option("--appliance", type=click.Choice(list(_APPLIANCE)), help="Put off starting, or reduce at once "
                                                                       "for a while.")
@click.option("--category", "categories", type=click.Choice(list(CATEGORIES)), multiple=True,
              help="Only these kinds; all kinds among the members if not given.")
@click.option("--forward", is_flag=True, help="To use more: heat or cool ahead (loadShiftForward).")
@click.option("--mandatory", is_flag=True, help="Who opts out breaks the contract (drProgramMandatory).")
@click.option("--override", "override_s", type=DURATION, default=0,
              help="For how long a customer may override it and still count.")
@click.option("--start", type=INSTANT, help="now, +15m, ISO 8601 or seconds since 1970; now if not given.")
@click.option("--duration", "duration_s", type=DURATION, required=True, help="90s, 15m, 1h30m.")
@click.option("--randomize", type=WHOLE, default=0, help="Spread start and end by up to so many seconds.")
@click.option("--description", default="", help="Words that go with it.")
@click.option("--dry-run", is_flag=True, help="Show the XML and the warnings; post nothing.")
@verb
def create(
    vder: str,
    offset: float | None,
    load: float | None,
    setpoint: str | None,
    duty: int | None,
    reduction: str | None,
    appliance: str | None,
    categories: tuple[str, ...],
    start: Moment,
    randomize: int,
    **rest: Any,
) -> Any:
    """Post an event to the loads of a virtual DER."""
    action: dict[str, Any] = {}
    if offset is not None:
        action["Offset"] = {"coolingOffset": round(offset * 10), "heatingOffset": round(offset * 10)}
    if load is not None:
        action.setdefault("Offset", {})["loadAdjustmentPercentageOffset"] = round(load * 100)
    if setpoint is not None:
        action["SetPoint"] = _points(setpoint)
    if duty is not None:
        action["DutyCycle"] = {"normalValue": duty}
    if reduction is not None:
        action["TargetReduction"] = _amount(reduction)
    if appliance is not None:
        action["ApplianceLoadReduction"] = {"type": _APPLIANCE[appliance]}
    return drevents.create(
        vder,
        action,
        category=sum({CATEGORIES[name] for name in categories}) or None,
        start=start() if start else None,
        randomize_start=randomize,
        randomize_duration=randomize,
        **rest,
    )


def _points(text: str) -> dict[str, int]:
    found = _POINTS.fullmatch(text)
    if found is None or not any(found.groups()):
        raise click.BadParameter(
            f"{text!r} is not HEAT:COOL, such as 19:26, 19: or :26", param_hint="--setpoint"
        )
    named = zip(("heatingSetpoint", "coolingSetpoint"), found.groups(), strict=True)
    return {name: round(float(degrees) * 100) for name, degrees in named if degrees}


def _amount(text: str) -> dict[str, int]:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise click.BadParameter(
            f"{text!r} is no whole number with one of {', '.join(_UNITS)}", param_hint="--reduction"
        )
    return {"type": _UNITS[found[2]], "value": int(found[1])}


@event.command("list")
@click.argument("vder", required=False)
@click.option("--ended", is_flag=True, help="Those that are over as well.")
@verb
def list_events(vder: str | None, ended: bool) -> Any:
    """The events of a virtual DER, or of all."""
    return drevents.list_events(vder, ended)


@event.command()
@click.argument("event")
@verb
def show(event: str) -> Any:
    """An event (its href): who received, started, opted out or in, completed; what each says it did; its
    XML."""
    return drevents.show(event)


@event.command()
@click.argument("event")
@click.option("--at", type=INSTANT, help="From this instant on; now if not given.")
@click.option("--randomized", is_flag=True, help="Let devices spread it by the event's own randomization.")
@click.option("--reason", help="Words that go with it.")
@verb
def cancel(event: str, at: Moment, randomized: bool, reason: str | None) -> Any:
    """Cancel an event (its href)."""
    return drevents.cancel(event, at() if at else None, randomized, reason)


COMMANDS = (dr,)
