"""Rates: how much a device may send, by a token bucket for each device, in the memory of a worker process.

A bucket holds what is allowed in a day, so a device may send at once what it has collected offline. What it
has spent is restored steadily. Buckets that are full again are dropped.
"""
from __future__ import annotations

import threading
from math import ceil

from server import clock
from server.config import settings
from server.resources.quotas import OverQuota
from server.units import Instant, Lfdi

DAY_S = 86_400
MAX_BUCKETS = 100_000  # devices that a worker process remembers
_lock = threading.Lock()
# By device: what it has spent and is not restored yet, and when that was.
_spent: dict[Lfdi, tuple[float, Instant]] = {}


def spend_readings(lfdi: Lfdi, count: int) -> None:
    """Count values that a device posts. OverQuota (429, with Retry-After) where it has posted too many."""
    per_day = settings.quota_readings_per_day
    now = clock.now()
    with _lock:
        spent, at = _spent.get(lfdi, (0.0, now))
        spent = max(0.0, spent - max(0, now - at) * per_day / DAY_S)
        if spent + count > per_day and spent:
            retry_after_s = min(DAY_S, ceil((spent + count - per_day) * DAY_S / per_day))
            raise OverQuota(429, lfdi, f"more than {per_day} readings a day", Retry_After=str(retry_after_s))
        if len(_spent) >= MAX_BUCKETS and lfdi not in _spent:
            _spent.pop(next(iter(_spent)))
        _spent[lfdi] = spent + count, now


def forget() -> None:
    """Fill all buckets."""
    with _lock:
        _spent.clear()
