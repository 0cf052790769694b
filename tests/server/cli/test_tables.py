"""Tables stay readable in a narrow terminal: numbers, instants and names whole, what can be spared left out,
nothing cut off."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server.cli import tables
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


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def lines(rows: list[dict[str, Any]], width: int = 100) -> list[str]:
        monkeypatch.setattr(tables, "PIPED_WIDTH", width)
        tables.show(rows, False)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    return lines


@pytest.mark.parametrize("row, whole", [
    (PLANNED, ["feeder 12 batteries", "2025-06-15T12:00Z", "-1235", "scheduled"]),
    (SIGNAL, ["neighbourhood", "export_limit", "2025-06-15T12:00Z", "2025-06-16T12:00Z", "12500"])])
def test_only_prose_is_broken_into_lines(printed: Any, row: dict[str, Any], whole: list[str]) -> None:
    lines = printed([row, row])
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
    assert printed([{"name": "a", "rated_inject_w": 5, "up_wh": 1.5}]) == [
        "       rated", "      inject   up", "name       W   Wh", "a          5  1.5"]


def test_nothing_is_cut_off_in_a_terminal_that_is_far_too_narrow(printed: Any) -> None:
    row = {f"column{number}": f"{number}" * 12 for number in range(1, 8)}
    text = "".join("".join(line.split()) for line in printed([row], 60))
    assert all(text.count(str(number)) >= 12 for number in range(1, 8))
