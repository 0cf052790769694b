"""The one clock: UTC seconds since 1970, as Time.currentTime has them.

It runs with the system's clock, faster for a demonstration (every process is given the same `spec`), or stands
where a test has turned it.
"""
from __future__ import annotations

import time
from typing import NamedTuple


class Pace(NamedTuple):
    """Clock time is `origin + (system time - since) * rate`; rate 0 stands still."""
    rate: float = 1.0
    since: float = 0.0
    origin: float = 0.0


_pace = Pace()


def now() -> int:
    """The present, in whole seconds."""
    return int(precise())


def precise() -> float:
    """The present, in seconds with their fraction."""
    return _pace.origin + (time.time() - _pace.since) * _pace.rate


def rate() -> float:
    """Clock seconds per system second."""
    return _pace.rate


def run(rate: float, origin: float | None = None) -> None:
    """Run `rate` times as fast as the system's clock, from `origin` (default: from where it is) on."""
    global _pace
    _pace = Pace(rate, time.time(), precise() if origin is None else origin)


def turn_to(instant: float) -> None:
    """Stand at this instant (for tests)."""
    run(0, instant)


def advance(seconds: float) -> None:
    """Turn a standing clock on by so many seconds (for tests)."""
    turn_to(precise() + seconds)


def spec() -> str:
    """What another process needs to follow this clock: `RATE@SINCE@ORIGIN`."""
    return "@".join(map(repr, _pace))


def follow(spec: str) -> None:
    """Go as told: "" (the system's clock), "60x" (from now on, so much faster) or another process's `spec()`."""
    global _pace
    if not spec:
        _pace = Pace()
    elif "@" in spec:
        _pace = Pace(*map(float, spec.split("@")))
    else:
        run(float(spec.removesuffix("x")))
