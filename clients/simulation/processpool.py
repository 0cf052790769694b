"""Several processes of clients in stepped time, and the pool that turns the clock for them."""
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
    """Delay signals that ask this process to end until the block has started or ended its processes, so that
    none is left running.

    The signals are not blocked, since processes inherit that. In other threads than the main one, which gets
    all signals, the block has no effect.
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
    """One process of clients for each devices.json in `files`.

        with ProcessPool(files, "--server", address, "--certs", path) as pool:
            for instant in instants:
                pool.run_until(instant)

    The clock must go in steps already (`clock.stand_in`). `module` is one that takes the arguments of
    `python -m clients`.
    """

    def __init__(self, files: Sequence[Path], *arguments: str, module: str = "clients"):
        command = [sys.executable, "-m", module, "--clock", clock.spec(), "--totals", *arguments]
        self._commands = [[*command, "--devices", str(file)] for file in files]
        self._processes: list[subprocess.Popen[str]] = []

    def run_until(self, instant: float) -> list[dict[str, Any]]:
        """Turn the clock to this instant and run what is due; return the totals of each interval that has
        ended by that, by feeder, as `totals.add_totals` does. RuntimeError where a process has ended."""
        clock.turn_to(instant)
        return self.run_due(instant)

    def run_due(self, instant: float) -> list[dict[str, Any]]:
        """Do the same with a clock that is at this instant already: run what has become due since."""
        for process in self._processes:
            assert process.stdin is not None
            print(repr(float(instant)), file=process.stdin, flush=True)
        parts = [sums for process in self._processes for sums in _read_totals(process)]
        return [
            totals.add_totals(part for part in parts if totals.interval(part) == interval)
            for interval in sorted({totals.interval(part) for part in parts})
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
        """End the processes, by closing their standard input."""
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
    """Yield the totals that a process prints before it answers the instant."""
    assert process.stdout is not None
    for line in process.stdout:
        if not line.startswith("{"):
            return
        yield json.loads(line)
    raise RuntimeError(f"clients ended with status {process.wait()}")


def split_devices(entries: Sequence[dict[str, Any]], processes: int, folder: Path) -> list[Path]:
    """Write the entries of a devices.json into one file for each process, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"devices-{number}.json" for number in range(processes)]
    for number, file in enumerate(files):
        file.write_text(json.dumps(entries[number::processes]))
    return files
