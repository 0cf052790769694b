"""How many items go into one of several transactions: as many as take PART_S, for which others wait.

A part costs some statements whatever it has, and an item costs more where devices are told for the first time
or the machine is busy, so the number follows what the last part took.
"""
from __future__ import annotations

from server.models.base import CHUNK
from server.resources import transactions

PART_S = 0.1  # that a transaction shall take
MOST = CHUNK  # items, whatever they take
GROWTH = 2  # from one part to the next, at most


class Parts:
    """The size of the next part. It is never below that of the first, `least`."""

    def __init__(self, least: int):
        self.size = self._least = least

    def took(self, count: int) -> None:
        """Take the last transaction of this thread, which had so many items, as the measure of the next."""
        held_s = transactions.held_s()
        if count:
            wanted = int(count * PART_S / held_s) if held_s else MOST
            self.size = max(self._least, min(wanted, MOST, GROWTH * self.size))
