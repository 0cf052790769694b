"""The clock of the program: UTC seconds since 1970, as in Time.currentTime.

It runs with the system's clock, or faster for a demonstration (every process is given the same `spec`). It
can stand still at an instant that a test sets. Or it goes in steps: the present time is a number in a file
that one process writes and all others have mapped into memory.
"""
from __future__ import annotations

import math
import mmap
from pathlib import Path
from typing import NamedTuple

from server.systemclock import SystemClock
from server.units import Instant

STEPPED = "file:"
system = SystemClock()


class Pace(NamedTuple):
    """Clock time is `origin + (system time - since) * rate`; rate 0 stands still."""
    rate: float = 1.0
    since: float = 0.0
    origin: float = 0.0


_pace = Pace()
_file = ""
# The present time of a clock in steps: one float, in memory that processes share.
_present: memoryview[float] | None = None


def now() -> Instant:
    """Return the present time, in whole seconds."""
    return int(precise())


def precise() -> float:
    """Return the present time, in seconds with their fraction."""
    present = _present
    if present is not None:
        return present[0]
    return _pace.origin + (system.time() - _pace.since) * _pace.rate


def rate() -> float:
    """Return clock seconds per second of the system's clock; infinite for a clock in steps."""
    return _pace.rate if _present is None else math.inf


def run(rate: float, origin: float | None = None) -> None:
    """Run `rate` times as fast as the system's clock, from the instant `origin` on (default: the present)."""
    global _pace, _present
    _pace, _present = Pace(rate, system.time(), precise() if origin is None else origin), None


def stand_in(path: str | Path, instant: float) -> None:
    """Go in steps from an instant on. The present time is in this file, a new one, for others to `follow`."""
    path = Path(path).absolute()
    path.unlink(missing_ok=True)  # processes that follow an older file keep that
    path.write_bytes(memoryview(bytearray(8)))
    _map(str(path))
    turn_to(instant)


def turn_to(instant: float) -> None:
    """Stand still at an instant; a clock in steps goes there for all processes that follow it."""
    if _present is not None:
        _present[0] = instant
    else:
        run(0, instant)


def advance(duration_s: float) -> None:
    """Go forward by some seconds, and stand still there."""
    turn_to(precise() + duration_s)


def spec() -> str:
    """Return the text by which another process follows this clock: `RATE@SINCE@ORIGIN` or `file:PATH`."""
    return "@".join(map(repr, _pace)) if _present is None else STEPPED + _file


def follow(spec: str) -> None:
    """Follow the system's clock (""), run faster from now on ("60x"), or follow another process (its `spec`).

    ValueError or OSError for any other text.
    """
    global _pace, _present
    if spec.startswith(STEPPED):
        _map(spec.removeprefix(STEPPED))
    elif "@" in spec:
        _pace, _present = Pace(*map(float, spec.split("@"))), None
    elif spec:
        run(float(spec.removesuffix("x")))
    else:
        _pace, _present = Pace(), None


def _map(path: str) -> None:
    global _file, _present
    with open(path, "r+b") as file:
        _file, _present = path, memoryview(mmap.mmap(file.fileno(), 8)).cast("d")
