"""Tariffs of a virtual DER: import a file, set one price, list, show, cancel (IEEE 2030.5-2018, 10.5)."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from server import audit, clock
from server.config import settings
from server.errors import BadArgument, Refused
from server.functionsets.response import STATUSES_2023
from server.grid.controls import dercontrols, tariffdocuments
from server.grid.controls.tariffdocuments import DELIVERED, INTERVAL, RECEIVED, Publication, TariffTree
from server.grid.controls.tariffresults import (CancelledTariff, PriceRow, PublishedTariff, TariffDetail,
                                                TariffRow, ThresholdCount)
from server.grid.groups import virtualders
from server.grid.series import pricespans, tarifffiles
from server.grid.series.intervals import iso
from server.grid.series.pricespans import PriceSpan, PublishedSpan
from server.grid.series.tarifffiles import PriceScale
from server.models import Document, VirtualDER, chunked, vder_of_audience
from server.resources import documents, dryrun, refresh, sql, store, table
from server.resources.codes import FlowDirection
from server.units import Href, Instant, Seconds

TOGETHER = 100  # prices of each direction that are published in one transaction
NO_RESPONSE = 0  # every price of every device would be a Response; ask for them where they are needed
DIRECTIONS: Mapping[int, str] = {DELIVERED: "delivered", RECEIVED: "received"}
_THRESHOLDS = ("SELECT href FROM document WHERE kind = 'PriceResponseCfg' AND parent IN "
               "(SELECT '/edev/' || m.device_id || '/cfg/prcfg' FROM membership m WHERE m.vder_id = ?)")


# --- publishing -----------------------------------------------------------------------------------

def _audited(result: PublishedTariff) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("dry_run", "warnings", "addressed")}


def put(
    vder: str | int | VirtualDER, text: str, source: str, *, unit: str = "kWh", currency: str | None = None,
    rate_code: str = "", dates: str | None = None, response_required: int = NO_RESPONSE, dry_run: bool = False
) -> PublishedTariff:
    """Publish the prices of a CSV file (see `series.tarifffiles`) to a virtual DER.

    Where the file reaches, it takes the place of what is published; what it does not reach stays. Refused
    (400, 404, 409) before anything is published where anything does not fit. A long file is published in
    parts, the earliest prices first: up to some instant they are the new ones then, and from there on those
    of before. What was interrupted goes on when it is imported again.
    """
    target = virtualders.find(vder)
    multiplier = _multiplier(tariffdocuments.existing(target, rate_code, currency))
    scale = PriceScale(tarifffiles.UNITS[unit], multiplier)
    file = tarifffiles.read(text, source, ZoneInfo(settings.timezone), scale, dates)
    spans = {DELIVERED: file.delivered, RECEIVED: file.received}
    last = max(span.end for of_direction in spans.values() for span in of_direction)
    if last <= clock.now():
        raise Refused(400, f"{source}: the prices end at {iso(last)}, which is past")
    warnings = [] if not file.rounded else [
        f"{file.rounded} prices are rounded to {-multiplier} decimals per kWh"]
    with dryrun.transaction(True) if dry_run else nullcontext():
        return _joined([_import_part(target, rate_code, currency, part, response_required, warnings, dry_run)
                        for part in _parts(spans)])


def _multiplier(tariff: TariffTree | None) -> int:
    return tariffdocuments.MULTIPLIER if tariff is None else tariff.multiplier


def _parts(spans: Mapping[FlowDirection, list[PriceSpan]]) -> Iterator[dict[FlowDirection, list[PriceSpan]]]:
    """Yield prices in parts of TOGETHER of each direction, in order of time."""
    chunks = [[(direction, chunk) for chunk in chunked(of_direction, TOGETHER)]
              for direction, of_direction in spans.items()]
    for part in zip_longest(*chunks):
        yield dict(filter(None, part))


@audit.audited("tariff import", "{vder} {href}", answer=_audited)
def _import_part(
    vder: VirtualDER, rate_code: str, currency: str | None, spans: Mapping[FlowDirection, list[PriceSpan]],
    response_required: int, warnings: list[str], dry_run: bool
) -> PublishedTariff:
    with store.transaction():
        tariff = tariffdocuments.ensure(vder, rate_code, currency)
        return _published(vder, tariff, spans, response_required, warnings, dry_run)


def _joined(parts: list[PublishedTariff]) -> PublishedTariff:
    """Return what was published in parts as one result."""
    whole = parts[0]
    whole["start"] = min(part["start"] for part in parts)
    whole["end"] = max(part["end"] for part in parts)
    whole["published"] = sum(part["published"] for part in parts)
    whole["cancelled"] = sum(part["cancelled"] for part in parts)
    whole["unchanged"] = sum(part["unchanged"] for part in parts)
    return whole


@audit.audited("tariff set", "{vder} {href}", answer=_audited)
def set_price(
    vder: str | int | VirtualDER, price: float, end: Instant, start: Instant | None = None, *,
    export_price: float | None = None, blocks: Iterable[tuple[int, float]] = (), tier: int = 0,
    currency: str | None = None, rate_code: str = "", response_required: int = NO_RESPONSE,
    dry_run: bool = False
) -> PublishedTariff:
    """Publish one price per kWh until an instant, from now or another on; further `blocks` each with the kWh
    of a billing period from which it holds."""
    target, now = virtualders.find(vder), clock.now()
    begin = now if start is None else start
    if end <= max(begin, now):
        raise BadArgument("end", f"it ends at {iso(end)}, and begins at {iso(max(begin, now))}")
    amounts = [(0, price), *blocks]
    for (below, _), (above, _) in zip(amounts, amounts[1:], strict=False):
        if above <= below:
            raise BadArgument("block", f"a block from {above} kWh on comes after the one from {below} kWh on")
    with dryrun.transaction(dry_run):
        tariff = tariffdocuments.ensure(target, rate_code, currency)
        scale = PriceScale(1.0, tariff.multiplier)
        spans = {DELIVERED: [PriceSpan(begin, end, tier, tuple(
            (from_kwh, tarifffiles.scaled(value, scale, "price")[0]) for from_kwh, value in amounts))]}
        if export_price is not None:
            value, _ = tarifffiles.scaled(export_price, scale, "export_price")
            spans[RECEIVED] = [PriceSpan(begin, end, tier, ((0, value),))]
        return _published(target, tariff, spans, response_required, [], dry_run)


def _published(
    vder: VirtualDER, tariff: TariffTree, spans: Mapping[FlowDirection, list[PriceSpan]],
    response_required: int, warnings: list[str], dry_run: bool
) -> PublishedTariff:
    done = Publication(0, 0, 0)
    for direction, of_direction in spans.items():
        done += tariffdocuments.publish(tariff.components[direction], of_direction, response_required)
    every = [span for of_direction in spans.values() for span in of_direction]
    members = virtualders.members(vder).count()
    if not members:
        warnings = [*warnings, f"{vder.name} has no members, so nobody gets it"]
    return {"href": tariff.href, "vder": vder.name, "rate_code": tariff.content.get("rateCode", ""),
            "currency": tariff.currency, "start": min(span.start for span in every),
            "end": max(span.end for span in every), "published": done.new, "cancelled": done.cancelled,
            "unchanged": done.unchanged, "addressed": members, "warnings": warnings, "dry_run": dry_run}


# --- looking --------------------------------------------------------------------------------------

def list_tariffs(vder: str | int | VirtualDER | None = None) -> Iterator[TariffRow]:
    """Yield the tariffs of a virtual DER, or of all."""
    chosen = VirtualDER.select() if vder is None else [virtualders.find(vder)]
    owners = {owner.id: owner for owner in chosen}
    profiles = [profile for profile in store.items(tariffdocuments.PROFILES)
                if vder_of_audience(profile.audience) in owners]
    tariffs = tariffdocuments.read(profiles)
    now = clock.now()
    published = _in_force(tariffs, now + 1)
    for profile, tariff in zip(profiles, tariffs, strict=True):
        yield _row(tariff, owners[vder_of_audience(profile.audience) or 0].name, published)


def show(href: Href, horizon_s: Seconds) -> TariffDetail:
    """Return a tariff with its intervals that begin within a horizon. Refused (404) where there is none."""
    tariff = tariffdocuments.find(href)
    owner = _owner(href)
    published, now = _in_force([tariff]), clock.now()
    every = [item.span for of_component in published.values() for item in of_component]
    row = _row(tariff, owner.name if owner else "", published)
    items = sorted(
        ((item.span.start, direction, item) for direction, component in tariff.components.items()
         for item in published[component] if item.span.start < now + horizon_s), key=lambda entry: entry[:2])
    answers = _responses([item.href for _, _, item in items])
    intervals: list[PriceRow] = [
        {"href": item.href, "direction": DIRECTIONS.get(direction, str(direction)),
         "start": item.span.start, "end": item.span.end, "tier": item.span.tier,
         "price": _money(item.span.blocks[0][1], tariff) if item.span.blocks else 0.0,
         "blocks": [{"from_kwh": begin, "price": _money(value, tariff)}
                    for begin, value in item.span.blocks[1:]],
         "responses": dict(answers[item.href])} for _, direction, item in items]
    return {**row, "primacy": tariff.content["primacy"], "ahead": sum(span.start > now for span in every),
            "end": max((span.end for span in every), default=None),
            "members": virtualders.members(owner).count() if owner else 0,
            "thresholds": _thresholds(tariff, owner, published), "intervals": intervals}


def _in_force(
    tariffs: Iterable[TariffTree], until: Instant = tariffdocuments.FOREVER
) -> dict[Href, list[PublishedSpan]]:
    """Return, by component, the prices from now on, each as long as no newer one supersedes it."""
    components = [component for tariff in tariffs for component in tariff.components.values()]
    refresh.freshen([f"{component}/tti" for component in components])
    return {component: pricespans.in_force(items)
            for component, items in tariffdocuments.published(components, clock.now(), until).items()}


def _row(tariff: TariffTree, vder: str, published: dict[Href, list[PublishedSpan]]) -> TariffRow:
    current = {direction: _current(published[component])
               for direction, component in tariff.components.items()}
    drawn, fed = current.get(DELIVERED), current.get(RECEIVED)
    return {"href": tariff.href, "vder": vder, "rate_code": tariff.content.get("rateCode", ""),
            "currency": tariff.currency, "tier": drawn.tier if drawn else None,
            "price": _first(drawn, tariff), "export_price": _first(fed, tariff)}


def _current(items: Iterable[PublishedSpan]) -> PriceSpan | None:
    now = clock.now()
    return next((item.span for item in items if item.span.start <= now < item.span.end), None)


def _first(span: PriceSpan | None, tariff: TariffTree) -> float | None:
    return _money(span.blocks[0][1], tariff) if span is not None and span.blocks else None


def _money(value: int, tariff: TariffTree) -> float:
    return round(value * 10.0 ** tariff.multiplier, max(0, -tariff.multiplier))


def _responses(events: list[Href]) -> dict[Href, Counter[str]]:
    """Return how many devices answered each event with what, in words."""
    mrids = {document.submitted["mRID"]: document.href for document in documents.among("href", events)}
    counts: dict[Href, Counter[str]] = {href: Counter() for href in events}
    for subject, status, count in sql.among(
            "SELECT subject, status, count(DISTINCT lfdi) FROM response_record WHERE subject IN ({}) "
            "AND status IS NOT NULL GROUP BY subject, status", mrids):
        counts[mrids[subject]][STATUSES_2023[status]] = count
    return counts


def _thresholds(
    tariff: TariffTree, owner: VirtualDER | None, published: dict[Href, list[PublishedSpan]]
) -> list[ThresholdCount]:
    """Return how the members of a virtual DER react to the present prices."""
    hrefs = [href for href, in sql.rows(_THRESHOLDS, owner.id)] if owner else []
    configured = [document.submitted for document in documents.among("href", hrefs)]
    rows: list[ThresholdCount] = []
    for direction, component in tariff.components.items():
        chosen = [config for config in configured if config["RateComponentLink"]["href"] == component]
        span = _current(published[component])
        price = span.blocks[0][1] if span is not None and span.blocks else None
        if chosen:
            rows.append({
                "direction": DIRECTIONS.get(direction, str(direction)), "devices": len(chosen),
                "consume": sum(price is not None and price < config["consumeThreshold"] for config in chosen),
                "reduce": sum(price is not None and price > config["maxReductionThreshold"]
                              for config in chosen)})
    return rows


def _owner(href: Href) -> VirtualDER | None:
    document = store.get(href)
    number = vder_of_audience(document.audience) if document is not None else None
    return VirtualDER.get_or_none(VirtualDER.id == number)


# --- cancelling -----------------------------------------------------------------------------------

def _found(href: Href) -> dict[str, Any]:
    owner = _owner(href)
    return {"href": href, "vder": owner.name if owner else ""}


def _cancellation(result: CancelledTariff) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "dry_run"}


@audit.audited("tariff cancel", "{href}", state=_found, answer=_cancellation)
def cancel(
    href: Href, start: Instant | None = None, reason: str | None = None, dry_run: bool = False
) -> CancelledTariff:
    """Cancel the prices of a tariff, or one interval of it, now or from an instant on.

    Refused (404) where there is none, (409) where nothing is left to cancel.
    """
    now = clock.now()
    since = max(now, now if start is None else start)
    with dryrun.transaction(dry_run):
        document = store.get(href)
        if document is not None and document.kind == INTERVAL:
            count = _cancel_interval(document, start, reason)
        else:
            tariff = tariffdocuments.find(href)
            count = tariffdocuments.withdraw(tariff.components.values(), since, reason)
            if not count:
                raise Refused(409, f"{href} has no prices after {iso(since)}")
        owner = _owner(href)
        return {"href": href, "vder": owner.name if owner else "", "from_at": since, "cancelled": count,
                "dry_run": dry_run}


def _cancel_interval(document: Document, start: Instant | None, reason: str | None) -> int:
    refresh.freshen([table.parent(document.href)])
    dercontrols.cancel_event(store.get(document.href) or document, start, reason=reason)
    return 1
