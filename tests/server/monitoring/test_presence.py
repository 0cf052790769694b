"""The device interface notices that no worker runs; the worker tells that the database is away."""
from __future__ import annotations

from pathlib import Path

import peewee
import pytest

from server import alarms, clock, worker
from server.config import settings
from server.models import AlarmNotice
from server.monitoring import mail, notices, presence
from server.protocol import background
from server.worker import Availability
from tests.conftest import NOON, on_sqlite

AWAY = peewee.OperationalError("server closed the connection unexpectedly")


@on_sqlite
def test_a_worker_that_is_away(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not presence.watch(), "none ever ran"
    sent: list[str] = []
    monkeypatch.setattr(mail, "send", lambda subject, body: sent.append(subject))
    settings.alarm_mail_to = "shift@example.org"
    presence.forget()
    worker.turn()
    for after_s in (30, 60, settings.alarm_worker_s):
        clock.turn_to(NOON + after_s)
        background.TASKS["watching the worker"]()
    assert alarms.rows(kind="worker") == [] and sent == []
    clock.turn_to(NOON + settings.alarm_worker_s + 60)
    background.TASKS["watching the worker"]()
    (row,) = alarms.rows(kind="worker")
    assert row["detail"] == "it has not run for 4 minutes"
    assert sent == ["critical: worker, counterpoise work"], "the device interface tells it in its place"
    presence.forget()
    worker.turn()
    assert alarms.rows(kind="worker") == [] and AlarmNotice.get().change == "cleared"


@on_sqlite
def test_a_clock_in_steps_does_not_say_that_a_worker_is_away(server: None, tmp_path: Path) -> None:
    presence.forget()
    worker.turn()
    clock.stand_in(tmp_path / "clock", NOON + 10 * settings.alarm_worker_s)
    assert not presence.is_away()
    clock.run(0)
    assert presence.is_away()


@on_sqlite
def test_a_database_that_is_away_is_told_at_once_and_recorded_afterwards(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(mail, "send", lambda *message: sent.append(message))
    monkeypatch.setattr(worker, "discard_connection", lambda: None)
    settings.alarm_mail_to = "shift@example.org"
    database = Availability()
    for after_s in (0, 30):
        clock.turn_to(NOON + after_s)
        database.failed(AWAY)
    database.answered(False)
    assert sent == [] and alarms.rows(cleared=True) == [], "it was away for a short time"
    for after_s in (100, 130, 160, 190):
        clock.turn_to(NOON + after_s)
        database.failed(AWAY)
    (message,) = sent
    assert message[0] == "critical: database" and "does not answer since 60 s" in message[1]
    clock.turn_to(NOON + 200)
    database.answered(False)
    (row,) = alarms.rows(cleared=True)
    assert (row["kind"], row["since"], row["cleared_at"]) == ("database", NOON + 100, NOON + 200)
    assert notices.deliver_due() == 1 and sent[1][0].startswith("over: database")
