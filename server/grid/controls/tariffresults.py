"""What the operations on tariffs return."""
from __future__ import annotations

from typing import TypedDict

from server.units import Href, Instant


class PublishedTariff(TypedDict):
    """Prices that were published: from when until when, in how many new intervals, how many of before were
    cancelled, and how many rows were published already."""
    href: Href
    vder: str
    rate_code: str
    currency: str
    start: Instant
    end: Instant
    published: int
    cancelled: int
    unchanged: int
    addressed: int
    warnings: list[str]
    dry_run: bool


class TariffRow(TypedDict):
    """A tariff: its tier and prices per kWh now, None where there is none."""
    href: Href
    vder: str
    rate_code: str
    currency: str
    tier: int | None
    price: float | None
    export_price: float | None


class BlockPrice(TypedDict):
    """The price per kWh from so many kWh on in a billing period."""
    from_kwh: int
    price: float


class PriceRow(TypedDict):
    """An interval of a tariff; `direction` is delivered or received, `price` that of the first block.
    `responses` has how many devices answered what last."""
    href: Href
    direction: str
    start: Instant
    end: Instant
    tier: int
    price: float
    blocks: list[BlockPrice]
    responses: dict[str, int]


class ThresholdCount(TypedDict):
    """How many members have thresholds (PriceResponseCfg) for a direction, and how many of them consume, or
    reduce as far as they can, at the present price."""
    direction: str
    devices: int
    consume: int
    reduce: int


class TariffDetail(TariffRow):
    """A tariff: how many intervals are ahead and when the last ends, those that begin within a horizon, and
    the thresholds of its members."""
    primacy: int
    ahead: int
    end: Instant | None
    members: int
    thresholds: list[ThresholdCount]
    intervals: list[PriceRow]


class CancelledTariff(TypedDict):
    """A tariff, or one interval of it, that was cancelled from an instant on: how many intervals that was."""
    href: Href
    vder: str
    from_at: Instant
    cancelled: int
    dry_run: bool
