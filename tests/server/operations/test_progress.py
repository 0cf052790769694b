"""Long work reports how far it is, to the interface that asked for it and to no other."""
from __future__ import annotations

from server.operations import progress


def test_items_report_those_before_them_as_done() -> None:
    reports: list[tuple[str, int, int]] = []
    with progress.reporting(lambda *report: reports.append(report)):
        assert list(progress.track(["a", "b"], "enrolling")) == ["a", "b"]
        progress.report("publishing", 5, 9)
    assert reports == [("enrolling", 0, 2), ("enrolling", 1, 2), ("publishing", 5, 9)]
    assert list(progress.track(["a"], "enrolling")) == ["a"] and len(reports) == 3
