"""The counts of all processes of the device interface, added up, those that have ended included.

What a process counted that has ended is added to a sum, so that a total never falls.
"""
from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from server.devices import processes
from server.models import KeyValue, db, is_postgres
from server.resources import sql

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # of latencies
ENDED = "processes ended"  # name of the KeyValue with the sum of those
FOLD_S = 3600  # after which a process that writes no more is taken to write never again
_SUMS = ("handshakes", "answer_bytes")
_total: dict[str, Any] = {}


def read() -> None:
    """Read the counts, which `total` gives until they are read again."""
    told = processes.all_told()
    ended = KeyValue.get_or_none(KeyValue.name == ENDED)
    running = [counts for counts in told.values() if processes.is_running(counts)]
    _total.clear()
    _total.update(added([*told.values(), *([json.loads(ended.value)] if ended is not None else [])]))
    _total["running"] = len(running)
    _total["database_s"] = max((counts.get("database_s", 0.0) for counts in running), default=0.0)


def total() -> dict[str, Any]:
    """Return what was read last."""
    if not _total:
        read()
    return _total


def added(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sum of the counts of processes. Pure."""
    total: dict[str, Any] = {"requests": {}, "seconds": {}, "latencies": {}, **dict.fromkeys(_SUMS, 0)}
    for told in counts:
        for name in ("requests", "seconds"):
            for key, value in told.get(name, {}).items():
                total[name][key] = total[name].get(key, 0) + value
        for key, buckets in told.get("latencies", {}).items():
            before = total["latencies"].get(key, [0] * len(buckets))
            total["latencies"][key] = [one + other for one, other in zip(before, buckets, strict=True)]
        for name in _SUMS:
            total[name] += told.get(name, 0)
    return total


def fold() -> int:
    """Add the counts of processes that have ended to their sum, and forget them; return how many. The worker
    calls this; of two workers one does it."""
    gone = [name for name, told in processes.all_told().items() if time.time() - told["written_at"] > FOLD_S]
    if not gone:
        return 0
    with db.atomic():
        KeyValue.insert(name=ENDED, value="{}").on_conflict_ignore().execute()
        lock = " FOR UPDATE" if is_postgres() else ""
        sums, = sql.row(f"SELECT value FROM key_value WHERE name = ?{lock}", ENDED)
        counts = [json.loads(row[0]) for name in gone for row in sql.rows(
            "DELETE FROM key_value WHERE name = ? RETURNING value", processes.PREFIX + name)]
        KeyValue.update(value=json.dumps(added([json.loads(sums), *counts]))).where(
            KeyValue.name == ENDED).execute()
    return len(counts)
