"""The events of many virtual DERs, read some virtual DERs at a time."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from server import scopes
from server.grid.groups import virtualders
from server.models import Document, VirtualDER, pages
from server.resources import documents, refresh
from server.resources.codes import EventStatus
from server.units import Href


def of(
    vder: str | int | VirtualDER | None, list_of: Callable[[VirtualDER], Href], ended: bool
) -> Iterator[tuple[VirtualDER, Document]]:
    """Return the events in a list of a virtual DER, or of all, each with its virtual DER, in the order of the
    lists. Those that are over are included with `ended`. Refused (404) where there is no such virtual DER."""
    query = scopes.vders(VirtualDER.select())
    if vder is not None:
        query = query.where(VirtualDER.id == virtualders.find(vder).id)
    return _read(query, list_of, "" if ended else f"AND {documents.LISTED}")


def live(hrefs: Iterable[Href]) -> list[Document]:
    """Return those of these events that are scheduled or active."""
    return [document for document in documents.among("href", hrefs, f"AND {documents.LISTED}")
            if document.status["currentStatus"] <= EventStatus.ACTIVE]


def _read(
    query: pages.Query, list_of: Callable[[VirtualDER], Href], condition: str
) -> Iterator[tuple[VirtualDER, Document]]:
    for page in pages.rows(query, VirtualDER.id):
        lists = [list_of(owner) for owner in page]
        refresh.freshen(lists)
        events: dict[Href, list[Document]] = defaultdict(list)
        for document in documents.among("parent", lists, f"{condition} ORDER BY sort"):
            events[document.parent].append(document)
        for owner, href in zip(page, lists, strict=True):
            yield from ((owner, event) for event in events[href])
