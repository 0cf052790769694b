"""Several processes of clients in stepped time, and the one who turns the clock for them."""
from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from clients.simulation import totals
from server import clock

STOP_TIMEOUT_S = 20.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a process to end."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A block that starts or ends processes: what asks this process to end takes effect after it, so that
    no process is left behind of which nobody knows yet.

    The signals are not blocked, since processes inherit that. In other threads than the main one, which has
    all signals, the block is as any other.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number in ENDING:
            signal.signal(number, lambda number, _: received.append(number))
        yield
    finally:
        for number in ENDING:
            signal.signal(number, handlers[number])
    for late in received:
        signal.raise_signal(late)


class ProcessPool:
    """`with Crew(shares, "--server", address, "--certs", path) as crew:` runs one process for each share: the
    path of a devices.json. The clock must go in steps already (`clock.stand_in`). `module` is one that takes
    the arguments of `python -m clients`."""

    def __init__(self, shares: Sequence[Path], *words: str, module: str = "clients"):
        command = [sys.executable, "-m", module, "--clock", clock.spec(), "--sums", *words]
        self._commands = [[*command, "--devices", str(share)] for share in shares]
        self._processes: list[subprocess.Popen[str]] = []

    def until(self, instant: float) -> list[dict[str, Any]]:
        """Turn the clock to this instant and let all do what is due: the sums of each interval that this has
        ended, as `tally.total` gives them. RuntimeError where a process has gone."""
        clock.turn_to(instant)
        return self.poke(instant)

    def poke(self, instant: float) -> list[dict[str, Any]]:
        """The same with a clock that stands there already: for what has come up since."""
        for process in self._processes:
            assert process.stdin is not None
            print(repr(float(instant)), file=process.stdin, flush=True)
        said = [sums for process in self._processes for sums in _read_totals(process)]
        return [
            totals.add_totals(one for one in said if one["at"] == at)
            for at in sorted({one["at"] for one in said})
        ]

    def start(self) -> None:
        """Start all processes, or none."""
        try:
            for command in self._commands:
                with uninterrupted():
                    process = subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                        start_new_session=True,
                    )
                    self._processes.append(process)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the processes end, which they do when nobody tells them anything any more."""
        with uninterrupted():
            self._close()

    def _close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()      # type: ignore[union-attr]

    def __enter__(self) -> ProcessPool:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read_totals(process: subprocess.Popen[str]) -> Iterable[dict[str, Any]]:
    """What a process says before it answers."""
    assert process.stdout is not None
    for line in process.stdout:
        if not line.startswith("{"):
            return
        yield json.loads(line)
    raise RuntimeError(f"clients ended with status {process.wait()}")


def split_devices(known: Sequence[dict[str, Any]], processes: int, folder: Path) -> list[Path]:
    """Entries of devices.json dealt out to so many processes, as files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"devices-{number}.json" for number in range(processes)]
    for number, path in enumerate(paths):
        path.write_text(json.dumps(known[number::processes]))
    return paths
