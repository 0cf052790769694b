"""When new items of a list were created.

Of two events that overlap, the one that was created later is the newer (IEEE 2030.5-2018, 10.2), whatever
the clock did in between, and a client compares creationTime alone, in whole seconds. So the creationTime of
an event is at least a second after that of every other with which it competes. Where that is ahead of the
clock the event counts from its publication all the same (PUBLISHED); the rest may share a second.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from server import clock
from server.resources import documents, events, links, numbering
from server.resources.events import Event
from server.resources.hooks import Change
from server.resources.schema import PUBLISHED
from server.units import Href

Data = dict[str, Any]
_OVERLAPPING = f"AND at < ? AND until > ? AND {documents.LISTED} AND status IS NOT NULL"


def complete(changes: Sequence[Change], lists: Sequence[Href]) -> None:
    """Add creationTime to new items of these lists, all of one kind, where they have none."""
    new: dict[Href, list[Data]] = defaultdict(list)
    for change, list_href in zip(changes, lists, strict=True):
        if "creationTime" not in change.data:
            new[list_href].append(change.data)
    created, now, are_events = numbering.created_at(new), clock.now(), changes[0].kind in events.KINDS
    for list_href, of_list in new.items():
        for data in of_list:
            data["creationTime"] = now if are_events else created[list_href].instant
    if are_events:
        _separate(changes[0].kind, {list_href: of_list for list_href, of_list in new.items()
                                    if created[list_href].shared or len(of_list) > 1})


def _separate(kind: str, new: dict[Href, list[Data]]) -> None:
    """Let new events be created after those of their list with which they compete."""
    if not new:
        return
    competing = _competing(kind, new)
    for list_href, of_list in new.items():
        for data in of_list:
            event = events.from_data(kind, "", data)
            last = max((other.created for other in competing[list_href] if events.overlap(event, other)),
                       default=event.created - 1)
            if last >= event.created:
                data |= {"creationTime": last + 1, PUBLISHED: event.created}
            competing[list_href].append(events.from_data(kind, "", data))
    numbering.note_created({list_href: max(data["creationTime"] for data in of_list)
                            for list_href, of_list in new.items()})


def _competing(kind: str, new: dict[Href, list[Data]]) -> dict[Href, list[Event]]:
    """Return the events of each list that may share time with new ones."""
    starts, ends = zip(*(links.period(data) for of_list in new.values() for data in of_list), strict=True)
    competing: dict[Href, list[Event]] = defaultdict(list)
    for document in documents.among("parent", new, _OVERLAPPING, max(ends), min(starts)):
        competing[document.parent].append(events.from_data(kind, document.href, document.submitted))
    return competing
