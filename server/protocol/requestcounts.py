"""Counts of a process of the device interface, from the exchanges that its requests noted.

They are made beside requests and written with what the process tells of itself (devices/processes); the
metrics of the operator interface add up those of all processes.
"""
from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache

from server import forks
from server.devices import processcounts, processes
from server.devices.exchanges import Noted
from server.models import db
from server.resources import table

BOUNDS_S = processcounts.BOUNDS_S  # of latencies
NONE = "none"  # the function set of a path that is in no table
_requests: Counter[str] = Counter()  # by `function set method status`
_latencies: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))  # by function set
_seconds: defaultdict[str, float] = defaultdict(float)  # by function set
_sums: Counter[str] = Counter()


@lru_cache(maxsize=4096)
def function_set(path: str) -> str:
    """Return the function set of a path as hrefs name it: `der` of /edev/7/der/1/dercap, `derp` of /derp/1.

    Below an EndDevice it is the resource there, for itself `edev`.
    """
    match = table.match(f"/{path.lstrip('/')}")
    if match is None:
        return NONE
    words = [word for word in match.row.path.split("/") if word and not word.startswith("<")]
    return words[1] if words[0] == "edev" and len(words) > 1 else words[0]


def count(noted: Iterable[Noted]) -> None:
    """Add exchanges to the counts."""
    for exchange in noted:
        name = function_set(exchange.path)
        _requests[f"{name} {exchange.method} {exchange.status}"] += 1
        _latencies[name][bisect_left(BOUNDS_S, exchange.duration_s)] += 1
        _seconds[name] += exchange.duration_s
        _sums["answer_bytes"] += exchange.size


def handshake() -> None:
    """Count a handshake that was completed."""
    _sums["handshakes"] += 1


def tell() -> None:
    """Have the counts written, with how long the database takes to answer."""
    started = time.perf_counter()
    db.execute_sql("SELECT 1")
    processes.note(requests=dict(_requests), latencies=dict(_latencies),
                   seconds={name: round(value, 6) for name, value in _seconds.items()}, **_sums,
                   database_s=round(time.perf_counter() - started, 6))
    processes.write()


@forks.forgotten
def forget() -> None:
    """Begin anew, in a process that was forked."""
    for counts in (_requests, _latencies, _seconds, _sums):
        counts.clear()
