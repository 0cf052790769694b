"""What processes have used, read from /proc."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found


def cpu(pids: list[int]) -> float:
    """Seconds for which the threads of these processes have been on a CPU, user and system time (to the
    nanosecond, where the utime and stime of /proc/PID/stat have hundredths of a second)."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0])
               for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


class Memory(NamedTuple):
    """Megabytes: `pss` has its part of what is shared, `uss` only what is its own."""
    pss: float
    uss: float


def memory(pid: int) -> Memory:
    """The memory of one process."""
    kilobytes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, _ = line.split()
        kilobytes[name] = int(amount)
    return Memory(
        kilobytes["Pss:"] / 1024, (kilobytes["Private_Clean:"] + kilobytes["Private_Dirty:"]) / 1024
    )
