"""What the processes of a machine agree on about its clock, and the alarm while it is suspect.

The trusted offset of the system's clock (see `systemclock`) is in a KeyValue for each start of the machine,
so that a process which starts after a jump knows of it. So is the time that was seen last, so that a machine
which starts with a clock that was reset is noticed.
"""
from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TypedDict

from server import alarms, clock
from server.models import KeyValue
from server.systemclock import BOUND_S
from server.units import Instant, SecondsExact

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LAST = "clock:last"  # name of the KeyValue with the time that was seen last
SAVE_S = 60  # between writes of it
ALARM = "clock"


class ClockRow(TypedDict):
    """The clock of this machine. `jump_s` is how far the system's clock is ahead of `time` (negative: behind)
    while that is suspect, else 0."""
    time: Instant
    suspect: bool
    jump_s: SecondsExact


def show() -> ClockRow:
    """Return the time of the server, and the state of the system's clock."""
    clock.system.time()  # finds a jump
    return {"time": clock.now(), "suspect": clock.system.is_suspect, "jump_s": clock.system.jump_s}


def start(*, save: bool = True) -> None:
    """Go on from the offset that the processes of this machine trust, or from the time that was seen last.

    The first process of the server saves the offset; a command does not (`save`).
    """
    present_s, stored_s = clock.system.offset_s(), _stored_offset_s()
    if stored_s is None:
        last = KeyValue.get_or_none(KeyValue.name == LAST)
        time_last = float(last.value) if last else 0.0
        stored_s = max(present_s, time_last - clock.system.boot()) if time_last else present_s
        if stored_s - present_s <= BOUND_S:
            stored_s = present_s
        if save:
            _save(_name(), json.dumps(stored_s))
    clock.system.trust(stored_s)
    clock.system.time()  # finds a jump since then


def watch() -> bool:
    """Save the time, follow an operator's decision, and raise or clear the alarm. The worker calls this.
    Return whether the time of the server was adjusted since it was called last."""
    system = clock.system
    now = system.time()
    if system.is_suspect:
        follow_decision()
    stored_s = _stored_offset_s()
    adjusted = not system.is_suspect and stored_s is not None and abs(stored_s - system.trusted_s) > 1
    if adjusted or not system.is_suspect and stored_s is None:
        _save(_name(), json.dumps(system.trusted_s))
    last = KeyValue.get_or_none(KeyValue.name == LAST)
    if not system.is_suspect and (last is None or abs(now - float(last.value)) >= SAVE_S):
        _save(LAST, repr(now))
    if system.is_suspect:
        detail = f"it is {system.jump_s:+.0f} s off since it jumped; events neither begin nor end meanwhile"
        alarms.raise_alarm(ALARM, _source(), detail)
    else:
        alarms.clear(ALARM, _source())
    return adjusted


def follow_decision() -> None:
    """Take the offset that an operator has accepted, if there is one."""
    stored_s, system = _stored_offset_s(), clock.system
    if system.is_suspect and stored_s is not None and abs(stored_s - system.offset_s()) <= BOUND_S:
        system.trust(stored_s)


def accepted() -> ClockRow:
    """Return what the state of the clock would be after `accept`."""
    return {"time": int(clock.system.boot() + clock.system.offset_s()), "suspect": False, "jump_s": 0.0}


def accept() -> ClockRow:
    """Trust the system's clock of this machine as it is now. Its other processes follow within seconds."""
    clock.system.trust(clock.system.offset_s())
    _save(_name(), json.dumps(clock.system.trusted_s))
    alarms.clear(ALARM, _source())
    return show()


def _source() -> str:
    return f"server {socket.gethostname()}"


def _name() -> str:
    """Return the name of the KeyValue of this start of the machine."""
    return f"clock:{BOOT_ID.read_text().strip() if BOOT_ID.exists() else socket.gethostname()}"


def _stored_offset_s() -> float | None:
    row = KeyValue.get_or_none(KeyValue.name == _name())
    return None if row is None else float(json.loads(row.value))


def _save(name: str, value: str) -> None:
    KeyValue.insert(name=name, value=value).on_conflict(
        conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()
