"""The tutorial's first virtual power plant: every command of its page is typed, in that order, as a newcomer
would."""
from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server import clock
from server.cli import main
from server.config import settings
from tests.flows.server import ROOT, Process, free_port, until
from tests.test_docs import code

pytestmark = pytest.mark.flow

LASTING = ("counterpoise serve", "counterpoise work", "python -m clients")
"""These run until they are stopped; everything else ends by itself."""


class Newcomer:
    """Types one command after the other in a folder of its own; what lasts is started and left running. The
    other commands run in this process, which saves each of them the start of an interpreter."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.environment = {"COUNTERPOISE_PORT": str(self.port)}
        self.running: list[Process] = []

    def type(self, text: str) -> None:
        """Do what one line of the page says. AssertionError with the error's words if it fails."""
        words = shlex.split(text, comments=True)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.environment[name] = value
        elif text.startswith(LASTING):
            self._start(words)
        else:
            assert words[0] == "counterpoise", text
            self.run(*words[1:])

    def _start(self, words: list[str]) -> None:
        command = [sys.executable, *(["-m", "server"] if words[0] == "counterpoise" else []), *words[1:]]
        log = self.folder / f"{len(self.running)}.log"
        self.running.append(Process(command, log, self.environment | {"PYTHONPATH": str(ROOT)}, self.folder))

    def run(self, *words: str) -> str:
        """What an operator's command prints, which has to end with status 0."""
        settings.read(os.environ | self.environment)
        settings.require()
        result = CliRunner().invoke(main, list(words), catch_exceptions=False)
        assert result.exit_code == 0, f"{' '.join(words)}: {result.output}"
        return result.stdout

    def request(self, *words: str) -> Any:
        """What an operator's command prints with --json."""
        return json.loads(self.run(*words, "--json"))

    def stop(self) -> None:
        """End what lasts, the newest first."""
        while self.running:
            self.running.pop().stop()


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Newcomer]:
    monkeypatch.chdir(tmp_path)
    saved, pace = dict(settings.__dict__), clock.spec()
    somebody = Newcomer(tmp_path)
    yield somebody
    somebody.stop()
    settings.__dict__.update(saved)
    clock.follow(pace)


def lines() -> list[str]:
    """The commands of the page."""
    return [line.text for line in code(ROOT / "docs" / "tutorial" / "first-power-plant.md")]


def test_the_first_virtual_power_plant(newcomer: Newcomer) -> None:
    waits: dict[str, Callable[[], object]] = {
        "counterpoise device label device-3": lambda: (
            sum(device["last_contact_at"] is not None for device in newcomer.request("device", "list")) == 7
        ),
        "counterpoise dispatch stores": lambda: (
            newcomer.request("vder", "show", "stores")["capability"][0]["online"] == 2
        ),
    }
    for text in lines():
        for beginning, done in waits.items():
            if text.startswith(beginning):
                until(done, every=1)
        newcomer.type(text)
    shown = newcomer.request("dispatch", "show", "1")
    assert len(shown["devices"]) == 2
    assert newcomer.request("plan", "show", "1")["steps"]
    assert [device["name"] for device in newcomer.request("device", "list")].count("cellar") == 1
