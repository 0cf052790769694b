"""The LogEvents of a device, and of the server itself, in words (IEEE 2030.5-2018, 9.6)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from server.devices.access import SELF
from server.resources import documents
from server.resources.codes import logevents
from server.units import Href, Instant


class LogRow(TypedDict):
    """A LogEvent. `created_at` is by the clock of who wrote it. `event` is what its code means, empty where
    that is known to the owner of the enterprise number (`pen`) alone; `extended_data` and `details` say
    more."""
    created_at: Instant
    profile: str
    function_set: str
    code: int
    event: str
    details: str
    extended_data: int | None
    pen: int
    log_event_id: int
    log_event: Href


def rows(owner: Href | None, limit: int) -> Iterator[LogRow]:
    """Yield the newest LogEvents of a device (the href of its EndDevice), or of the server (None), the newest
    first."""
    for document in documents.select("parent = ? ORDER BY sort LIMIT ?", f"{owner or SELF}/lel", limit):
        data = document.submitted
        profile, function_set, code = data["profileID"], data["functionSet"], data["logEventCode"]
        yield {
            "created_at": data["createdDateTime"],
            "profile": logevents.profile(profile),
            "function_set": logevents.function_set(profile, function_set),
            "code": code,
            "event": logevents.event(profile, function_set, code, data["logEventID"]),
            "details": data.get("details", ""),
            "extended_data": data.get("extendedData"),
            "pen": data["logEventPEN"],
            "log_event_id": data["logEventID"],
            "log_event": document.href,
        }
