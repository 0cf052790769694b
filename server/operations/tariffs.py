"""`tariff`: prices that devices are told."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from server import clock
from server.errors import BadArgument
from server.grid.controls import tariffs
from server.grid.controls.tariffresults import CancelledTariff, PublishedTariff, TariffDetail, TariffRow
from server.grid.series import tarifffiles
from server.operations import seriesinput
from server.operations.controls import CancelReason, OptionalVder
from server.operations.declaration import Arg, DryRun, Group, Role, UploadedFile, VderName
from server.resources.codes import ALL_RESPONSES
from server.resources.quantities import MAX_TOU_TIER
from server.units import Href, Instant, Seconds

DAY_S = 86400
MOST_PRICE = 1e6
tariff = Group("tariff", """
    Prices that devices are told. A tariff is of a virtual DER; its members find it by their assignments.

    Prices are per kWh. What is published is never changed: a newer price takes the place of an older one.
    """)
GROUPS = (tariff,)
Currency = Annotated[str | None, Arg(
    "Its currency: EUR, USD or the number of ISO 4217; for a new tariff the setting if not given.")]
RateCode = Annotated[str, Arg(
    "Which tariff of the virtual DER, where it has several; 20 characters at most.")]
ResponseRequired = Annotated[int, Arg(
    "Sum of 1 (received), 2 (specific responses), 4 (customer); 0 for none.", least=0, most=ALL_RESPONSES)]
Tariff = Annotated[Href, Arg("The tariff's href.", metavar="TARIFF")]


@tariff.operation("import", role=Role.OPERATOR, in_parts=True)
def import_file(
    vder: VderName,
    csv_file: Annotated[UploadedFile, Arg(
        "CSV: start and price, and end, export_price, tier, block2_from, block2_price; - for standard input.",
        metavar="FILE")],
    *,
    unit: Annotated[str, Arg("What a price is for.", choices=tuple(tarifffiles.UNITS))] = "kWh",
    currency: Currency = None,
    rate_code: RateCode = "",
    dates: seriesinput.Dates = None,
    response_required: ResponseRequired = tariffs.NO_RESPONSE,
    dry_run: DryRun = False,
) -> PublishedTariff:
    """Publish the prices of a file; where it reaches, it takes the place of what is published.

    A row holds until its `end`, else until the next row. Times without zone are local (`timezone`).
    """
    return tariffs.put(vder, csv_file.text(), csv_file.name, unit=unit, currency=currency,
                       rate_code=rate_code, dates=dates, response_required=response_required, dry_run=dry_run)


@tariff.operation("set", role=Role.OPERATOR)
def set_price(
    vder: VderName,
    price: Annotated[float, Arg("Per kWh drawn.", least=-MOST_PRICE, most=MOST_PRICE, metavar="PRICE")],
    *,
    export_price: Annotated[float | None, Arg(
        "Per kWh fed in.", least=-MOST_PRICE, most=MOST_PRICE)] = None,
    block: Annotated[Sequence[str], Arg(
        "From so many kWh of a billing period on another price; can be repeated.", metavar="KWH=PRICE")] = (),
    tier: Annotated[int, Arg("Tier: 0 for none, 1 to 15 for A to O.", least=0, most=MAX_TOU_TIER)] = 0,
    start: Annotated[Instant | None, Arg("Beginning; now if not given.")] = None,
    length_s: Annotated[Seconds, Arg("How long it holds.", option="for", least=1)] = 365 * DAY_S,
    currency: Currency = None,
    rate_code: RateCode = "",
    response_required: ResponseRequired = tariffs.NO_RESPONSE,
    dry_run: DryRun = False,
) -> PublishedTariff:
    """Publish one price, flat or by blocks; for its time it takes the place of what is published."""
    end = (clock.now() if start is None else start) + length_s
    return tariffs.set_price(
        vder, price, end, start, export_price=export_price, blocks=list(map(_block, block)), tier=tier,
        currency=currency, rate_code=rate_code, response_required=response_required, dry_run=dry_run)


def _block(text: str) -> tuple[int, float]:
    begin, equals, price = text.partition("=")
    try:
        if not equals or not 0 < int(begin) <= tarifffiles.MOST_KWH or abs(float(price)) > MOST_PRICE:
            raise ValueError
        return int(begin), float(price)
    except ValueError:
        raise BadArgument("block", f"{text!r} is not KWH=PRICE, such as 500=0.35") from None


@tariff.operation("list", role=Role.VIEWER)
def list_tariffs(vder: OptionalVder = None) -> Iterator[TariffRow]:
    """List the tariffs of a virtual DER, or of all, with their present prices."""
    return tariffs.list_tariffs(vder)


@tariff.operation("show", role=Role.VIEWER)
def show(
    tariff: Tariff,
    *,
    horizon_s: Annotated[Seconds, Arg("Intervals that begin within so long.")] = 2 * DAY_S,
) -> TariffDetail:
    """Show a tariff (its href): prices ahead, who has received them, who acts on them."""
    return tariffs.show(tariff, horizon_s)


@tariff.operation("cancel", role=Role.OPERATOR)
def cancel(
    tariff: Annotated[Href, Arg("The href of a tariff, or of one of its intervals.", metavar="TARIFF")],
    *,
    start: Annotated[Instant | None, Arg("From this instant on; now if not given.", option="from")] = None,
    reason: CancelReason = None,
    dry_run: DryRun = False,
) -> CancelledTariff:
    """Cancel the prices of a tariff, or one interval of it."""
    return tariffs.cancel(tariff, start, reason, dry_run)
