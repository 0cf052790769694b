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


def test_a_table_has_its_columns_in_any_order_and_case():
    rows, decimal_comma = csvlines.table("\nB ;a\n 1,5;x\n;\n;y\n", "f", ["a"], ["b", "c"])
    assert rows == [("f, line 3", {"b": "1,5", "a": "x"}), ("f, line 5", {"b": "", "a": "y"})]
    assert decimal_comma


@pytest.mark.parametrize("text, why", [
    ("b\n1\n", "f, line 1: the columns are a and optionally b, once each; a is missing"),
    ("a,a\n", "f, line 1: .* not 'a'"), ("a,d\n", "f, line 1: .* not 'd'"),
    ("", "f, line 1: .* a is missing"),
    ("a,b\n1\n", "f, line 2: 1 cells for 2 columns"), ("a\n1,2\n", "f, line 2: 2 cells for 1 columns")])
def test_a_table_with_other_columns_or_cells_is_refused(text, why):
    with pytest.raises(Refused, match=why):
        csvlines.table(text, "f", ["a"], ["b"])


@pytest.mark.parametrize("labels", [
    {}, {"feeder": "F12", "phase": "a"}, {"owner": 'R. "B" Berg', "note": "O'Brien", "empty": "", "x": "y=z"},
    {"quoted": '"x"', "blank": " ", "line": "a\nb"}])
def test_pairs_are_read_as_they_are_written(labels):
    cell = csvlines.joined(labels)
    (_, row), = csvlines.table("".join(csvlines.lines(["labels", "n"], [{"labels": cell, "n": "1"}])), "f",
                               ["labels", "n"]).rows
    assert csvlines.pairs(row["labels"], "f") == labels


@pytest.mark.parametrize("cell", ["feeder", "=x", "a=1 b", '"a=b"'])
def test_what_is_not_a_pair_is_refused(cell):
    with pytest.raises(Refused, match="is not NAME=VALUE"):
        csvlines.pairs(cell, "f, line 2")
