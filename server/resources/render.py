"""Rendering: from submitted data to the row of a document. Only `store` calls this, in its transactions."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from server import clock
from server.errors import Refused
from server.models import Document
from server.resources import (codec, documents, events, hooks, links, ordering, pollrates, quotas, schema,
                              sql, table, visibility)
from server.resources.codes import EventStatus
from server.resources.visibility import TimedState
from server.units import Instant

Data = dict[str, Any]
Period = tuple[Instant, Instant]


def save(
    kind: str,
    href: str,
    parent: str,
    audience: str,
    submitted: Data | None,
    state: TimedState | None = None,
    compare: bool = False,
    check: bool = False,
    bounded: bool = False,
) -> bool:
    """Render a document and write its row; return whether the row is new or changed.

    With `compare` an unchanged row is not written. With `check` an invalid document is refused (400), since
    nobody has validated the data yet; with `bounded` its bytes count on the quota of a device. An event
    without `state` is written as scheduled; its status is found with its neighbours afterwards, see
    `reevaluate`.
    """
    data = submitted if submitted is not None else blank(kind)
    position = ordering.list_position(kind, href, data)
    overrides = pollrates.overrides(kind, audience)
    if state is None:
        state = _timed_state(kind, data, position)
    if state.status is not None:
        overrides["EventStatus"] = state.status
    defaults = {**_links(kind, href), **pollrates.defaults(kind, audience)}
    try:
        body, body_2023 = codec.fragments(kind, links.complete(kind, href, data, defaults, overrides))
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(400, str(error)) from None
    if check:
        codec.check(kind, body_2023 or body)
    text = Document.submitted.db_value(submitted)
    if bounded:
        quotas.check_bytes(audience, href, len(text or ""))
    values = {
        "href": href,
        "kind": kind,
        "parent": parent,
        "audience": audience,
        "submitted": text,
        "body": body,
        "body_2023": body_2023,
        "mrid": position.mrid,
        "sort": position.sort,
        "at": position.at,
        "until": position.until,
        "visibility": state.visibility,
        "fresh_until": state.fresh_until,
        "status": Document.status.db_value(state.status),
    }
    if compare and documents.is_stored(values):
        return False
    documents.write(values)
    return True


def _timed_state(kind: str, data: Data, position: ordering.ListPosition) -> TimedState:
    if links.is_event(kind):
        now = clock.now()
        status = {"currentStatus": EventStatus.SCHEDULED, "dateTime": now, "potentiallySuperseded": False}
        return TimedState(Document.LISTED, now, status)
    if position.until is None:
        return TimedState(Document.LISTED, None)
    return visibility.interval_state(data["interval"]["start"], position.until, clock.now())


def rerender(href: str) -> bool:
    """Render a document again, an event with the status that it has; return whether that changed it."""
    document = documents.first("href = ?", href)
    if document is None:
        return False
    state = None
    if document.status is not None:
        state = TimedState(document.visibility, document.fresh_until, document.status)
    return save(document.kind, href, document.parent, document.audience, document.submitted, state,
                compare=True)


def reevaluate(list_href: str, periods: Iterable[Period] | None = None) -> bool:
    """Find the present status of the events of a list and render those that it changes.

    Looks at the events that share time with one of these periods, directly or through each other; without
    `periods` at all of them, also those that are over. A final status (cancelled, superseded) becomes part of
    the submitted data, since it outlasts the newer event. Returns whether a document changed.
    """
    document_of = {document.href: document for document in _neighbours(list_href, periods)}
    states = events.evaluate_all((events.from_data(document.kind, href, document.submitted)
                                  for href, document in document_of.items()), clock.now())
    changed = False
    for href, event_state in states.items():
        document = document_of[href]
        reason = (document.submitted.get("EventStatus") or {}).get("reason")
        state = visibility.event_state(event_state, reason)
        if periods is not None and (document.visibility, document.fresh_until, document.status) == state:
            continue
        submitted = document.submitted
        if event_state.status in events.FINAL:
            submitted = {**submitted, "EventStatus": state.status}
        changed |= save(document.kind, href, list_href, document.audience, submitted, state, compare=True)
    return changed


def _neighbours(list_href: str, periods: Iterable[Period] | None) -> Iterator[Document]:
    if periods is None:
        yield from documents.select(f"parent = ? AND {documents.EVENT}", list_href)
        return
    hrefs: set[str] = set()
    for period in periods:
        for document in _overlap_group(list_href, *period):
            if document.href not in hrefs:
                hrefs.add(document.href)
                yield document


def _overlap_group(list_href: str, start: Instant, end: Instant) -> list[Document]:
    """Return the listed events that share time with [start, end), directly or through each other."""
    while True:
        group = documents.select(f"parent = ? AND at < ? AND (until > ? OR at = ?) AND {documents.LISTED} "
                                 "AND status IS NOT NULL", list_href, max(end, start + 1), start, start)
        periods = [(start, end), *(links.period(document.submitted) for document in group)]
        wider = min(start for start, _ in periods), max(end for _, end in periods)
        if wider == (start, end):
            return group
        start, end = wider


def _links(kind: str, href: str) -> Data:
    """Return the links of a document, with the counts of the lists that they lead to."""
    below = links.link_rows(kind)
    if not below:
        return {}
    counts: dict[str, int | None] = {}
    lists = {}
    for link in below:
        counter, target = hooks.instead_of("COUNT", link.row.name), f"{href}/{link.step}"
        if counter:
            counts[target] = counter(target)
        elif link.row.is_list:
            source = f"{href}/{table.source(link.row).path.rpartition('/')[2]}"
            lists[target] = source, link.row.of is not None
    listed = _counts([source for source, active in lists.values() if not active], documents.LISTED)
    started = _counts([source for source, active in lists.values() if active], documents.ACTIVE)
    for target, (source, active) in lists.items():
        counts[target] = (started if active else listed).get(source, 0)
    present = {target for target, count in counts.items() if count}
    if any(not link.row.is_list for link in below):
        present |= {single for single, in sql.rows(
            f"SELECT href FROM document WHERE parent = ? AND {documents.LISTED}", href)}
    return links.links(kind, href, counts, present)


def _counts(lists: list[str], condition: str) -> dict[str, int]:
    if not lists:
        return {}
    return dict(sql.rows(f"SELECT parent, count(*) FROM document WHERE parent IN ({sql.marks(len(lists))}) "
                         f"AND {condition} GROUP BY parent", *lists))


@lru_cache(maxsize=None)
def counted(list_name: str) -> bool:
    """Return whether the document above a list has a link with the number of its items."""
    row = table.rows[list_name]
    owner = next((other for other in table.rows.values() if other.path == table.parent(row.path)), None)
    return owner is not None and any(
        table.source(link.row) is row and not hooks.instead_of("COUNT", link.row.name)
        for link in links.link_rows(owner.name)
        if link.row.is_list
    )


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
