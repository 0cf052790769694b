"""What is new gets: a number in its list, an mRID, a creationTime."""
from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from server import clock
from server.config import settings
from server.models.base import CHUNK, chunked
from server.resources import sql
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


def created_at(lists: Iterable[str]) -> dict[str, Instant]:
    """Return, by list, the creationTime of new items: the present time, or later than that of every other
    item where the clock was set back.

    Of two events the one that was created later is the newer (10.2), whatever the clock did in between. Of
    those that are created in one second the mRID decides, see `new_mrid`.
    """
    names = {f"{list_href} creationTime": list_href for list_href in lists}
    now = clock.now()
    instants = _raise([(name, now) for name in names], "CASE WHEN counter.value > excluded.value "
                      "THEN counter.value + 1 ELSE excluded.value END")
    return {names[name]: instant for name, instant in instants.items()}


def _raise(values: Iterable[tuple[str, int]], raised: str) -> dict[str, int]:
    """Set counters to these values, and those that there are to `raised`; return what they are."""
    found: dict[str, int] = {}
    for chunk in chunked(values, CHUNK):
        found |= dict(sql.rows(
            f"INSERT INTO counter (name, value) VALUES {', '.join(['(?, ?)'] * len(chunk))} "
            f"ON CONFLICT (name) DO UPDATE SET value = {raised} RETURNING name, value",
            *(part for pair in chunk for part in pair)))
    return found


def new_mrid() -> str:
    """Return a new mRID: the fraction of the clock's second (20 bits), the time in microseconds (52), 24
    random bits, and the enterprise number.

    Of two events that are created in the same second, the later one has the greater mRID and is the newer one
    (see events.py), as the operator intended. The first digits, by which people tell events apart, differ.
    """
    fraction, micros = int(clock.precise() % 1 * (1 << 20)), time.time_ns() // 1000
    return f"{fraction:05X}{micros:013X}{os.urandom(3).hex()}{settings.enterprise:08x}".upper()
