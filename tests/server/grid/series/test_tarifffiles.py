"""Tariffs in CSV files: what they may say, and what is refused with which words."""
from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from server.errors import Refused
from server.grid.series import tarifffiles
from server.grid.series.pricespans import PriceSpan
from server.grid.series.tarifffiles import PriceScale, TariffFile

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = 1_781_568_000  # 2026-06-16T00:00Z
HOUR = 3600


def read(*lines: str, unit: str = "kWh") -> TariffFile:
    return tarifffiles.read("\n".join(lines), "t.csv", BERLIN, PriceScale(tarifffiles.UNITS[unit], -5))


def test_a_row_holds_until_the_next_one_and_the_last_as_long_as_that_before() -> None:
    file = read("start,price", "2026-06-16T00:00Z,0.2", "2026-06-16T06:00Z,0.3", "2026-06-16T08:00Z,0.25")
    ends = [(span.start - MIDNIGHT) // HOUR for span in file.delivered]
    assert ends == [0, 6, 8] and file.delivered[-1].end == MIDNIGHT + 10 * HOUR
    assert [span.blocks for span in file.delivered] == [((0, 20000),), ((0, 30000),), ((0, 25000),)]
    assert (file.received, file.rounded) == ([], 0)


def test_tiers_blocks_and_what_is_paid_for_export() -> None:
    file = read("start;end;price;export_price;tier;block2_from;block2_price",
                "16.06.2026 02:00;16.06.2026 03:00;0,20;0,08;3;500;0,25")
    assert file.delivered == [PriceSpan(MIDNIGHT, MIDNIGHT + HOUR, 3, ((0, 20000), (500, 25000)))]
    assert file.received == [PriceSpan(MIDNIGHT, MIDNIGHT + HOUR, 3, ((0, 8000),))]


def test_prices_of_an_exchange_are_per_mwh_and_may_be_negative() -> None:
    file = read("start,end,price", "2026-06-16T00:00Z,2026-06-16T01:00Z,-12.34", unit="MWh")
    assert file.delivered[0].blocks == ((0, -1234),)


def test_a_price_with_more_decimals_is_rounded_and_said() -> None:
    file = read("start,end,price", "2026-06-16T00:00Z,2026-06-16T01:00Z,0.1234567")
    assert (file.delivered[0].blocks, file.rounded) == (((0, 12346),), 1)


def test_an_empty_price_says_nothing_of_its_time() -> None:
    file = read("start,price", "2026-06-16T00:00Z,0.2", "2026-06-16T01:00Z,", "2026-06-16T02:00Z,0.2")
    assert [(span.start - MIDNIGHT) // HOUR for span in file.delivered] == [0, 2]


def test_the_hour_that_exists_twice_has_two_rows() -> None:
    rows = [f"2026-10-25T{hour:02d}:00,0.{hour + 1}{number}" for number, hour in enumerate((1, 2, 2, 3))]
    spans = read("start,price", *rows).delivered
    assert [later.start - span.start for span, later in zip(spans, spans[1:], strict=False)] == [HOUR] * 3


@pytest.mark.parametrize("lines, words", [
    (["start,price"], "t.csv: it has no rows"),
    (["start,cost", "2026-06-16T00:00Z,1"], "line 1: the columns are start, price and optionally end"),
    (["start,price", "2026-06-16T00:00Z,0.2"], "line 2: a single row does not tell how long it holds"),
    (["start,price", "2026-06-16T01:00Z,1", "2026-06-16T00:00Z,1"], "line 3: .* sort the rows by start"),
    (["start,end,price", "2026-06-16T01:00Z,2026-06-16T01:00Z,1"], "line 2: it ends at .* not after its"),
    (["start,end,price", "2026-06-16T00:00Z,2026-06-16T02:00Z,1", "2026-06-16T01:00Z,2026-06-16T02:00Z,1"],
     "line 3: it begins at .* rows share no time"),
    (["start,end,price", "2026-06-16T00:00Z,2026-06-16T02:00Z,cheap"], "line 2: 'cheap' is not a number"),
    (["start,end,price", "2026-06-16T00:00Z,2026-06-16T02:00Z,"], "there are no prices"),
    (["start,end,price", "2026-06-16T00:00Z,2026-06-16T02:00Z,30000"], "line 2: .* write --unit MWh"),
    (["start,end,price,tier", "2026-06-16T00:00Z,2026-06-16T02:00Z,1,16"], "line 2: tier '16': 0"),
    (["start,end,price,block2_from,block2_price", "2026-06-16T00:00Z,2026-06-16T02:00Z,1,5,"],
     "line 2: block 2: both block2_from and block2_price"),
    (["start,end,price,block2_from,block2_price", "2026-06-16T00:00Z,2026-06-16T02:00Z,1,0.5,2"],
     "line 2: block2_from 0.5: whole kWh"),
    (["start,end,price,block2_from,block2_price", "2026-06-16T00:00Z,2026-06-16T02:00Z,,5,2"],
     "line 2: block2_from without a price"),
    (["start,end,price,block3_from,block3_price", "2026-06-16T00:00Z,2026-06-16T02:00Z,1,5,2"],
     "line 2: block 2: both")])
def test_what_does_not_fit_is_named(lines: list[str], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        read(*lines)
    assert refused.value.status == 400
