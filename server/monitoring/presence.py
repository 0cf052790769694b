"""Whether a worker runs: it says so once in a while, and the device interface looks."""
from __future__ import annotations

import math

from server import alarms, clock
from server.config import settings
from server.models import KeyValue
from server.units import Instant

NAME = "worker"  # of the KeyValue, and of the alarm's kind
SOURCE = "counterpoise work"
BEAT_S = 30
_beat_at: list[Instant] = [0]  # of the last beat, or the last look, of this process


def _is_due() -> bool:
    """Return whether it is time for another beat or look, by a clock that may run faster or be set back."""
    spacing_s = BEAT_S * _rate()
    if 0 <= clock.now() - _beat_at[0] < spacing_s:
        return False
    _beat_at[0] = clock.now()
    return True


def beat() -> int:
    """Say that a worker runs, and clear the alarm. The worker calls this with each turn."""
    if _is_due():
        value = str(clock.now())
        KeyValue.insert(name=NAME, value=value).on_conflict(
            conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()
        alarms.clear(NAME, SOURCE)
    return 0


def beaten_at() -> Instant | None:
    """Return when a worker has said last that it runs; None where none ever has."""
    row = KeyValue.get_or_none(KeyValue.name == NAME)
    return None if row is None else int(row.value)


def is_away() -> bool:
    """Return whether no worker runs. One that has never run may not be wanted. A clock in steps does not say
    how long it was away."""
    at = None if math.isinf(clock.rate()) else beaten_at()
    return at is not None and clock.now() - at > settings.alarm_worker_s * _rate()


def _rate() -> float:
    """Return by how much the clock runs faster than the system's, at least 1."""
    rate = clock.rate()
    return max(1.0, rate) if math.isfinite(rate) else 1.0


def watch() -> bool:
    """Raise the alarm while no worker runs; return whether it was found now that none does. The device
    interface calls this, every few seconds."""
    if not _is_due() or not is_away():
        return False
    minutes = (clock.now() - (beaten_at() or 0)) // 60
    alarms.raise_alarm(NAME, SOURCE, f"it has not run for {minutes} minutes")
    return True


def forget() -> None:
    """Beat, or look, with the next call."""
    _beat_at[0] = 0
