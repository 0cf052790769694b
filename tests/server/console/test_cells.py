"""Values as people read them."""
from __future__ import annotations

import math
from typing import Any, TypedDict

import pytest

from server.config import settings
from server.console import cells
from server.units import Fraction, Instant, KilowattHours, Seconds, Watts


class _Part(TypedDict):
    up_w: Watts


class _Whole(TypedDict):
    name: str
    start: Instant
    part: list[_Part]
    warnings: list[str]


@pytest.mark.parametrize("value, declared, text", [
    (None, Watts, "–"), (math.nan, Watts, "–"), (0.0, Watts, "0 W"), (-1234.0, Watts, "−1.234 kW"),
    (2_500_000.0, Watts, "2.5 MW"), (math.inf, Watts, "no limit"), (3.5, KilowattHours, "3.5 kWh"),
    (900, Seconds, "15m"), (0.125, Fraction, "12.5 %"), (True, bool, "yes"), ("", str, "–"), (7, int, "7"),
    ([1, 2], list[int], "1, 2"), ({"a": 1}, dict[str, int], "a 1")])
def test_a_value_is_shown_by_its_declared_type(value: Any, declared: Any, text: str) -> None:
    assert cells.shown(value, declared) == text


def test_an_instant_is_in_the_time_zone_of_the_service_area(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "timezone", "Europe/Berlin")
    assert cells.shown(1_750_000_000, Instant) == "2025-06-15 17:06:40"
    assert cells.instant(1_750_000_020, clock_only=True) == "17:07"


def test_a_result_is_taken_apart_into_pairs_tables_and_warnings() -> None:
    whole = {"name": "a", "start": 0, "part": [{"up_w": 5000.0}], "warnings": ["take care"]}
    found = cells.node(whole, _Whole)
    assert found.pairs == [("Name", "a"), ("Start", "1970-01-01 00:00")] and found.warnings == ["take care"]
    table, = found.parts
    assert [column.label for column in table.columns] == ["Up"] and table.columns[0].numeric
    assert [[cell.text for cell in row] for row in table.rows] == [["5 kW"]]


def test_a_long_list_of_a_result_is_cut() -> None:
    found = cells.node(({"up_w": 1.0} for _ in range(cells.MOST_ROWS + 1)), list[_Part])
    assert len(found.rows) == cells.MOST_ROWS and found.more
