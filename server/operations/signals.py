"""`signal`: what the grid requires of an area."""
from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from server import clock
from server.errors import BadArgument, Refused
from server.grid.controls import pricesignals
from server.grid.controls.pricesignals import SignalPublication
from server.grid.series import signalkinds, signals
from server.grid.series.issuedseries import FOREVER
from server.grid.series.results import PutSignal, SignalStatus, WithdrawnSignal
from server.operations import seriesinput
from server.operations.declaration import Arg, DryRun, Group, Role, UploadedFile
from server.operations.seriesinput import CsvFile, JsonFile
from server.operations.tariffs import Currency
from server.resources import store
from server.units import Instant, Quantity, Seconds, Watts

T = TypeVar("T", PutSignal, WithdrawnSignal)
STEP_S = 900
MAX_LENGTH_S = 366 * 86400
signal = Group("signal", """
    What the grid requires of an area, a virtual DER, over time.

    imbalance: by how much it will draw too much if nothing is moved; schedule: what it is to draw from
    outside; measured: what it drew (or was out of balance by), all in W with consumption positive.
    import_limit and export_limit: magnitudes in W. price: per kWh drawn;
    export_price: what an injected kWh earns, where that is not the price.
    outdoor_temperature: degC, forecast or measured, for the area and all virtual DERs below it.
    """)
GROUPS = (signal,)
Area = Annotated[str, Arg("The area, a virtual DER's name or number.", metavar="AREA")]
KINDS = ("imbalance", "schedule", "measured", "price", "export_price", "import_limit", "export_limit",
         "outdoor_temperature")
Source = Annotated[str, Arg("Where it comes from.")]
Every = Annotated[Seconds | None, Arg(
    "The next issue is due after so long; if it does not come, a warning says so.")]


@signal.operation("put", role=Role.OPERATOR)
def put(
    area: Area,
    *,
    kind: Annotated[str, Arg("What the values are.", choices=KINDS)] = "imbalance",
    csv_file: CsvFile = None,
    json_file: JsonFile = None,
    start: seriesinput.Start = None,
    step_s: seriesinput.Step = None,
    unit: seriesinput.Unit = "W",
    dates: seriesinput.Dates = None,
    flat: Annotated[Quantity | None, Arg(
        "One value throughout instead of a file, from the step of `start` on: 4000 or 4kW.",
        metavar="VALUE")] = None,
    length_s: Annotated[Seconds, Arg("How long, with `flat`.", option="for")] = 86400,
    tolerance_w: Annotated[Watts, Arg("Imbalance that need not be balanced.", least=0)] = 0.0,
    priority: Annotated[int, Arg(
        "A higher one prevails over a lower one, whichever is newer.", least=-2 ** 15, most=2 ** 15 - 1)] = 0,
    source: Source = "",
    every_s: Every = None,
    dry_run: DryRun = False,
) -> PutSignal:
    """Put a signal; it prevails over what was put before, step by step. Times without zone are local
    (`timezone`)."""
    if unit != "W" and signalkinds.KINDS[kind].unit != "W":
        raise Refused(400, f"a {kind} is {signalkinds.KINDS[kind].unit}, not in {unit}")
    if flat is not None:
        if csv_file or json_file:
            raise BadArgument("flat", "give either a file or a flat value")
        flat_value = seriesinput.value(flat, kind, unit, "flat")
        start, step_s, values = _flat(flat_value, start, step_s or STEP_S, length_s)
        origin = "`flat`"
    else:
        table = seriesinput.read(csv_file, json_file, start, step_s, unit, dates)
        if table.quantiles:
            raise Refused(400, "a signal has no quantiles")
        start, step_s, values = table.start, table.step, table.values
        origin = _name(csv_file, json_file)
    return _followed(area, kind, dry_run, lambda: signals.put(
        area, kind, values, start, step_s, source=source, tolerance_w=tolerance_w, priority=priority,
        issue_interval_s=every_s, dry_run=dry_run, origin=origin), _period)


def _period(result: PutSignal) -> tuple[Instant, Instant]:
    return result["start"], result["end"]


def _followed(
    area: str, kind: str, dry_run: bool, change: Callable[[], T],
    period: Callable[[T], tuple[Instant, Instant]]
) -> T:
    """Change a signal, and with it the tariff as which it is published, in the period of the result."""
    if dry_run or not pricesignals.is_followed(area, kind):
        return change()
    with store.transaction():
        result = change()
        pricesignals.follow(area, kind, *period(result))
        return result


def _flat(
    value: float, start: int | None, step_s: int, length_s: int
) -> tuple[int, int, list[float | None]]:
    """Start, step and values of a flat signal. Refused (400) where it has too many steps."""
    if length_s > MAX_LENGTH_S or length_s > step_s * MAX_LENGTH_S // 60:
        possible = "a year is possible, in steps of a minute or more"
        raise BadArgument("length_s", f"`length_s` {length_s} s, `step_s` {step_s} s: {possible}")
    begin = (clock.now() if start is None else start) // step_s * step_s
    return begin, step_s, [value] * -(-length_s // step_s)


def _name(csv_file: UploadedFile | None, json_file: UploadedFile | None) -> str:
    return seriesinput.single_file(csv_file, json_file).name


@signal.operation("push", role=Role.OPERATOR)
def push(
    area: Area,
    kind: Annotated[str, Arg(choices=KINDS, metavar="KIND")],
    value: Annotated[Quantity, Arg("12500 or 12.5kW; a price or a temperature is a plain number.")],
    *,
    start: Annotated[Instant | None, Arg("Beginning of its step; the present one if not given.")] = None,
    step_s: Annotated[Seconds, Arg("How long it holds.")] = STEP_S,
    source: Source = "",
    every_s: Every = None,
) -> PutSignal:
    """Put one value, such as the newest measurement."""
    number = seriesinput.value(value, kind, "W", "value")
    return _followed(area, kind, False, lambda: signals.push(
        area, kind, number, start, step_s, source=source, issue_interval_s=every_s), _period)


@signal.operation("withdraw", role=Role.OPERATOR)
def withdraw(
    area: Area,
    *,
    kind: Annotated[str, Arg(choices=KINDS)],
    start: Annotated[Instant | None, Arg("From this instant on; now if not given.", option="from")] = None,
    source: Source = "",
    dry_run: DryRun = False,
) -> WithdrawnSignal:
    """Withdraw a kind of signal until it is put again; the past stays."""
    return _followed(area, kind, dry_run, lambda: signals.withdraw(
        area, kind, start, source=source, dry_run=dry_run),
        lambda result: (result["withdrawn_from"], FOREVER))


@signal.operation("publish", role=Role.OPERATOR)
def publish(
    area: Area,
    state: Annotated[Literal["on", "off"], Arg(metavar="[on|off]")] = "on",
    *,
    currency: Currency = None,
    rate_code: Annotated[str, Arg(
        "Rate code of the tariff; 20 characters at most.")] = pricesignals.RATE_CODE,
    dry_run: DryRun = False,
) -> SignalPublication:
    """Publish `price` and `export_price` of an area to its members as a tariff that follows them, or stop."""
    return pricesignals.set_published(area, state == "on", currency=currency, rate_code=rate_code,
                                      dry_run=dry_run)


@signal.operation("show", role=Role.VIEWER, in_subtree=True)
def show(
    area: Annotated[str | None, Arg(metavar="AREA")] = None,
    *,
    kind: Annotated[str | None, Arg("Only this kind.", choices=KINDS)] = None,
) -> list[SignalStatus]:
    """Show the newest issue of each signal, its present value, and what is wrong with it."""
    return signals.show(area, kind)
