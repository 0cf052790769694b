"""What `device follows` returns: rows with fixed keys."""
from __future__ import annotations

from typing import TypedDict

from server.units import Href, Instant, Lfdi


class FollowedMode(TypedDict):
    """A mode, load control or reservation that a device follows from `start` to `end`, decided by an event
    (None: a default) of a virtual DER."""
    start: Instant
    end: Instant
    kind: str
    mode: str
    in_words: list[str]
    vder: str
    control: Href | None
    reason: str


class FollowedModes(TypedDict):
    """What a device follows from `start` to `end`, by what is known at `start`."""
    device: str
    lfdi: Lfdi
    start: Instant
    end: Instant
    modes: list[FollowedMode]
