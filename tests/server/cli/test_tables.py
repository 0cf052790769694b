"""Tables stay readable in a narrow terminal: numbers, instants and names whole, what can be spared left out,
nothing cut off."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NotRequired, TypedDict

import pytest

from server.cli import tables
from server.config import settings
from server.grid.dispatch.results import OrderSummary
from server.grid.series.results import MeasurementRow, SignalStatus
from server.units import Instant, Percent, WattHours, Watts
from tests.conftest import NOON

PLANNED = {
    "id": 7,
    "vder": "feeder 12 batteries",
    "quantity": "storage",
    "value": -1234.5678,
    "addressing": "broadcast",
    "start": NOON,
    "duration_s": 900,
    "target_w": None,
    "planned_w": -1234.5678,
    "status": "scheduled",
    "plan": 3,
    "created_at": NOON - 300,
    "reason": "imbalance +3000 W at 2025-06-15T12:15Z",
    "requested_by": "automatic",
    "warnings": [],
}
SIGNAL = {
    "vder": "neighbourhood",
    "kind": "export_limit",
    "start": NOON,
    "end": NOON + 86400,
    "step_s": 900,
    "values": 96,
    "gaps": 0,
    "least": -40000.0,
    "mean": 1.5,
    "most": 40000.0,
    "tolerance_w": 500.0,
    "priority": 0,
    "source": "the feeder's meter",
    "issue_interval_s": 900,
    "issued_at": NOON,
    "current": 12500.0,
    "problem": "export_limit of neighbourhood has stopped arriving",
}


class Member(TypedDict):
    name: str
    rated_inject_w: Watts
    up_wh: NotRequired[WattHours]
    performance_percent: NotRequired[Percent | None]
    at: NotRequired[Instant]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def lines(rows: list[dict[str, Any]], width: int = 100, declared: Any = Any) -> list[str]:
        monkeypatch.setattr(tables, "PIPED_WIDTH", width)
        tables.show(rows, False, list[declared])
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    return lines


@pytest.mark.parametrize("row, declared, whole", [
    (PLANNED, OrderSummary,
     ["feeder 12 batteries", "2025-06-15T12:00Z", "-1235", "scheduled"]),
    (SIGNAL, SignalStatus,
     ["neighbourhood", "export_limit", "2025-06-15T12:00Z", "2025-06-16T12:00Z", "12500"])])
def test_only_prose_is_broken_into_lines(
    printed: Any, row: dict[str, Any], declared: Any, whole: list[str]
) -> None:
    lines = printed([row, row], declared=declared)
    first, = [line for line in lines if whole[0] in line][:1]
    assert all(part in first for part in whole) and max(map(len, lines)) <= 100
    prose = str(row.get("reason") or row["problem"])
    assert all(word in "\n".join(lines) for word in prose.split())


def test_what_can_be_spared_is_there_where_there_is_room_and_in_json(
    printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "broadcast" not in "".join(printed([PLANNED])) and "broadcast" in "".join(printed([PLANNED], 200))
    tables.show([PLANNED], True)
    assert json.loads(capsys.readouterr().out) == [PLANNED]


def test_units_stand_in_the_heading_which_is_no_wider_than_it_has_to_be(printed: Any) -> None:
    assert printed([{"name": "a", "rated_inject_w": 5, "up_wh": 1.5}], declared=Member) == [
        "       rated", "      inject   up", "name       W   Wh", "a          5  1.5"]


def test_values_are_written_by_their_declared_type_not_by_their_name(printed: Any) -> None:
    row = {"name": "a", "rated_inject_w": 5, "performance_percent": 12.345, "at": NOON, "created_at": NOON}
    assert printed([row], declared=Member)[-1].split() == ["a", "5", "12.3", "2025-06-15T12:00Z", str(NOON)]


def test_quantities_by_kind_are_columns(printed: Any) -> None:
    rows = [{"start": NOON, "injection_w": {}}, {"start": NOON, "injection_w": {"load": -9.0, "pv": 1.0}}]
    lines = printed(rows, declared=MeasurementRow)
    assert [line.split() for line in lines[-2:]] == [["2025-06-15T12:00Z"], ["2025-06-15T12:00Z", "-9", "1"]]
    assert " ".join(" ".join(lines[:-2]).split()) == "load pv injection injection start W W"


def test_nothing_is_cut_off_in_a_terminal_that_is_far_too_narrow(printed: Any) -> None:
    row = {f"column{number}": f"{number}" * 12 for number in range(1, 8)}
    text = "".join("".join(line.split()) for line in printed([row], 60))
    assert all(text.count(str(number)) >= 12 for number in range(1, 8))


@pytest.mark.parametrize("name", [
    "Feeder 12 [red]", "Feeder [/12]", "[bold]x", ":smile:", "[link=http://x]y"])
def test_brackets_and_colons_in_names_are_no_markup(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results: list[Any] = [
        [{"name": name, "members": 1}],
        {"name": name, "rows": [{"name": name}], "text": f"{name}\n"},
        {name: "a\nb", "rows": [{name: 1}]},
    ]
    for result in results:
        tables.show(result, as_json=False)
        assert name in capsys.readouterr().out


def test_control_characters_are_shown_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show({"name": "a\x1b[31mb", "warnings": ["c\x07"]}, as_json=False)
    printed = capsys.readouterr()
    assert "a\\x1b[31mb" in printed.out and "warning: c\\x07" in printed.err


@pytest.mark.parametrize("zone, expected", [
    ("UTC", "2025-06-15T12:00Z"), ("Europe/Amsterdam", "2025-06-15T14:00+02:00"),
    ("Etc/UTC", "2025-06-15T12:00Z")])
def test_instants_are_local_with_their_offset(
    zone: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "timezone", zone)
    assert tables.iso(NOON, brief=True) == expected
    assert tables.iso(NOON + 1) == expected.replace("00Z", "00:01Z").replace("00+", "00:01+")
    assert tables.iso(10 ** 18) == f"{10 ** 18} s"


def test_what_is_read_as_it_is_printed_is_read_no_further_than_it_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def houses() -> Iterator[dict[str, Any]]:
        for number in range(5000):
            read.append(number)
            yield {"name": f"house {number}"}
    tables.show(houses(), as_json=False)
    assert len(read) == tables.MOST_ROWS + 1
    assert capsys.readouterr().out.splitlines()[-1] == "… and more: --whole shows them, --json has them."
    tables.show(houses(), as_json=False, whole=True)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line != "name"] == [f"house {number}" for number in range(5000)]
    assert lines.count("name") == 5


def test_a_long_table_is_cut_and_says_how_to_see_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": f"house {number}"} for number in range(5000)]
    tables.show(rows, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == tables.MOST_ROWS + 2 and "house 99" in lines[-2]
    assert lines[-1].strip() == "… and 4900 more of 5000: --whole shows them, --json has them."
    tables.show(rows, as_json=False, whole=True)
    assert len(capsys.readouterr().out.splitlines()) == 5001
    tables.show(rows, as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == 5000
