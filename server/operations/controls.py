"""`control` and `preview`: DERControls and curves of a virtual DER's program, in the standard's own modes."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from server.devices import enrolment
from server.errors import BadArgument
from server.grid.controls import dercontrols
from server.grid.controls.results import (AddedCurve, DerControlDetail, DerControlRow, DerControlSummary,
                                          PostedDerControl, Preview)
from server.operations import elementvalues, orderedpower
from server.operations.declaration import NO_PAIRS, UINT32, Arg, DeviceName, DryRun, Group, Role, VderName
from server.operators.approvals import WaitingApproval
from server.resources.codes import ALL_RESPONSES, DEVICE_RESPONSES, DERCurveType
from server.units import Href, Instant, Seconds, SecondsExact

HOUR_S = 3600  # the most by which an event is randomized: OneHourRangeType
CURVE_TYPES = tuple(curve.name for curve in DERCurveType)
_EXCITATIONS = {"absorbing": True, "injecting": False}  # CurveData/excitation
control = Group(
    "control",
    "Post controls in the standard's own modes, and look at them. VDER is a virtual DER's name or number.")
preview_group = Group("preview")
GROUPS = (control, preview_group)
Control = Annotated[Href, Arg("The control's href.", metavar="CONTROL")]
Start = Annotated[Instant | None, Arg("Beginning; now if not given.")]
CancelAt = Annotated[Instant | None, Arg("From this instant on; now if not given.")]
CancelReason = Annotated[str | None, Arg("Why; devices and the audit log get it.")]
Randomized = Annotated[bool, Arg("Let devices spread the cancellation by the event's own randomization.")]
OptionalVder = Annotated[str | None, Arg(metavar="VDER")]
Description = Annotated[str, Arg("A description that devices get.")]
Ended = Annotated[bool, Arg("Also those that have ended.")]


@control.operation("post", role=Role.OPERATOR, in_parts=True, in_subtree=True, power=orderedpower.of_control)
def post(
    vder: VderName,
    modes: Annotated[Mapping[str, str], Arg(metavar="MODE=VALUE...")],
    *,
    start: Start = None,
    duration_s: Seconds,
    randomize_start: Annotated[Seconds, Arg(
        "Begin up to so much later, or earlier if negative.", least=-HOUR_S, most=HOUR_S)] = 0,
    randomize_duration: Annotated[Seconds, Arg(
        "Last up to so much longer, or less long if negative.", least=-HOUR_S, most=HOUR_S)] = 0,
    ramp_s: Annotated[SecondsExact | None, Arg("Time in which to reach the value (rampTms).")] = None,
    category: Annotated[int | None, Arg(
        "Only for these DeviceCategoryType bits, such as 0x30.", least=0, most=UINT32,
        metavar="BITS")] = None,
    description: Description = "",
    response_required: Annotated[int, Arg(
        "Sum of 1 (received), 2 (specific responses), 4 (customer).", least=0,
        most=ALL_RESPONSES)] = DEVICE_RESPONSES,
    dry_run: DryRun = False,
) -> PostedDerControl | WaitingApproval:
    """Post a DERControl: MODE=VALUE …, such as opModMaxLimW=50% or opModConnect=no."""
    return dercontrols.post(
        vder, elementvalues.data("DERControlBase", modes), duration_s, start, ramp_s=ramp_s,
        category=category, randomize_start=randomize_start, randomize_duration=randomize_duration,
        description=description, response_required=response_required, dry_run=dry_run,
    )


@control.operation("list", role=Role.VIEWER, in_subtree=True)
def list_controls(vder: OptionalVder = None, *, ended: Ended = False) -> Iterator[DerControlRow]:
    """List the controls of a virtual DER, or of all."""
    return dercontrols.list_controls(vder, ended)


@control.operation("show", role=Role.VIEWER, in_subtree=True)
def show(control: Control) -> DerControlDetail:
    """Show a control (its href) with its XML."""
    return dercontrols.show(control)


@control.operation("cancel", role=Role.OPERATOR, in_subtree=True)
def cancel(
    control: Control,
    *,
    at: CancelAt = None,
    randomized: Randomized = False,
    reason: CancelReason = None,
) -> DerControlSummary:
    """Cancel a control (its href)."""
    return dercontrols.cancel(control, at, randomized, reason)


@control.operation("curve", role=Role.OPERATOR)
def curve(
    vder: VderName,
    *,
    curve_type: Annotated[str, Arg("The mode that it is for.", choices=CURVE_TYPES, option="type")],
    points: Annotated[Sequence[str], Arg(
        "A point, as integers. For opModWattPF with absorbing or injecting: how vars flow at it.",
        option="point", metavar="X,Y[,VARS]")],
    x_multiplier: Annotated[int, Arg("Power of ten of X.")] = 0,
    y_multiplier: Annotated[int, Arg("Power of ten of Y.")] = 0,
    y_ref_type: Annotated[int, Arg("What Y is relative to (DERUnitRefType).")],
    also: Annotated[Mapping[str, str], Arg("Another element of DERCurve, such as vRef=100%.")] = NO_PAIRS,
    description: Description = "",
) -> AddedCurve:
    """Add a DERCurve to a virtual DER's program; controls name it by its href."""
    data = {
        "curveType": DERCurveType[curve_type],
        "xMultiplier": x_multiplier,
        "yMultiplier": y_multiplier,
        "yRefType": y_ref_type,
        "CurveData": [_point(text) for text in points],
        **elementvalues.data("DERCurve", also),
    }
    if description:
        data["description"] = description
    from server.grid.controls import defaultcontrols
    return defaultcontrols.add_curve(vder, data)


def _point(text: str) -> dict[str, int | bool]:
    numbers, vars_flow = text.split(",")[:2], text.split(",")[2:]
    try:
        x, y = map(int, numbers)
        excitation = {"excitation": _EXCITATIONS[vars_flow[0]]} if vars_flow else {}
    except (ValueError, KeyError):
        raise BadArgument("points", f"{text!r} is not X,Y or X,Y,absorbing or X,Y,injecting") from None
    return {**excitation, "xvalue": x, "yvalue": y}


@preview_group.operation("", role=Role.VIEWER)
def preview(
    device: DeviceName, *, at: Annotated[Instant | None, Arg("At this instant; now if not given.")] = None
) -> Preview:
    """Show which control a device follows, and why.

    Lists what each program that the device sees requires at that instant, and which of it prevails.
    """
    from server.grid.controls import preview as previews
    return previews.preview(enrolment.find(device), at)
