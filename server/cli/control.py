"""`control …`: DERControls and curves of a virtual DER's program, in the standard's own modes."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from server.cli import values
from server.cli.common import BITS, DURATION, INSTANT, NUMBER, PAIR, WHOLE, verb
from server.devices import enrolment
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.controls import preview as effective

CURVE_TYPES = (
    "opModFreqWatt",
    "opModHFRTMayTrip",
    "opModHFRTMustTrip",
    "opModHVRTMayTrip",
    "opModHVRTMomentaryCessation",
    "opModHVRTMustTrip",
    "opModLFRTMayTrip",
    "opModLFRTMustTrip",
    "opModLVRTMayTrip",
    "opModLVRTMomentaryCessation",
    "opModLVRTMustTrip",
    "opModVoltVar",
    "opModVoltWatt",
    "opModWattPF",
    "opModWattVar",
)
Moment = Callable[[], int] | None


@click.group()
def control() -> None:
    """Post controls in the standard's own modes, and look at them. VDER is a virtual DER's name or number."""


@control.command()
@click.argument("vder")
@click.argument("modes", type=PAIR, nargs=-1, required=True)
@click.option("--start", type=INSTANT, help="now, +15m, ISO 8601 or seconds since 1970; now if not given.")
@click.option("--duration", "duration_s", type=DURATION, required=True, help="90s, 15m, 1h30m.")
@click.option("--randomize-start", type=WHOLE, default=0, help="Seconds, at most an hour either way.")
@click.option("--randomize-duration", type=WHOLE, default=0, help="Likewise.")
@click.option("--ramp", "ramp_s", type=NUMBER, help="Seconds in which to get there (rampTms).")
@click.option("--category", type=BITS, help="Only for these DeviceCategoryType bits (0x…).")
@click.option("--description", default="", help="Words that go with it.")
@click.option("--response-required", type=click.IntRange(0, 7), default=7, show_default=True,
              help="1 received, 2 specific, 4 customer; added up.")
@click.option("--dry-run", is_flag=True, help="Show the XML and the warnings; post nothing.")
@verb
def post(vder: str, modes: tuple[tuple[str, str], ...], start: Moment, duration_s: int, **rest: Any) -> Any:
    """Post a DERControl: MODE=VALUE …, such as opModMaxLimW=50% or opModConnect=no."""
    return dercontrols.post(
        vder, values.data("DERControlBase", modes), duration_s, start() if start else None, **rest
    )


@control.command("list")
@click.argument("vder", required=False)
@click.option("--ended", is_flag=True, help="Those that are over as well.")
@verb
def list_controls(vder: str | None, ended: bool) -> Any:
    """The controls of a virtual DER, or of all."""
    return dercontrols.list_controls(vder, ended)


@control.command()
@click.argument("control")
@verb
def show(control: str) -> Any:
    """A control (its href) with its XML."""
    return dercontrols.show(control)


@control.command()
@click.argument("control")
@click.option("--at", type=INSTANT, help="From this instant on; now if not given.")
@click.option("--randomized", is_flag=True, help="Let devices spread it by the control's own randomization.")
@click.option("--reason", help="Words that go with it.")
@verb
def cancel(control: str, at: Moment, randomized: bool, reason: str | None) -> Any:
    """Cancel a control (its href)."""
    return dercontrols.cancel(control, at() if at else None, randomized, reason)


@control.command()
@click.argument("vder")
@click.option("--type", "curve_type", type=click.Choice(CURVE_TYPES), required=True, help="The mode it is "
                                                                                          "for.")
@click.option("--point", "points", multiple=True, required=True, metavar="X,Y", help="A point, as integers.")
@click.option("--x-multiplier", type=WHOLE, default=0, show_default=True, help="Power of ten of X.")
@click.option("--y-multiplier", type=WHOLE, default=0, show_default=True, help="Power of ten of Y.")
@click.option("--y-ref-type", type=WHOLE, required=True, help="What Y is relative to (DERUnitRefType).")
@click.option("--also", type=PAIR, multiple=True, help="Another element of DERCurve, such as vRef=10000.")
@click.option("--description", default="", help="Words that go with it.")
@verb
def curve(
    vder: str,
    curve_type: str,
    points: tuple[str, ...],
    x_multiplier: int,
    y_multiplier: int,
    y_ref_type: int,
    also: tuple[tuple[str, str], ...],
    description: str,
) -> Any:
    """Add a DERCurve to a virtual DER's program; controls name it by its href."""
    data = {
        "curveType": CURVE_TYPES.index(curve_type),
        "xMultiplier": x_multiplier,
        "yMultiplier": y_multiplier,
        "yRefType": y_ref_type,
        "CurveData": [_point(point) for point in points],
        **values.data("DERCurve", also),
    }
    if description:
        data["description"] = description
    return defaultcontrols.add_curve(vder, data)


def _point(text: str) -> dict[str, int]:
    x, comma, y = text.partition(",")
    try:
        return {"xvalue": int(x), "yvalue": int(y)}
    except ValueError:
        raise click.BadParameter(f"{text!r} is not X,Y", param_hint="--point") from None


@click.command()
@click.argument("device")
@click.option("--at", type=INSTANT, help="At this instant; now if not given.")
@verb
def preview(device: str, at: Moment) -> Any:
    """Which control a device follows then, and why: what each program that it sees says, and what comes of
    that."""
    return effective.preview(enrolment.find(device), at() if at else None)


COMMANDS = (control, preview)
