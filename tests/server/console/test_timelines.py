"""Charts of what holds from when to when."""
from __future__ import annotations

import json

import pytest

from server.console import timelines
from server.console.timelines import TimelineBar
from tests.conftest import NOON


def span(lane: str, hour: int, group: str = "active") -> TimelineBar:
    return TimelineBar(lane=lane, start=NOON + hour * 3600, end=NOON + (hour + 1) * 3600, words=f"w{hour}",
                group=group, href=f"/console/{hour}")


def test_a_bar_for_each_span_in_its_lane_and_colour() -> None:
    made = timelines.chart("x", "X", [span("b", 2), span("a", 1, "over"), span("b", 0)], summary="s",
                           now=NOON, window=(NOON, NOON + 7200))
    figure = json.loads(made.figure)
    lanes = [(trace["name"], trace["y"]) for trace in figure["data"]]
    assert lanes == [("active", ["b", "b"]), ("over", ["a"])]
    first = figure["data"][0]
    assert first["x"] == [3600_000, 3600_000] and first["customdata"] == ["/console/2", "/console/0"]
    assert first["base"][1] == "2025-06-15T12:00:00" == figure["layout"]["shapes"][0]["x0"]
    assert figure["layout"]["xaxis"]["range"][1] == "2025-06-15T14:00:00"
    assert [row[3] for row in made.rows] == ["w0", "w1", "w2"], "the table is in the order of time"


def test_lanes_are_bounded_and_named_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "MOST_LANES", 2)
    made = timelines.chart("x", "X", [span(name, 0) for name in ("a" * 90, "b", "c")], summary="s")
    lanes = json.loads(made.figure)["data"][0]["y"]
    assert len(lanes) == 2 and len(lanes[0]) == timelines.MOST_LETTERS and len(made.rows) == 3
