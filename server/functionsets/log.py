"""LogEvent: only the newest of each device are stored (IEEE 2030.5-2018, 9.6)."""
from __future__ import annotations

from server.config import settings
from server.models import Document
from server.resources import store, table
from server.resources.hooks import Change, after


@after("POST", "LogEvent")
def _remove_oldest(change: Change) -> None:
    list_href = table.parent(change.href)
    older = Document.select(Document.href).where(Document.parent == list_href).order_by(
        Document.sort.desc()).offset(settings.log_events)
    for document in list(older):
        store.remove(document.href)
