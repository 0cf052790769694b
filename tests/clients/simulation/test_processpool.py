"""Several processes of clients: none is left behind."""
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clients.simulation.processpool import ProcessPool
from tests.clients.simulation.interrupted import Popen, interrupted


def test_a_process_that_was_just_started_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Popen)
    with interrupted() as started:
        with pytest.raises(KeyboardInterrupt):
            with ProcessPool([Path("devices-0.json"), Path("devices-1.json")]):
                pass
        assert [process.returncode for process in started] == [0]
