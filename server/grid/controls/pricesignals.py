"""The price signal of an area as a tariff: published when told so, and as long as that is not taken back.

Whenever the signal is put or withdrawn, the tariff follows in the same transaction. `price` is what drawn
energy costs, `export_price` what injected energy earns; where there is no value, no price is published.
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from server import audit, clock
from server.errors import Refused
from server.grid.controls import tariffdocuments
from server.grid.controls.tariffdocuments import DELIVERED, RECEIVED, Publication, TariffTree
from server.grid.groups import virtualders
from server.grid.series import issuedseries, pricespans, tarifffiles
from server.grid.series.intervals import LONGEST, STEP
from server.grid.series.pricespans import PriceSpan
from server.grid.series.tarifffiles import PriceScale
from server.models import VirtualDER
from server.resources import dryrun, store
from server.units import Href, Instant

DIRECTIONS: Mapping[str, int] = {"price": DELIVERED, "export_price": RECEIVED}
RATE_CODE = "signal"  # of a tariff that a signal feeds, apart from those that are imported
WITHDRAWN = "the price signal is no longer published"
NO_RESPONSE = 0


class SignalPublication(TypedDict):
    """Whether the price signal of an area is published, as which tariff, and how many intervals were
    published and cancelled by that."""
    vder: str
    state: str
    href: Href
    currency: str
    published: int
    cancelled: int
    dry_run: bool


def _state(vder: str | int | VirtualDER) -> dict[str, Any]:
    area = virtualders.find(vder)
    return {"vder": area.name, "state": "off" if area.price_tariff is None else "on"}


def _audited(result: SignalPublication) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "dry_run"}


@audit.audited("signal publish", "{vder}", state=_state, answer=_audited)
def set_published(
    vder: str | int | VirtualDER, on: bool, *, currency: str | None = None, rate_code: str = RATE_CODE,
    dry_run: bool = False
) -> SignalPublication:
    """Publish the price signals of an area as a tariff from now on, or withdraw it.

    Refused (409) where it is not published and is to be withdrawn, or is published as another tariff.
    """
    area = virtualders.find(vder)
    with dryrun.transaction(dry_run):
        if on:
            return _turn_on(area, currency, rate_code, dry_run)
        if area.price_tariff is None:
            raise Refused(409, f"the price signal of {area.name} is not published")
        tariff = _tariff(area)
        _record(area, None)
        cancelled = 0 if tariff is None else tariffdocuments.withdraw(
            tariff.components.values(), clock.now(), WITHDRAWN)
        return {"vder": area.name, "state": "off", "href": tariff.href if tariff else "",
                "currency": tariff.currency if tariff else "", "published": 0, "cancelled": cancelled,
                "dry_run": dry_run}


def _turn_on(area: VirtualDER, currency: str | None, rate_code: str, dry_run: bool) -> SignalPublication:
    tariff = tariffdocuments.ensure(area, rate_code, currency)
    if area.price_tariff not in (None, tariff.href) and _tariff(area) is not None:
        raise Refused(409, f"the price signal of {area.name} is published as {area.price_tariff} already; "
                           "turn that off first")
    _record(area, tariff.href)
    now, done = clock.now(), Publication(0, 0, 0)
    for kind in DIRECTIONS:
        done += _publish(area, tariff, kind, now, now + LONGEST)
    return {"vder": area.name, "state": "on", "href": tariff.href, "currency": tariff.currency,
            "published": done.new, "cancelled": done.cancelled, "dry_run": dry_run}


def _record(area: VirtualDER, href: Href | None) -> None:
    area.price_tariff = href
    area.save(only=[VirtualDER.price_tariff])


def _tariff(area: VirtualDER) -> TariffTree | None:
    """Return the tariff as which the signal is published; None where it has been deleted."""
    if area.price_tariff is None or store.get(area.price_tariff) is None:
        return None
    return tariffdocuments.find(area.price_tariff)


def follow(vder: str | int | VirtualDER, kind: str, start: Instant, end: Instant) -> None:
    """Let the tariff of an area follow its signal of a kind, which has changed in a period, in the caller's
    transaction. Does nothing where it is not published."""
    area = virtualders.find(vder)
    if kind in DIRECTIONS and (tariff := _tariff(area)) is not None:
        _publish(area, tariff, kind, start, min(end, clock.now() + LONGEST))


def is_followed(vder: str | int | VirtualDER, kind: str) -> bool:
    """Return whether a tariff follows a kind of signal of an area."""
    return kind in DIRECTIONS and virtualders.find(vder).price_tariff is not None


def _publish(area: VirtualDER, tariff: TariffTree, kind: str, start: Instant, end: Instant) -> Publication:
    start = max(start, clock.now() // STEP * STEP)
    if end <= start:
        return Publication(0, 0, 0)
    spans = pricespans.merged(_spans(area, tariff, kind, start, end))
    return tariffdocuments.publish(tariff.components[DIRECTIONS[kind]], spans, NO_RESPONSE)


def _spans(
    area: VirtualDER, tariff: TariffTree, kind: str, start: Instant, end: Instant
) -> Iterator[PriceSpan]:
    """Yield the prices of a signal step by step, without blocks where there is none."""
    steps = [row.step_s for row in issuedseries.issues(area, kind, start, end)]
    step = math.gcd(STEP, *steps)
    start = start // step * step
    values = issuedseries.known(area, kind, start, -(-(end - start) // step), step)
    scale = PriceScale(1.0, tariff.multiplier)
    for number, value in enumerate(values.tolist()):
        begin = start + number * step
        blocks = () if math.isnan(value) else ((0, tarifffiles.scaled(value, scale, kind)[0]),)
        yield PriceSpan(begin, begin + step, 0, blocks)
