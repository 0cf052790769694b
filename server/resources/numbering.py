"""What is new gets: a number in its list, an mRID, a creationTime."""
from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from server import clock
from server.config import settings
from server.models.base import CHUNK, chunked
from server.resources import sql
from server.resources.variants import CSIP_AUS
from server.units import Instant


def next_number(name: str) -> int:
    """Return the next number of a list; none is given twice."""
    return next_numbers([name])[0]


def next_numbers(names: Sequence[str]) -> list[int]:
    """Return the next number of each of these lists, in which one may be several times."""
    counts = Counter(names)
    last = _raise(counts.items(), "counter.value + excluded.value")
    given: Counter[str] = Counter()
    numbers = []
    for name in names:
        given[name] += 1
        numbers.append(last[name] - counts[name] + given[name])
    return numbers


class CreationTime(NamedTuple):
    """When a new item of a list is created: now, or with the last one where the clock was set back; and
    whether others may have been created in that second, or later."""
    instant: Instant
    shared: bool


def created_at(lists: Collection[str]) -> dict[str, CreationTime]:
    """Return, by list, when new items are created."""
    # A counter has the second, twice, and 1 more if several were created in it.
    counters = _raise([(f"{list_href} created", 2 * clock.now()) for list_href in lists],
                      "CASE WHEN counter.value < excluded.value THEN excluded.value "
                      "WHEN (counter.value & 1) = 0 THEN counter.value + 1 ELSE counter.value END")
    return {list_href: CreationTime(value // 2, value % 2 == 1) for list_href in lists
            for value in [counters[f"{list_href} created"]]}


def note_created(instants: Mapping[str, Instant]) -> None:
    """Note the last instants, by list, in which items were created."""
    _raise([(f"{list_href} created", 2 * instant + 1) for list_href, instant in instants.items()],
           "CASE WHEN counter.value > excluded.value THEN counter.value ELSE excluded.value END")


def _raise(values: Iterable[tuple[str, int]], raised: str) -> dict[str, int]:
    """Set counters to these values, and those that there are to `raised`; return what they are."""
    conflict = f"ON CONFLICT (name) DO UPDATE SET value = {raised} RETURNING name, value"
    found: dict[str, int] = {}
    for chunk in chunked(values, CHUNK):
        found |= dict(sql.inserted("counter", ("name", "value"), chunk, conflict))
    return found


def new_mrid() -> str:
    """Return a new mRID: the fraction of the clock's second (20 bits), the time in microseconds (52), 24
    random bits, and the enterprise number.

    What is created later has the greater mRID within a second. The first digits, by which people tell events
    apart, differ.
    """
    fraction, micros = int(clock.precise() % 1 * (1 << 20)), time.time_ns() // 1000
    return f"{fraction:05X}{micros:013X}{os.urandom(3).hex()}{enterprise()}".upper()


def enterprise() -> str:
    """Return the end of every mRID that is made here: the enterprise number in eight digits, hexadecimal as
    in the standard, or decimal as the handbooks of CSIP-AUS read them."""
    return f"{settings.enterprise:08d}" if settings.profile == CSIP_AUS else f"{settings.enterprise:08X}"
