"""Messaging: the checks of a TextMessage (IEEE 2030.5-2018, 10.6)."""
from __future__ import annotations

from server.errors import Refused
from server.resources.codes import MessagePriority
from server.resources.hooks import Change, before


@before("POST", "TextMessage")
def _check_priority(change: Change) -> None:
    priority = change.data["priority"]
    if priority not in [*MessagePriority]:
        raise Refused(400, f"TextMessage/priority: {priority} is reserved; 0 to {max(MessagePriority):d} are "
                           "possible")
