"""What is new gets: a number in its list, an mRID, a creationTime."""
from __future__ import annotations

import os
import time

from server import clock
from server.config import settings
from server.resources import sql
from server.units import Instant


def next_number(name: str) -> int:
    """Return the next number of a list; none is given twice."""
    return int(sql.row("INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) "
                       "DO UPDATE SET value = counter.value + 1 RETURNING value", name)[0])


def created_at(list_href: str) -> Instant:
    """Return the creationTime of a new item: the present time, or later than that of every other item where
    the clock was set back.

    Of two events the one that was created later is the newer (10.2), whatever the clock did in between. Of
    those that are created in one second the mRID decides, see `new_mrid`.
    """
    return int(sql.row(
        "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = CASE "
        "WHEN counter.value > excluded.value THEN counter.value + 1 ELSE excluded.value END RETURNING value",
        f"{list_href} creationTime", clock.now())[0])


def new_mrid() -> str:
    """Return a new mRID: the fraction of the clock's second (20 bits), the time in microseconds (52), 24
    random bits, and the enterprise number.

    Of two events that are created in the same second, the later one has the greater mRID and is the newer one
    (see events.py), as the operator intended. The first digits, by which people tell events apart, differ.
    """
    fraction, micros = int(clock.precise() % 1 * (1 << 20)), time.time_ns() // 1000
    return f"{fraction:05X}{micros:013X}{os.urandom(3).hex()}{settings.enterprise:08x}".upper()
