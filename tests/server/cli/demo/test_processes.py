"""The processes of the demonstration: none is left behind."""
from __future__ import annotations

import signal
import subprocess

import pytest

from server.cli.demo import processes
from tests.clients.simulation.interrupted import Popen, interrupted


def test_a_process_that_was_just_started_ends_with_the_demonstration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", Popen)
    with interrupted() as started:
        with pytest.raises(KeyboardInterrupt):
            with processes.running([["first"], ["second"]]):
                pass
        assert [process.returncode for process in started] == [-signal.SIGTERM]
