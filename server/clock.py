"""The one clock: UTC seconds since 1970, as Time.currentTime has them.

It runs with the system's clock, faster for a demonstration (every process is given the same `spec`), stands
where a test has turned it, or goes in steps: then the present is a number in a file that one process turns
and all others have mapped into their memory.
"""
from __future__ import annotations

import math
import mmap
import time
from pathlib import Path
from typing import NamedTuple

STEPPED = "file:"


class Pace(NamedTuple):
    """Clock time is `origin + (system time - since) * rate`; rate 0 stands still."""
    rate: float = 1.0
    since: float = 0.0
    origin: float = 0.0


_pace = Pace()
_file = ""
# The present as whoever turns the clock has written it: one float, in memory that processes share.
_present: memoryview[float] | None = None


def now() -> int:
    """The present, in whole seconds."""
    return int(precise())


def precise() -> float:
    """The present, in seconds with their fraction."""
    present = _present
    if present is not None:
        return present[0]
    return _pace.origin + (time.time() - _pace.since) * _pace.rate


def rate() -> float:
    """Clock seconds per system second; infinite for a clock that goes in steps: it is never behind."""
    return _pace.rate if _present is None else math.inf


def run(rate: float, origin: float | None = None) -> None:
    """Run `rate` times as fast as the system's clock, from `origin` (default: from where it is) on."""
    global _pace, _present
    _pace, _present = Pace(rate, time.time(), precise() if origin is None else origin), None


def stand_in(path: str | Path, instant: float) -> None:
    """Go in steps from this instant on: the present is kept in this file, made anew, for others to
    `follow`."""
    path = Path(path).absolute()
    path.unlink(missing_ok=True)    # whoever follows an older one keeps that
    path.write_bytes(memoryview(bytearray(8)))
    _map(str(path))
    turn_to(instant)


def turn_to(instant: float) -> None:
    """Stand at this instant; where the clock goes in steps, for all who follow it."""
    if _present is not None:
        _present[0] = instant
    else:
        run(0, instant)


def advance(seconds: float) -> None:
    """Turn a standing clock on by so many seconds."""
    turn_to(precise() + seconds)


def spec() -> str:
    """What another process needs to follow this clock: `RATE@SINCE@ORIGIN` or `file:PATH`."""
    return "@".join(map(repr, _pace)) if _present is None else STEPPED + _file


def follow(spec: str) -> None:
    """Go as told: "" (the system's clock), "60x" (from now on, so much faster) or another process's `spec()`.

    ValueError or OSError where it tells nothing that can be followed."""
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
