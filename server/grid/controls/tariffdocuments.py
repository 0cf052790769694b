"""The documents of a virtual DER's tariff: its TariffProfile, the component of either direction, and the
prices that are published in it (IEEE 2030.5-2018, 10.5).

A virtual DER has a tariff for each rate code. It is for its members alone, whose FunctionSetAssignments link
to it.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server import clock, currencies
from server.config import settings
from server.errors import BadArgument, Refused
from server.grid.groups import assignments
from server.grid.series import pricespans
from server.grid.series.pricespans import PriceSpan, PublishedSpan
from server.models import Document, VirtualDER
from server.resources import documents, links, store, table
from server.resources.codes import EventStatus, FlowDirection, ServiceKind
from server.units import Href, Instant

Data = dict[str, Any]
PROFILE, COMPONENT, INTERVAL, BLOCK = (
    "TariffProfile", "RateComponent", "TimeTariffInterval", "ConsumptionTariffInterval")
PROFILES = table.rows["TariffProfileList"].path
MULTIPLIER = -5  # prices with so many decimals per kWh, which are those of a MWh with two
DELIVERED, RECEIVED = FlowDirection.FORWARD, FlowDirection.REVERSE
REPLACED = "replaced by a newer price"
FOREVER = 1 << 40
_WITHIN = f"AND at < ? AND until > ? AND {documents.LISTED} AND status IS NOT NULL"


class TariffTree(NamedTuple):
    """A tariff: its href and content, and the component of each direction."""
    href: Href
    content: Data
    components: Mapping[int, Href]

    @property
    def multiplier(self) -> int:
        """The decimal exponent of its prices."""
        return int(self.content.get("pricePowerOfTenMultiplier", 0))

    @property
    def currency(self) -> str:
        """The letters of its currency; its number where they are not known, "" for none."""
        return currencies.name(self.content.get("currency", 0))


def find(href: Href) -> TariffTree:
    """Return a tariff by its href. Refused (404) where there is none."""
    document = store.get(href)
    if document is None or document.kind != PROFILE:
        raise Refused(404, f"there is no tariff {href}; `tariff list` has those that there are")
    return read([document])[0]


def read(profiles: Iterable[Document]) -> list[TariffTree]:
    """Return tariffs by the documents of their TariffProfiles.

    Of several components of one direction it is the oldest, of those without limits of the flow if there
    is one.
    """
    chosen = list(profiles)
    components = sorted(documents.among("parent", [f"{profile.href}/rc" for profile in chosen],
                                        f"AND {documents.LISTED}"),
                        key=lambda component: ("flowRateStartLimit" in component.submitted,
                                               table.number(component.href)))
    types = {document.parent: (document.submitted or {}).get("flowDirection", FlowDirection.NOT_APPLICABLE)
             for document in documents.among("href", [f"{component.href}/rt" for component in components])}
    of_profile: dict[Href, dict[int, Href]] = defaultdict(dict)
    for component in components:
        of_profile[table.parent(component.parent)].setdefault(types.get(component.href, 0), component.href)
    return [TariffTree(profile.href, profile.submitted, of_profile[profile.href]) for profile in chosen]


def existing(vder: VirtualDER, rate_code: str, currency: str | None) -> TariffTree | None:
    """Return the tariff of a virtual DER with this rate code, None where there is none yet.

    Refused (400) where the currency is none, (409) where the tariff has another.
    """
    number = _currency(currency)
    for profile in documents.own(PROFILES, assignments.audience(vder)):
        if profile.submitted.get("rateCode", "") == rate_code:
            tariff = read([profile])[0]
            _check(tariff, number)
            return tariff
    return None


def ensure(vder: VirtualDER, rate_code: str, currency: str | None) -> TariffTree:
    """Return what `existing` does, and make the tariff where there is none."""
    tariff = existing(vder, rate_code, currency)
    if tariff is not None:
        return tariff
    number = _currency(currency)
    content: Data = {
        "description": vder.name, "primacy": vder.primacy, "serviceCategoryKind": ServiceKind.ELECTRICITY,
        "pricePowerOfTenMultiplier": MULTIPLIER}
    if rate_code:
        content["rateCode"] = rate_code
    number = _currency(settings.currency) if number is None else number
    if number:
        content["currency"] = number
    return find(store.add(PROFILE, PROFILES, content, assignments.audience(vder)))


def _currency(text: str | None) -> int | None:
    try:
        return currencies.number(text) if text else None
    except ValueError as error:
        raise BadArgument("currency", f"{text!r} {error}") from None


def _check(tariff: TariffTree, currency: int | None) -> None:
    if currency not in (None, tariff.content.get("currency", 0)):
        raise Refused(409, f"{tariff.href} is in {tariff.currency or 'no currency'}, as devices have read; "
                           "write --rate-code for another tariff")
    missing = [direction for direction in (DELIVERED, RECEIVED) if direction not in tariff.components]
    if missing:
        raise Refused(409, f"{tariff.href} has no RateComponent of flowDirection {missing[0]:d}; delete it "
                           f"(`resource delete {tariff.href}`), so that it is made anew")


# --- its prices -----------------------------------------------------------------------------------

def published(
    components: Iterable[Href], since: Instant, until: Instant = FOREVER
) -> dict[Href, list[PublishedSpan]]:
    """Return, by component, the prices that are scheduled or active in a period, and those that share time
    with them, directly or through each other."""
    found: dict[Href, list[PublishedSpan]] = {component: [] for component in components}
    lists, window = [f"{component}/tti" for component in found], (since, until)
    while True:
        present = documents.among("parent", lists, _WITHIN, window[1], window[0])
        events = {event.href: event for event in present
                  if event.status["currentStatus"] <= EventStatus.ACTIVE}
        periods = [window, *(links.period(event.submitted) for event in events.values())]
        wider = (min(start for start, _ in periods), max(end for _, end in periods))
        if until == FOREVER or wider == window:
            break
        window = wider
    blocks: dict[Href, list[tuple[int, int]]] = defaultdict(list)
    for block in documents.among("parent", [f"{event}/cti" for event in events], "ORDER BY sort"):
        blocks[table.parent(block.parent)].append(
            (block.submitted["startValue"], block.submitted.get("price", 0)))
    for href, event in events.items():
        data, (start, end) = event.submitted, links.period(event.submitted)
        status = data.get("EventStatus", {})
        if status.get("currentStatus") in (EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED):
            end = min(end, status["dateTime"])  # it is to be cancelled then
        span = PriceSpan(start, end, data["touTier"], tuple(blocks[href]))
        age = (data["creationTime"], int(data["mRID"], 16))
        found[table.parent(event.parent)].append(PublishedSpan(span, href, age))
    return found


class Publication(NamedTuple):
    """How many intervals were published and cancelled, and how many stayed as they are."""
    new: int
    cancelled: int
    unchanged: int

    def __add__(self, other: tuple[Any, ...]) -> Publication:
        return Publication(*(mine + more for mine, more in zip(self, other, strict=True)))


def publish(component: Href, wanted: Iterable[PriceSpan], response_required: int) -> Publication:
    """Publish prices of a component, in the caller's transaction, in place of those that are published for
    their time; `response_required` has the bits of ResponseRequired."""
    now, spans = clock.now(), list(wanted)
    if not spans:
        return Publication(0, 0, 0)
    present = published([component], max(now, spans[0].start), max(now, spans[-1].end))[component]
    todo = pricespans.replacement(present, spans, now)
    store.cancel_all(todo.cancelled, reason=REPLACED)
    for href, instant in todo.ended.items():
        store.cancel(href, instant, reason=REPLACED)
    required = f"{response_required:02X}"
    events = store.add_all(INTERVAL, [
        (f"{component}/tti", {"interval": {"duration": span.end - span.start, "start": span.start},
                              "responseRequired": required, "touTier": span.tier}) for span in todo.new])
    store.add_all(BLOCK, [
        (f"{href}/cti", {"consumptionBlock": number, "price": price, "startValue": begin})
        for href, span in zip(events, todo.new, strict=True)
        for number, (begin, price) in enumerate(span.blocks, 1)])
    return Publication(len(todo.new), len(todo.cancelled) + len(todo.ended), todo.unchanged)


def withdraw(components: Iterable[Href], since: Instant, reason: str | None = None) -> int:
    """Cancel the prices of components from an instant on, in the caller's transaction; return of how many
    intervals that was. What has begun is cancelled at that instant."""
    now = clock.now()
    since = max(since, now)
    events = [item for of_component in published(components, since).values() for item in of_component]
    later = [item.href for item in events if item.span.start >= since]
    store.cancel_all(later, reason=reason)
    store.cancel_all([item.href for item in events if item.span.start < since],
                     None if since == now else since, reason=reason)
    return len(events)
