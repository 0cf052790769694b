"""Many cases, in batches; each batch begins with the server as it was prepared."""
from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.soak.fuzz import checks
from tests.soak.fuzz.cases import case
from tests.soak.fuzz.wire import Request, send
from tests.soak.fuzz.world import World

BATCH = 500


@dataclass
class Failure:
    """What was wrong, and with which case; `number` is -1 where that is the server after a batch."""
    number: int
    batch: int
    request: Request | None
    faults: list[str]


@dataclass
class Found:
    """What a campaign tried, by status, and what it found."""
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    cpu_s: float = 0.0
    """CPU time of the slowest answer, in seconds."""

    @property
    def tried(self) -> int:
        return sum(self.statuses.values())


def attempt(world: World, request: Request, records: checks.Records, cpu_s: float, found: Found) -> list[str]:
    """Send one request and check its answer; return what is wrong."""
    try:
        answer = send(world.application, request)
        found.statuses[answer.status] += 1
        found.cpu_s = max(found.cpu_s, answer.cpu_s)
        return checks.of_answer(world, request, answer, records, cpu_s)
    except Exception:
        records.taken()
        return [traceback.format_exc()]


def finish(world: World, records: checks.Records, random: Random) -> list[str]:
    """Check the server after a batch; return what is wrong."""
    try:
        return checks.of_server(world, records, random)
    except Exception:
        records.taken()
        return [traceback.format_exc()]


def run_batch(world: World, seed: int, numbers: Iterable[int], found: Found,
              cpu_s: float = checks.CPU_S) -> None:
    """Send the cases of these numbers to a fresh server, and check it afterwards."""
    with world.fresh(), checks.listening() as records:
        first = -1
        for number in numbers:
            first = number if first < 0 else first
            request = case(world, seed, number)
            faults = attempt(world, request, records, cpu_s, found)
            if faults:
                found.failures.append(Failure(number, first, request, faults))
        faults = finish(world, records, Random(f"{seed} {first} end"))
        if faults:
            found.failures.append(Failure(-1, first, None, faults))


def run(
    world: World, seed: int, cases: int, *, first: int = 0, until: float = float("inf"),
    most_failures: int = 50,
    batch: int = BATCH, cpu_s: float = checks.CPU_S, on_batch: Callable[[Found], Any] = lambda found: None,
) -> Found:
    """Run so many cases, or fewer if `until` (time.monotonic) comes first or too much fails."""
    found = Found()
    for numbers in _batches(first, cases, batch):
        if time.monotonic() > until or len(found.failures) > most_failures:
            break
        run_batch(world, seed, numbers, found, cpu_s)
        on_batch(found)
    return found


def _batches(first: int, cases: int, batch: int) -> Iterator[range]:
    for start in range(first, first + cases, batch):
        yield range(start, min(start + batch, first + cases))
