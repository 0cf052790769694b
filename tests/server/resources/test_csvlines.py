"""Lines and numbers of CSV files."""
from __future__ import annotations

import pytest

from server.errors import Refused
from server.resources import csvlines


@pytest.mark.parametrize("text, lines, decimal_comma", [
    ("a,b\n1,2\n", [["a", "b"], ["1", "2"]], False), ("a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]], True),
    ("a\tb\n1.5\t2\n", [["a", "b"], ["1.5", "2"]], False), ("\n\na;b\n;\n", [["a", "b"]], False),
    ('a,b\n"x,y",2\n', [["a", "b"], ["x,y", "2"]], False),
])
def test_the_first_line_tells_the_delimiter(text: str, lines: list[list[str]], decimal_comma: bool) -> None:
    content = csvlines.read(text, "f")
    assert ([cells for _, cells in content.lines], content.decimal_comma) == (lines, decimal_comma)


@pytest.mark.parametrize("cell, decimal_comma, expected", [
    ("1.5", False, 1.5), (" -2 ", False, -2.0), ("", False, None), ("N/A", False, None), ("1,5", True, 1.5),
    ("1.234,5", True, 1234.5), ("7", True, 7.0)])
def test_a_cell_is_a_number_or_empty(cell: str, decimal_comma: bool, expected: float | None) -> None:
    assert csvlines.number(cell, "f", decimal_comma) == expected


@pytest.mark.parametrize("cell, decimal_comma, reason", [
    ("1,5", False, "'1,5' is not a number"), ("1.234", True, "may be 1234 or 1,234"),
    ("inf", False, "not a finite"), ("1e13", False, "beyond any plausible size"),
    ("-1e13", False, "beyond any plausible size")])
def test_what_is_no_number_is_refused(cell: str, decimal_comma: bool, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        csvlines.number(cell, "f", decimal_comma)


@pytest.mark.parametrize("cells, expected", [
    (["Start", " Value "], ["start", "value"]), (["start", "value", "p10"], ["start", "value", "p10"]),
    (["MTU (CET/CEST)", "Day-ahead Price [EUR/MWh]"], ["start", "value"]),
    (["Date", "kW"], ["start", "value"]),
    (["value"], ["value"]), (["a", "b"], ["a", "b"]), (["time", "kW", "kWh"], ["time", "kw", "kwh"])])
def test_headings_of_exchanges_are_understood(cells: list[str], expected: list[str]) -> None:
    assert csvlines.header(cells) == expected
