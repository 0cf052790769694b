"""`dr event`: demand response events (EndDeviceControl) for the loads of a virtual DER."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from server.errors import BadArgument
from server.grid.controls import drevents
from server.grid.controls.results import CreatedDrEvent, DrEventDetail, DrEventRow, DrEventSummary
from server.grid.groups.drprograms import CATEGORIES
from server.operations import orderedpower
from server.operations.controls import (HOUR_S, CancelAt, CancelReason, Description, Ended, OptionalVder,
                                        Randomized, Start)
from server.operations.declaration import Arg, DryRun, Group, Role, VderName
from server.operators.approvals import WaitingApproval
from server.resources.codes import ApplianceLoadReduction, ReductionUnit
from server.units import Href, Percent, Seconds

dr = Group("dr", "Demand response: ask the loads of a virtual DER to use less, or to use more ahead of time.")
event = dr.group(
    "event", "Post events to thermostats, water heaters, pool pumps, chargers …, and look at the responses.")
GROUPS = (dr,)
_UNITS = {
    "kWh": ReductionUnit.KWH,
    "kW": ReductionUnit.KW,
    "W": ReductionUnit.W,
    "m3": ReductionUnit.CUBIC_METRES,
    "MJ": ReductionUnit.MEGAJOULES,
}
_APPLIANCE = {
    "delay": ApplianceLoadReduction.DELAY,
    "reduce": ApplianceLoadReduction.TEMPORARY_REDUCTION,
}
_AMOUNT = re.compile(rf"(\d+)\s*({'|'.join(_UNITS)})")
_SETPOINTS = re.compile(r"(-?\d+(?:\.\d+)?)?:(-?\d+(?:\.\d+)?)?")
EventHref = Annotated[Href, Arg("The event's href.", metavar="EVENT")]


@event.operation("create", role=Role.OPERATOR, in_subtree=True, power=orderedpower.of_control)
def create(
    vder: VderName,
    *,
    offset: Annotated[float | None, Arg(
        "Degrees C by which heating and cooling are relaxed.", least=0, most=25.5)] = None,
    load: Annotated[Percent | None, Arg("Percent of their load to take away.", least=0, most=100)] = None,
    setpoint: Annotated[str | None, Arg(
        "Temperatures to keep, in degrees C; one may be left out.", metavar="HEAT:COOL")] = None,
    duty: Annotated[Percent | None, Arg(
        "Most percent of the time that they may be on.", least=0, most=100)] = None,
    reduction: Annotated[str | None, Arg(
        f"How much less to use: 500W, 2kW, 3kWh ({', '.join(_UNITS)}).", metavar="AMOUNT")] = None,
    appliance: Annotated[Literal["delay", "reduce"] | None, Arg(
        "Delay the start, or reduce at once for a while.")] = None,
    categories: Annotated[Sequence[str], Arg(
        "Only these kinds; all kinds among the members if not given.", choices=tuple(CATEGORIES),
        option="category")] = (),
    forward: Annotated[bool, Arg("To use more: heat or cool ahead (loadShiftForward).")] = False,
    mandatory: Annotated[bool, Arg("Opting out breaks the contract (drProgramMandatory).")] = False,
    override_s: Annotated[Seconds, Arg(
        "For how long a customer may override it and still count as a participant.")] = 0,
    start: Start = None,
    duration_s: Seconds,
    randomize_s: Annotated[Seconds, Arg(
        "Spread start and end by up to so much.", least=-HOUR_S, most=HOUR_S)] = 0,
    description: Description = "",
    dry_run: DryRun = False,
) -> CreatedDrEvent | WaitingApproval:
    """Post an event to the loads of a virtual DER."""
    action: dict[str, Any] = {}
    if offset is not None:
        action["Offset"] = {"coolingOffset": round(offset * 10), "heatingOffset": round(offset * 10)}
    if load is not None:
        action.setdefault("Offset", {})["loadAdjustmentPercentageOffset"] = round(load * 100)
    if setpoint is not None:
        action["SetPoint"] = _setpoints(setpoint)
    if duty is not None:
        action["DutyCycle"] = {"normalValue": round(duty)}
    if reduction is not None:
        action["TargetReduction"] = _reduction(reduction)
    if appliance is not None:
        action["ApplianceLoadReduction"] = {"type": _APPLIANCE[appliance]}
    return drevents.create(
        vder,
        action,
        duration_s,
        start,
        category=sum({CATEGORIES[name] for name in categories}) or None,
        forward=forward,
        mandatory=mandatory,
        override_s=override_s,
        randomize_start=randomize_s,
        randomize_duration=randomize_s,
        description=description,
        dry_run=dry_run,
    )


def _setpoints(text: str) -> dict[str, int]:
    """SetPoint, in hundredths of a degree C, from HEAT:COOL."""
    match = _SETPOINTS.fullmatch(text)
    if match is None or not any(match.groups()):
        raise BadArgument("setpoint", f"{text!r} is not HEAT:COOL, such as 19:26, 19: or :26")
    degrees_c = zip(("heatingSetpoint", "coolingSetpoint"), match.groups(), strict=True)
    return {name: round(float(value) * 100) for name, value in degrees_c if value}


def _reduction(text: str) -> dict[str, int]:
    """TargetReduction from an amount with its unit."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise BadArgument("reduction", f"{text!r} is not a whole number with one of {', '.join(_UNITS)}")
    return {"type": _UNITS[match[2]], "value": int(match[1])}


@event.operation("list", role=Role.VIEWER, in_subtree=True)
def list_events(vder: OptionalVder = None, *, ended: Ended = False) -> Iterator[DrEventRow]:
    """List the events of a virtual DER, or of all."""
    return drevents.list_events(vder, ended)


@event.operation("show", role=Role.VIEWER, in_subtree=True)
def show(event: EventHref) -> DrEventDetail:
    """Show an event (its href): who received, started, opted out or in, completed; what each reports; its
    XML."""
    return drevents.show(event)


@event.operation("cancel", role=Role.OPERATOR, in_subtree=True)
def cancel(
    event: EventHref,
    *,
    at: CancelAt = None,
    randomized: Randomized = False,
    reason: CancelReason = None,
) -> DrEventSummary:
    """Cancel an event (its href)."""
    return drevents.cancel(event, at, randomized, reason)
