"""How a document is rendered and written. Only `store` calls this, inside its transactions."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from server import clock
from server.errors import Refused
from server.models import Document
from server.resources import (codec, documents, events, hooks, links, ordering, pollrates, schema, sql, table,
                              visibility)
from server.resources.codes import EventStatus
from server.resources.visibility import TimedState

Data = dict[str, Any]
Period = tuple[int, int]


def save(
    kind: str,
    href: str,
    above: str,
    audience: str,
    stated: Data | None,
    standing: TimedState | None = None,
    compare: bool = False,
    check: bool = False,
) -> bool:
    """Render and write a document; with `compare` only if that changes anything; whether it did. With `check`
    it is refused (400) where it is not valid, since nobody has looked at it yet.

    An event is written as scheduled, and judged with its neighbours afterwards.
    """
    data = stated if stated is not None else blank(kind)
    place = ordering.list_position(kind, href, data)
    ruled = pollrates.overrides(kind, audience)
    if standing is None:
        standing = _timed_state(kind, data, place)
    if standing.status is not None:
        ruled["EventStatus"] = standing.status
    extra = {**_links(kind, href), **pollrates.defaults(kind, audience)}
    try:
        body, body_2023 = codec.fragments(kind, links.complete(kind, href, data, extra, ruled))
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(400, str(error)) from None
    if check:
        codec.check(kind, body_2023 or body)
    values = {
        "href": href,
        "kind": kind,
        "parent": above,
        "audience": audience,
        "submitted": Document.submitted.db_value(stated),
        "body": body,
        "body_2023": body_2023,
        "mrid": place.mrid,
        "sort": place.sort,
        "at": place.at,
        "until": place.until,
        "visibility": standing.visibility,
        "fresh_until": standing.fresh_until,
        "status": Document.status.db_value(standing.status),
    }
    if compare and documents.same(values):
        return False
    documents.write(values)
    return True


def _timed_state(kind: str, data: Data, place: ordering.ListPosition) -> TimedState:
    if links.is_event(kind):
        now = clock.now()
        return TimedState(Document.LISTED, now, {"currentStatus": EventStatus.SCHEDULED, "dateTime": now,
                                               "potentiallySuperseded": False})
    if place.until is None:
        return TimedState(Document.LISTED, None)
    return visibility.interval_state(data["interval"]["start"], place.until, clock.now())


def rerender(href: str) -> bool:
    """Render a document again from what was said, an event with the status it has; whether anything
    changed."""
    found = documents.one("href = ?", href)
    if found is None:
        return False
    judged = None if found.status is None else TimedState(found.visibility, found.fresh_until, found.status)
    return save(found.kind, href, found.parent, found.audience, found.submitted, judged, compare=True)


def reevaluate(list_href: str, periods: Iterable[Period] | None = None) -> bool:
    """Find the status of the events of a list, now: of those that share time with one of these periods,
    directly or through each other, or of all, those that are over included. Render those that it changed;
    whether there were any.

    A final status (cancelled, superseded) becomes part of what is said, since it outlasts the newer event.
    """
    found = {document.href: document for document in _around(list_href, periods)}
    verdicts = events.evaluate_all((events.from_data(document.kind, href, document.submitted)
                                 for href, document in found.items()), clock.now())
    changed = False
    for href, verdict in verdicts.items():
        document = found[href]
        standing = visibility.event_state(
            verdict, (document.submitted.get("EventStatus") or {}).get("reason")
        )
        if periods is not None and (document.visibility, document.fresh_until, document.status) == standing:
            continue
        stated = document.submitted
        if verdict.status in events.FINAL:
            stated = {**stated, "EventStatus": standing.status}
        changed |= save(document.kind, href, list_href, document.audience, stated, standing, compare=True)
    return changed


def _around(list_href: str, periods: Iterable[Period] | None) -> Iterator[Document]:
    if periods is None:
        yield from documents.select(f"parent = ? AND {documents.EVENT}", list_href)
        return
    seen: set[str] = set()
    for period in periods:
        for document in _overlap_group(list_href, *period):
            if document.href not in seen:
                seen.add(document.href)
                yield document


def _overlap_group(list_href: str, start: int, end: int) -> list[Document]:
    """The listed events that share time with [start, end), or with each other on from there."""
    while True:
        found = documents.select(f"parent = ? AND at < ? AND (until > ? OR at = ?) AND {documents.LISTED} "
                                 "AND status IS NOT NULL", list_href, max(end, start + 1), start, start)
        periods = [(start, end), *(links.period(each.submitted) for each in found)]
        wider = min(start for start, _ in periods), max(end for _, end in periods)
        if wider == (start, end):
            return found
        start, end = wider


def _links(kind: str, href: str) -> Data:
    """The derived links of a document, with the counts of the lists they lead to."""
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
            lists[target] = (
                f"{href}/{table.source(link.row).path.rpartition('/')[2]}",
                link.row.of is not None,
            )
    listed = _counts([source for source, active in lists.values() if not active], documents.LISTED)
    started = _counts([source for source, active in lists.values() if active], documents.ACTIVE)
    for target, (source, active) in lists.items():
        counts[target] = (started if active else listed).get(source, 0)
    singles = any(not link.row.is_list for link in below)
    present = {single for single, in sql.rows(
        f"SELECT href FROM document WHERE parent = ? AND {documents.LISTED}", href)} if singles else set()
    return links.links(kind, href, counts, present | {target for target, count in counts.items() if count})


def _counts(lists: list[str], condition: str) -> dict[str, int]:
    if not lists:
        return {}
    return dict(sql.rows(f"SELECT parent, count(*) FROM document WHERE parent IN ({sql.marks(len(lists))}) "
                         f"AND {condition} GROUP BY parent", *lists))


@lru_cache(maxsize=None)
def counted(list_name: str) -> bool:
    """Whether the document above a list counts its items."""
    row = table.rows[list_name]
    owner = next((each for each in table.rows.values() if each.path == table.parent(row.path)), None)
    return owner is not None and any(
        table.source(link.row) is row and not hooks.instead_of("COUNT", link.row.name)
        for link in links.link_rows(owner.name)
        if link.row.is_list
    )


def blank(kind: str) -> Data:
    """The least that a document of this kind may hold: every required element at zero."""
    return _blank(schema.type_spec(kind))


def _blank(plan: schema.TypeSpec) -> Data:
    zero: dict[str, Any] = {"int": 0, "bool": False, "hex": "0", "str": ""}
    data: Data = {}
    for field in (*plan.attributes, *plan.elements):
        if field.required and field.edition != 2023 and field.key != "href":
            value = _blank(field.plan) if field.plan else zero[field.simple.kind]
            data[field.key] = [value] if field.many else value
    return data
