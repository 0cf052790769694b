"""Tariffs in CSV files. Pure.

The columns are `start` and `price`, and as wanted `end`, `export_price`, `tier` (0 to 15), and `block2_from`
with `block2_price`, up to block 16: from so many kWh since the billing period began this price holds. A row
holds until its `end`, else until the next row; the last one, without `end`, as long as the row before it.
Times are as in every series (see `csvfiles`). An empty price says nothing of that time. Prices are per kWh or
MWh, in the currency of the tariff.

Refused (400), with the file, the line and the reason, where anything does not fit.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import NamedTuple

from server.grid.series import dateorders, localtimes, pricespans
from server.grid.series.intervals import iso
from server.grid.series.pricespans import Blocks, PriceSpan
from server.resources import csvlines
from server.resources.csvlines import refuse
from server.resources.quantities import MAX_CONSUMPTION_BLOCK, MAX_TOU_TIER
from server.units import Instant

UNITS = {"kWh": 1.0, "MWh": 1e-3}  # what a price is for, in kWh
_BLOCKS = [(f"block{block}_from", f"block{block}_price") for block in range(2, MAX_CONSUMPTION_BLOCK + 1)]
_OPTIONAL = ("end", "export_price", "tier", *(name for pair in _BLOCKS for name in pair))
MOST = 2 ** 31 - 1  # ConsumptionTariffInterval/price: Int32
MOST_KWH = 10 ** 12  # of a billing period


class PriceScale(NamedTuple):
    """What a price is written for and served in: `factor` kWh⁻¹, and the decimal exponent of the tariff."""
    factor: float
    multiplier: int


class TariffFile(NamedTuple):
    """The prices of delivered and received energy, and how many had more decimals than the tariff."""
    delivered: list[PriceSpan]
    received: list[PriceSpan]
    rounded: int


class _TariffLine(NamedTuple):
    """A row: its position, when it begins and, where it says so, ends."""
    position: str
    start: Instant
    end: Instant | None
    cells: Mapping[str, str]


def scaled(price: float, scale: PriceScale, position: str) -> tuple[int, bool]:
    """Return a price as the tariff has it, and whether it had to be rounded. Refused (400) where it does not
    fit."""
    exact = price * scale.factor * 10.0 ** -scale.multiplier
    value = round(exact)
    if abs(value) > MOST:
        refuse(position, f"a price of {price:g}: up to {MOST * 10.0 ** scale.multiplier:g} per kWh is "
                         "possible; if it is per MWh, write --unit MWh")
    return value, abs(exact - value) > 1e-6 * max(1.0, abs(exact))


def read(text: str, source: str, zone: tzinfo, scale: PriceScale, dates: str | None = None) -> TariffFile:
    """Return the prices in a CSV file; `source` is its name, for messages, `dates` the order of dates with
    slashes."""
    table = csvlines.table(text, source, ("start", "price"), _OPTIONAL)
    if not table.rows:
        refuse(source, "it has no rows")
    rows = _rows(table.rows, source, zone, dates)
    found: dict[str, list[PriceSpan]] = {"price": [], "export_price": []}
    rounded = 0
    for row, end in zip(rows, _ends(rows), strict=True):
        tier = _tier(row)
        for column, spans in found.items():
            blocks, inexact = _blocks(row, column, scale, table.decimal_comma)
            rounded += inexact
            if blocks:
                spans.append(PriceSpan(row.start, end, tier, blocks))
    if not any(found.values()):
        refuse(source, "there are no prices")
    delivered, received = (pricespans.merged(spans) for spans in found.values())
    return TariffFile(delivered, received, rounded)


def _rows(
    lines: Sequence[tuple[str, dict[str, str]]], source: str, zone: tzinfo, dates: str | None
) -> list[_TariffLine]:
    order = dateorders.of_file((cells[key] for _, cells in lines for key in ("start", "end") if key in cells),
                               source, dates)
    kept, times = [], []
    for position, cells in lines:
        try:
            times.append(localtimes.parse(cells["start"], zone, position, order))
        except localtimes.SkippedTime:
            if cells["price"] or cells.get("export_price"):
                raise  # a row without prices for the hour that the clock skips says nothing
            continue
        kept.append((position, cells))
    certain = [time for time in times if not time.ambiguous]
    for before, time in pairwise(certain):
        if time.instants[0] <= before.instants[0]:
            refuse(time.position, f"{iso(time.instants[0])} does not come after {iso(before.instants[0])}, "
                                  "which is in the row before; sort the rows by start")
    rows = []
    for (position, cells), start in zip(kept, localtimes.resolve(times, zone), strict=True):
        end = None
        if written := cells.get("end"):
            ends = localtimes.parse(written, zone, position, order).instants
            end = next((instant for instant in ends if instant > start), ends[0])
        rows.append(_TariffLine(position, start, end, cells))
    return rows


def _ends(rows: Sequence[_TariffLine]) -> list[Instant]:
    """Return when each row ends."""
    ends = []
    for index, row in enumerate(rows):
        following = rows[index + 1] if index + 1 < len(rows) else None
        end = row.end if row.end is not None else following and following.start
        if end is None:
            if index == 0:
                refuse(row.position, "a single row does not tell how long it holds; add a column end")
            end = row.start + row.start - rows[index - 1].start
        if end <= row.start:
            refuse(row.position, f"it ends at {iso(end)}, which is not after its start, {iso(row.start)}")
        if following is not None and end > following.start:
            refuse(following.position, f"it begins at {iso(following.start)}, and the row before ends at "
                                       f"{iso(end)}; rows share no time")
        ends.append(end)
    return ends


def _tier(row: _TariffLine) -> int:
    text = row.cells.get("tier", "")
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= MAX_TOU_TIER:
        refuse(row.position, f"tier {text!r}: 0 (none) to {MAX_TOU_TIER} are possible")
    return int(text)


def _blocks(row: _TariffLine, column: str, scale: PriceScale, comma: bool) -> tuple[Blocks, int]:
    """Return the blocks of a row, empty where it has no price, and how many prices were rounded."""
    price = csvlines.number(row.cells.get(column, ""), row.position, comma)
    pairs = [] if column != "price" else [
        (names, tuple(csvlines.number(row.cells.get(name, ""), row.position, comma) for name in names))
        for names in _BLOCKS]
    given = [(names, pair) for names, pair in pairs if pair != (None, None)]
    if price is None:
        if given:
            refuse(row.position, f"{given[0][0][0]} without a price: the first block, from 0 on, has `price`")
        return (), 0
    prices = [(0.0, price)]
    for block, (names, (begin, of_block)) in enumerate(given, 2):
        if names != _BLOCKS[block - 2] or begin is None or of_block is None:
            refuse(row.position, f"block {block}: both block{block}_from and block{block}_price are needed")
        if begin != int(begin) or not prices[-1][0] < begin <= MOST_KWH:
            refuse(row.position, f"{names[0]} {begin:g}: whole kWh, above {prices[-1][0]:g} where the block "
                                 "before begins")
        prices.append((begin, of_block))
    amounts = [scaled(value, scale, row.position) for _, value in prices]
    blocks = tuple((int(begin), value) for (begin, _), (value, _) in zip(prices, amounts, strict=True))
    return blocks, sum(inexact for _, inexact in amounts)
