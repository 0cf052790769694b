"""The processes of the device interface that run: what each tells of itself, once in a while.

Each has a KeyValue with its counts and when it wrote them, so that whoever answers for all of them, such as
the operator interface, reads them in one place, on whatever machine they run.
"""
from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

from server import forks
from server.models import KeyValue

PREFIX = "process:"
WRITE_S = 10  # between two writes, by the system's clock
GONE_S = 60  # after which a process that writes no more has ended
_of_pid: dict[int, str] = {}
_told: dict[str, Any] = {}
_written_at = [0.0]


def name() -> str:
    """Return the name of this process, which no other has: machine, number and a random part."""
    pid = os.getpid()
    if pid not in _of_pid:
        _of_pid.clear()
        _of_pid[pid] = f"{socket.gethostname()}:{pid}:{os.urandom(4).hex()}"
    return _of_pid[pid]


def note(**values: Any) -> None:
    """Note what this process tells of itself, to be written with the next `write`."""
    if any(_told.get(key) != value for key, value in values.items()):
        _told.update(values)
        if "answered_at" in values:
            _written_at[0] = 0.0  # somebody waits for that


def write() -> None:
    """Write what was noted, unless it was written just now."""
    if 0 <= time.time() - _written_at[0] < WRITE_S:
        return
    _written_at[0] = time.time()
    value = json.dumps({**_told, "written_at": time.time()})
    KeyValue.insert(name=PREFIX + name(), value=value).on_conflict(
        conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()


def all_told() -> dict[str, dict[str, Any]]:
    """Return what each process has told last, by its name, those that have ended included."""
    rows = KeyValue.select().where(KeyValue.name.startswith(PREFIX)).order_by(KeyValue.name)
    return {row.name.removeprefix(PREFIX): json.loads(row.value) for row in rows}


def running() -> dict[str, dict[str, Any]]:
    """Return what the processes have told last that run."""
    return {key: told for key, told in all_told().items() if is_running(told)}


def is_running(told: dict[str, Any]) -> bool:
    """Return whether a process has written just now."""
    return bool(abs(time.time() - told["written_at"]) < GONE_S)


@forks.forgotten
def forget() -> None:
    """Forget what was noted."""
    _told.clear()
    _written_at[0] = 0.0
