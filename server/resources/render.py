"""Rendering: from submitted data to the rows of documents. For `store` and `reindexing` alone, in their
transactions."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any

from server import clock
from server.errors import Refused
from server.models import Document
from server.models.base import CHUNK, chunked
from server.resources import (bulkcodec, documents, eventlists, hooks, linkcounts, links, ordering, outbox,
                              pollrates, quotas, schema, subscribability, table, visibility)
from server.resources.eventlists import Draft, Period, Timed
from server.resources.hooks import Derived
from server.resources.visibility import TimedState
from server.units import Href

Data = dict[str, Any]


def save(
    drafts: Iterable[Draft], check: bool = False, bounded: bool = False, same: Container[Href] = ()
) -> None:
    """Render documents and write their rows. No draft is an event: see `save_events`.

    With `check` an invalid document is refused (400), since nobody has validated the data yet; with `bounded`
    its bytes count on the quota of a device. Those that are the `same` as before are no change to
    subscribers.
    """
    _write([Timed(draft, None) for draft in drafts], check, bounded, same)


def save_events(
    drafts: Iterable[Draft], periods: Mapping[Href, Iterable[Period]], check: bool = False,
    bounded: bool = False
) -> None:
    """Render events and write their rows, and those of other events whose state they change.

    `periods` are those in which the lists of the drafts change.
    """
    _write(list(eventlists.evaluate(periods, drafts)), check, bounded)


def reevaluate(periods: Mapping[Href, Iterable[Period]]) -> set[Href]:
    """Render the events of lists whose state is another now; return the lists of which there are some.

    Looks at those that share time with the periods of a list, directly or through each other.
    """
    return {table.parent(href) for href in _write(list(eventlists.evaluate(periods)))}


def reevaluate_list(list_href: Href) -> int:
    """Render every event of a list, also those that are over; return how many of them have changed."""
    return len(_write(list(eventlists.evaluate_list(list_href))))


def rerender(hrefs: Iterable[Href]) -> list[Href]:
    """Render documents again, events with the status that they have; return the hrefs of those that
    changed. What is not there any more is left out."""
    changed = []
    for chunk in chunked(dict.fromkeys(hrefs), CHUNK):
        changed += _write([
            Timed(Draft(document.kind, document.href, document.parent, document.audience, document.submitted),
                  None if document.status is None and document.visibility != Document.WITHDRAWN
                  else TimedState(document.visibility, document.fresh_until, document.status), document)
            for document in documents.among("href", chunk)])
    return changed


def _write(
    timed: list[Timed], check: bool = False, bounded: bool = False, same: Container[Href] = ()
) -> list[Href]:
    """Render and write what is new or has changed; return the hrefs."""
    links_of = linkcounts.links_of({draft.href: draft.kind for draft, _, _ in timed})
    derived = _derive(timed)
    writers = {kind: bulkcodec.Writer(kind) for kind in {draft.kind for draft, _, _ in timed}}
    changed: list[tuple[Data, Document | None]] = []
    for draft, state, stored in timed:
        values = _row(draft, links_of[draft.href], state, writers[draft.kind], derived.get(draft.href))
        if stored is None and bounded:
            text = Document.submitted.db_value(draft.submitted)
            quotas.check_bytes(draft.audience, draft.href, len(text or ""))
        if stored is None or documents.differs(stored, values):
            changed.append((values, stored))
    if check:
        _check([values for values, stored in changed if stored is None])
    for values, stored in changed:
        if values["href"] not in same:
            outbox.written(values, stored)
    if changed:
        documents.write([values for values, _ in changed])
    return [values["href"] for values, _ in changed]


def _derive(timed: Iterable[Timed]) -> dict[Href, Derived]:
    """Return what hooks derive of these documents, by href; those of which they derive nothing are left
    out."""
    submitted: dict[str, dict[Href, Data | None]] = defaultdict(dict)
    for draft, _, _ in timed:
        submitted[draft.kind][draft.href] = draft.submitted
    return {href: of_href for kind, of_kind in submitted.items()
            for href, of_href in hooks.derive(kind, of_kind).items()}


def _check(new: Iterable[Data]) -> None:
    """Refuse (400) invalid documents, by the values of all their columns."""
    fragments: dict[str, list[bytes]] = defaultdict(list)
    for values in new:
        fragments[values["kind"]].append(values["body_2023"] or values["body"])
    for kind, of_kind in fragments.items():
        bulkcodec.check_all(kind, of_kind)


def _row(draft: Draft, links_of: Data, state: TimedState | None, writer: bulkcodec.Writer,
         derived: Derived | None = None) -> Data:
    """Return the values of all columns."""
    kind, href, _, audience, submitted = draft
    data = submitted if submitted is not None else blank(kind)
    position = ordering.list_position(kind, href, data)
    overrides = {**pollrates.overrides(kind, audience), **subscribability.attribute(kind)}
    if state is None:
        state = _timed_state(data, position)
    if derived is not None:
        overrides |= derived.overrides
        if derived.fresh_until is not None or not derived.served:
            shown = state.visibility if derived.served else Document.WITHDRAWN
            state = TimedState(shown, derived.fresh_until)
    if state.status is not None:
        overrides["EventStatus"] = state.status
    defaults = {**links_of, **pollrates.defaults(kind, audience)}
    try:
        body, body_2023 = writer.fragments(links.complete(kind, href, data, defaults, overrides))
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(400, str(error)) from None
    return {
        "href": href,
        "kind": kind,
        "parent": draft.parent,
        "audience": audience,
        "submitted": submitted,
        "body": body,
        "body_2023": body_2023,
        "mrid": position.mrid,
        "sort": position.sort,
        "at": position.at,
        "until": position.until,
        "visibility": state.visibility,
        "fresh_until": state.fresh_until,
        "status": state.status,
    }


def _timed_state(data: Data, position: ordering.ListPosition) -> TimedState:
    if position.until is None:
        return TimedState(Document.LISTED, None)
    return visibility.interval_state(data["interval"]["start"], position.until, clock.now())


def blank(kind: str) -> Data:
    """Return the least that a document of this kind may contain: every required element at zero."""
    return _blank(schema.type_spec(kind))


def _blank(spec: schema.TypeSpec) -> Data:
    zero: dict[str, Any] = {"int": 0, "bool": False, "hex": "0", "str": ""}
    data: Data = {}
    for field in (*spec.attributes, *spec.elements):
        if field.required and field.edition != 2023 and field.key != "href":
            value = _blank(field.spec) if field.spec else zero[field.simple.kind]
            data[field.key] = [value] if field.many else value
    return data
