"""Rendering: from submitted data to the rows of documents. For `store` and `reindexing` alone, in their
transactions."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from server import clock
from server.errors import Refused
from server.models import Document
from server.models.base import CHUNK, chunked
from server.resources import (bulkcodec, codec, documents, editions, eventlists, eventnotes, events, hooks,
                              linkcounts, links, ordering, outbox, pollrates, profiles, quotas, schema, sql,
                              subscribability, table, visibility)
from server.resources.eventlists import Draft, Period, Timed
from server.resources.hooks import Derived
from server.resources.variants import WHOLE, Variant
from server.resources.visibility import TimedState
from server.units import Href, Instant

Data = dict[str, Any]


class Rendered(NamedTuple):
    """A body, the instant at which time changes it beside the status of the document (None for none), and
    whether other variants may have another."""
    body: bytes
    until: Instant | None
    specific: bool


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


def recount(hrefs: Iterable[Href]) -> None:
    """Write the numbers of items that links of these documents state, after lists below have changed.

    The rest of a body stays as it is, unless a link comes or goes, or more is derived. It is no change to
    subscribers. What is not there any more is left out.
    """
    for chunk in chunked(dict.fromkeys(hrefs), CHUNK):
        stored = {href: (kind, bytes(body)) for href, kind, body in sql.among(
            "SELECT href, kind, body FROM document WHERE href IN ({})", chunk)}
        links_of = linkcounts.links_of({href: kind for href, (kind, _) in stored.items()},
                                       profiles.default())
        counted = {href: None if hooks.is_derived(kind) else linkcounts.counted_anew(
            kind, body, links_of[href], profiles.default()) for href, (kind, body) in stored.items()}
        documents.write_bodies({href: body for href, body in counted.items()
                                if body is not None and body != stored[href][1]})
        rerender(href for href, body in counted.items() if body is None)


def _write(
    timed: list[Timed], check: bool = False, bounded: bool = False, same: Container[Href] = ()
) -> list[Href]:
    """Render and write what is new or has changed; return the hrefs."""
    links_of = linkcounts.links_of({draft.href: draft.kind for draft, _, _ in timed}, profiles.default())
    derived = derive((draft.kind, draft.href, draft.submitted) for draft, _, _ in timed)
    writers = {kind: bulkcodec.Writer(kind) for kind in {draft.kind for draft, _, _ in timed}}
    changed: list[tuple[Data, Document | None]] = []
    unchecked: dict[str, list[bytes]] = defaultdict(list)
    now = clock.now()
    for draft, state, stored in timed:
        writer = writers[draft.kind]
        values, data, specific = _row(draft, links_of[draft.href], state, writer, now,
                                      derived.get(draft.href))
        if stored is None and bounded:
            text = Document.submitted.db_value(draft.submitted)
            quotas.check_bytes(draft.audience, draft.href, len(text or ""))
        if stored is None or documents.differs(stored, values):
            changed.append((values, stored))
        if stored is None and check:
            whole = writer.written(data, WHOLE)[0] if specific else values["body"]
            unchecked[draft.kind].append(whole)
    for kind, fragments in unchecked.items():
        bulkcodec.check_all(kind, fragments)
    for values, stored in changed:
        eventnotes.written(values, stored)
        if values["href"] not in same:
            outbox.written(values, stored)
    if changed:
        documents.write([values for values, _ in changed])
    return [values["href"] for values, _ in changed]


def derive(submitted: Iterable[tuple[str, Href, Data | None]]) -> dict[Href, Derived]:
    """Return what hooks derive of documents (kind, href and what was submitted), by href; those of which they
    derive nothing are left out."""
    by_kind: dict[str, dict[Href, Data | None]] = defaultdict(dict)
    for kind, href, data in submitted:
        by_kind[kind][href] = data
    return {href: of_href for kind, of_kind in by_kind.items()
            for href, of_href in hooks.derive(kind, of_kind).items()}


def _row(draft: Draft, links_of: Data, state: TimedState | None, writer: bulkcodec.Writer, now: Instant,
         derived: Derived | None = None) -> tuple[Data, Data, bool]:
    """Return the values of all columns, what is served as data, and whether other variants have another
    body."""
    kind, href, _, audience, submitted = draft
    data = submitted if submitted is not None else blank(kind)
    position = ordering.list_position(kind, href, data)
    if state is None:
        state = _timed_state(data, position, now)
    if derived is not None and (derived.fresh_until is not None or not derived.served):
        shown = state.visibility if derived.served else Document.WITHDRAWN
        state = TimedState(shown, derived.fresh_until)
    served = _served(draft, data, links_of, state.status, derived)
    rendered = _body(kind, data, served, profiles.default(), writer, now)
    fresh_until = min((instant for instant in (state.fresh_until, rendered.until) if instant is not None),
                      default=None)
    return {
        "href": href,
        "kind": kind,
        "parent": draft.parent,
        "audience": audience,
        "submitted": submitted,
        "body": rendered.body,
        "mrid": position.mrid,
        "sort": position.sort,
        "at": position.at,
        "until": position.until,
        "visibility": state.visibility,
        "fresh_until": fresh_until,
        "status": state.status,
    }, served, rendered.specific


def _served(
    draft: Draft, data: Data, links_of: Data, status: Data | None, derived: Derived | None = None
) -> Data:
    """Return what is served, as data of every edition: what was submitted, completed by the server."""
    kind, audience = draft.kind, draft.audience
    overrides = {**pollrates.overrides(kind, audience), **subscribability.attribute(kind)}
    if derived is not None:
        overrides |= derived.overrides
    if status is not None:
        overrides["EventStatus"] = status
    defaults = {**links_of, **pollrates.defaults(kind, audience)}
    return links.complete(kind, draft.href, data, defaults, overrides)


def _body(
    kind: str, data: Data, served: Data, variant: Variant, writer: bulkcodec.Writer, now: Instant
) -> Rendered:
    """Return the body of a document in a variant."""
    until, changed = None, False
    if variant.edition == 2023 and "EventStatus" in served and links.is_event(kind):
        event = events.from_data(kind, "", data)
        status, until = visibility.status_of_2023(event, served["EventStatus"], now)
        served, changed = {**served, "EventStatus": status}, True
    reword = editions.REWORDED.get((kind, variant.edition))
    if reword is not None:
        served, changed = reword(served), True
    try:
        body, specific = writer.written(served, variant)
        return Rendered(body, until, specific or changed)
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(400, str(error)) from None


def check(document: Document) -> None:
    """Validate a stored document. Refused (400)."""
    links_of = linkcounts.links_of({document.href: document.kind}, WHOLE)[document.href]
    writer = bulkcodec.Writer(document.kind)
    codec.check(document.kind, in_variant(document, links_of, None, WHOLE, writer, clock.now()).body)


def in_variant(
    document: Document, links_of: Data, derived: Derived | None, variant: Variant, writer: bulkcodec.Writer,
    now: Instant
) -> Rendered:
    """Return the body of a stored document in a variant, with these links and what hooks derive of it."""
    draft = Draft(document.kind, document.href, document.parent, document.audience, document.submitted)
    data = document.submitted if document.submitted is not None else blank(document.kind)
    served = _served(draft, data, links_of, document.status, derived)
    return _body(document.kind, data, served, variant, writer, now)


def _timed_state(data: Data, position: ordering.ListPosition, now: Instant) -> TimedState:
    if position.until is None:
        return TimedState(Document.LISTED, None)
    return visibility.interval_state(data["interval"]["start"], position.until, now)


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
