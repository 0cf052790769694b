"""LogEvent: codes are checked, and only the newest of each device are stored (IEEE 2030.5-2018, 9.6)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server import clock
from server.config import settings
from server.errors import Refused
from server.models import Document
from server.resources import store, table
from server.resources.codes import LogFunctionSet, LogProfile
from server.resources.hooks import Change, after, before
from server.resources.meterreadings import CLOCK_TOLERANCE_S


@before("POST", "LogEvent")
@before("PUT", "LogEvent")
def _check(change: Change) -> None:
    for path, fault in _faults(change.data):
        raise Refused(400, f"LogEvent/{path}: {fault}")


def _faults(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the codes of a LogEvent, with the element. Pure.

    Which enterprise number events of the standard have is not checked but for 0, which is nobody's: clients
    in the field have that of the standard (40732) or their own.
    """
    profile = data["profileID"]
    if profile not in [*LogProfile]:
        yield "profileID", f"{profile} is reserved"
    if profile == LogProfile.IEEE_2030_5:
        if data["functionSet"] not in [*LogFunctionSet]:
            yield "functionSet", f"{data['functionSet']} is none of IEEE 2030.5, which profileID names"
        if not data["logEventPEN"]:
            yield "logEventPEN", "0 is nobody's enterprise number"


@after("POST", "LogEvent")
def _remove_oldest(change: Change) -> None:
    """Remove what is too much: what is dated ahead first, as of a clock that is not set, then the oldest."""
    list_href = table.parent(change.href)
    older = Document.select(Document.href).where(Document.parent == list_href).order_by(
        Document.at > clock.now() + CLOCK_TOLERANCE_S, Document.sort).offset(settings.log_events)
    for document in list(older):
        store.remove(document.href)
