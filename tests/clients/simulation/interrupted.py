"""A process that is asked to end just when it has started another."""
from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Popen(subprocess.Popen[str]):
    """Runs `code` in place of the command, and sends SIGTERM to this process before anybody has the object.
    `code` ends with its input."""
    code = "import sys; sys.stdin.read()"
    started: list[Popen] = []

    def __init__(self, command: Any, **how: Any):
        super().__init__([sys.executable, "-c", self.code], **{"stdin": subprocess.PIPE} | how)
        self.started.append(self)
        signal.raise_signal(signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def interrupted() -> Iterator[list[Popen]]:
    """SIGTERM interrupts this process, as it does `counterpoise demo`; what is started meanwhile."""
    Popen.started.clear()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield Popen.started
    finally:
        signal.signal(signal.SIGTERM, before)
        for process in Popen.started:
            with process:
                process.kill()
