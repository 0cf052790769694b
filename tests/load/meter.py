"""CPU time and memory of processes, from /proc."""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids += tree(int(child))
    return pids


def cpu(pids: list[int]) -> dict[int, float]:
    """Return the CPU time of each of these processes in seconds, user and system time.

    It is exact to the nanosecond, where utime and stime of /proc/PID/stat are in hundredths of a second. One
    that has ended meanwhile is left out.
    """
    used = {}
    for pid in pids:
        with suppress(OSError):
            used[pid] = sum(int(task.joinpath("schedstat").read_text().split()[0])
                            for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
    return used


def used(before: dict[int, float], after: dict[int, float]) -> float:
    """Return the seconds used between two measurements; a process that is new began between them."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


class Memory(NamedTuple):
    """Memory in MB: `pss` includes the process's part of shared memory, `uss` only its own."""
    pss: float
    uss: float


def memory(pid: int) -> Memory:
    """Return the memory of one process."""
    kilobytes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, _ = line.split()
        kilobytes[name] = int(amount)
    return Memory(
        kilobytes["Pss:"] / 1024, (kilobytes["Private_Clean:"] + kilobytes["Private_Dirty:"]) / 1024
    )
