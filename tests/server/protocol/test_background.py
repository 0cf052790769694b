"""What requests noted is written later; nothing of it is lost while the database is away."""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import peewee
import pytest

from server.devices import lastcontact
from server.models import Device
from server.protocol import background
from server.resources import sql
from tests import peers
from tests.conftest import NOON


class Ended(BaseException):
    """Ends the thread of a test."""


@pytest.mark.parametrize("error, words", [
    (peewee.InterfaceError("connection already closed"), "could not be done: connection already closed"),
    (peewee.OperationalError("server closed the connection"), "could not be done: server closed"),
    (peewee.DataError("integer out of range"), "writing last contacts")])
def test_the_thread_goes_on_and_loses_nothing(
    device: peers.Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception,
    words: str
) -> None:
    attempts = 0

    def sleep(_: float) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            raise Ended

    def execute(*_: object) -> None:
        if attempts == 1:
            raise error
        real(*_)  # type: ignore[arg-type]

    real = sql.execute
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(sql, "execute", execute)
    monkeypatch.setattr(background, "discard_connection", lambda: None)
    lastcontact.record(device.lfdi)
    with pytest.raises(Ended):
        background._run()
    assert Device.get(lfdi=device.lfdi).last_contact_at == NOON
    assert words in caplog.text


def test_it_is_done_in_forked_processes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that is forked while a thread connects would never get the lock that this has taken."""
    hooks: dict[str, Callable[[], None]] = {}
    monkeypatch.setattr(os, "register_at_fork", lambda **given: hooks.update(given))
    background.start()
    assert [*hooks] == ["after_in_child"]
    assert "background" not in {thread.name for thread in threading.enumerate()}
    monkeypatch.setattr(background, "_run", lambda: None)
    hooks["after_in_child"]()
