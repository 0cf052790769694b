"""Alarms: raised, kept as one row, cleared, lapsed, opened again, forgotten."""
from __future__ import annotations

import pytest

from server import alarms, clock, worker
from server.models import AlarmRecord
from tests.conftest import NOON

DAY = 86400


def active_alarms() -> list[tuple[str, str, int]]:
    """Source, detail and times of the alarms that stand."""
    return [(row["source"], row["detail"], row["times"]) for row in alarms.rows()]


def test_an_alarm_is_one_row_while_it_stands(server: None) -> None:
    alarms.raise_alarm("quota", "device 1", "17 requests")
    clock.turn_to(NOON + 59)
    alarms.raise_alarm("quota", "device 1", "18 requests")
    assert active_alarms() == [("device 1", "17 requests", 1)], "too soon to be worth a write"
    clock.turn_to(NOON + 60)
    alarms.raise_alarm("quota", "device 1", "19 requests")
    alarms.raise_alarm("quota", "device 2", "17 requests")
    assert active_alarms() == [("device 2", "17 requests", 1), ("device 1", "19 requests", 2)]
    (row,) = alarms.rows(source="device 1")
    assert row["kind"] == "quota" and row["severity"] == "warning"
    assert (row["since"], row["last_at"]) == (NOON, NOON + 60)
    assert row["cleared_at"] is None and row["remedy"] == alarms.KINDS["quota"].remedy


def test_an_alarm_is_cleared_and_opened_again_within_an_hour(server: None) -> None:
    assert not alarms.clear("quota", "device 1")
    alarms.raise_alarm("quota", "device 1", "17 requests")
    assert alarms.rows() and alarms.clear("quota", "device 1") and not alarms.rows()
    clock.turn_to(NOON + 3599)
    alarms.raise_alarm("quota", "device 1", "18 requests")
    assert active_alarms() == [("device 1", "18 requests", 2)] and alarms.rows()[0]["since"] == NOON
    alarms.clear("quota", "device 1")
    clock.turn_to(NOON + 3599 + 3600)
    alarms.raise_alarm("quota", "device 1", "20 requests")
    assert active_alarms() == [("device 1", "20 requests", 1)]
    assert [row["cleared_at"] for row in alarms.rows(cleared=True)] == [None, NOON + 3599]


def test_an_alarm_that_nobody_raises_any_more_lapses(server: None) -> None:
    alarms.raise_alarm("quota", "device 1", "17 requests")
    clock.turn_to(NOON + 3600)
    assert not alarms.rows(), "listed as over before the worker has cleared it"
    worker.turn()
    assert AlarmRecord.get().cleared_at == NOON + 3600 and alarms.clear_lapsed() == 0


def test_alarms_that_are_over_for_long_are_forgotten(server: None) -> None:
    alarms.raise_alarm("quota", "device 1", "17 requests")
    alarms.clear("quota", "device 1")
    alarms.raise_alarm("quota", "device 2", "17 requests")
    clock.turn_to(NOON + 90 * DAY)
    assert worker.purge() == 0
    clock.turn_to(NOON + 90 * DAY + 1)
    assert worker.purge() == 1 and [row.source for row in AlarmRecord.select()] == ["device 2"]


def test_details_are_bounded_and_kinds_are_known(server: None) -> None:
    alarms.raise_alarm("quota", "device 1", "x" * 10_000)
    assert len(alarms.rows()[0]["detail"]) == alarms.MAX_DETAIL
    with pytest.raises(KeyError):
        alarms.raise_alarm("unheard of", "device 1", "")
