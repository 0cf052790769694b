"""The present state of the events of lists, as the events of each bear upon one another."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from server import clock
from server.models import Document
from server.models.base import CHUNK, chunked
from server.resources import documents, events, links, visibility
from server.resources.events import Event, EventState
from server.resources.visibility import TimedState
from server.units import Href, Instant

Data = dict[str, Any]
Period = tuple[Instant, Instant]
_OVERLAPPING = f"AND at < ? AND (until > ? OR at = ?) AND {documents.LISTED} AND status IS NOT NULL"


class Draft(NamedTuple):
    """What a document is to be made of; the names are those of models.Document."""
    kind: str
    href: Href
    parent: Href
    audience: str
    submitted: Data | None


class Timed(NamedTuple):
    """A draft, its state at present, and the document that is stored, where it may be the same."""
    draft: Draft
    state: TimedState | None
    stored: Document | None = None


def evaluate(periods: Mapping[Href, Iterable[Period]], drafts: Iterable[Draft] = ()) -> Iterator[Timed]:
    """Yield these drafts of events with their states, and the stored events whose state has changed.

    Looks at the events of each list that share time with one of its `periods`, directly or through each
    other. A draft stands for the stored event with its href.
    """
    drafts_of: dict[Href, dict[Href, Draft]] = defaultdict(dict)
    for draft in drafts:
        drafts_of[draft.parent][draft.href] = draft
    for chunk in chunked(periods, CHUNK):
        for list_href, neighbours in _neighbours({href: periods[href] for href in chunk}).items():
            yield from _evaluate(neighbours, drafts_of[list_href])


def evaluate_list(list_href: Href) -> Iterator[Timed]:
    """Yield every event of a list, also those that are over."""
    yield from _evaluate(documents.select(f"parent = ? AND {documents.EVENT}", list_href), {}, all_of_it=True)


def _evaluate(
    stored: Iterable[Document], drafts: Mapping[Href, Draft], all_of_it: bool = False
) -> Iterator[Timed]:
    """A final status (cancelled, superseded) becomes part of the submitted data, since it outlasts the newer
    event."""
    document_of = {document.href: document for document in stored}
    sources: dict[Href, Document | Draft] = {**document_of, **drafts}
    states = _states([events.from_data(source.kind, href, source.submitted or {})
                      for href, source in sources.items()])
    for href, event_state in states.items():
        source, document = sources[href], None if href in drafts else document_of[href]
        submitted = source.submitted or {}
        state = visibility.event_state(event_state, (submitted.get("EventStatus") or {}).get("reason"))
        if document is not None and not all_of_it and (
                document.visibility, document.fresh_until, document.status) == state:
            continue
        if event_state.status in events.FINAL:
            submitted = {**submitted, "EventStatus": state.status}
        yield Timed(Draft(source.kind, href, source.parent, source.audience, submitted), state, document)


def _states(of_list: Sequence[Event]) -> dict[Href, EventState]:
    """Return the state of each event of one list at present."""
    if len(of_list) != 1:
        return events.evaluate_all(of_list, clock.now())
    event, = of_list
    return {event.key: _state_alone(tuple(vars(event).values())[2:], clock.now())}  # all but key and mRID


@lru_cache(maxsize=1024)
def _state_alone(timing: tuple[Any, ...], now: Instant) -> EventState:
    """Return the state of an event that no other is near: that of each of many, where they get one each."""
    state, = events.evaluate_all([Event("", "0", *timing)], now).values()
    return state


def _neighbours(periods: Mapping[Href, Iterable[Period]]) -> dict[Href, list[Document]]:
    """Return, by list, the listed events that share time with one of its periods, directly or through each
    other; besides them others, with all that these share time with."""
    every = [period for of_list in periods.values() for period in of_list]
    if not every:
        return {}
    window = _widest(every)
    found: dict[Href, list[Document]] = {}
    pending = dict.fromkeys(periods, window)
    while pending:
        lists_of: dict[Period, list[Href]] = defaultdict(list)
        for list_href, window in pending.items():
            lists_of[window].append(list_href)
            found[list_href] = []
        for (start, end), lists in lists_of.items():
            for document in documents.among("parent", lists, _OVERLAPPING, max(end, start + 1), start, start):
                found[document.parent].append(document)
        wider = {list_href: _widest([window, *(links.period(document.submitted)
                                               for document in found[list_href])])
                 for list_href, window in pending.items()}
        pending = {list_href: wider[list_href] for list_href, window in pending.items()
                   if wider[list_href] != window}
    return found


def _widest(periods: Iterable[Period]) -> Period:
    # one of no length counts for the second in which it begins
    starts, ends = zip(*((start, max(end, start + 1)) for start, end in periods), strict=True)
    return min(starts), max(ends)
