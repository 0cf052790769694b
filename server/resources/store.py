"""The only writer of documents: changes in transactions, and what the passing of time changes.

The consequences of a change (the status of neighbouring events, the counts in links, what hooks do) are
committed with it or not at all. Documents whose links change are rendered once, at the transaction's end.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server import clock
from server.errors import Refused
from server.models import EVERYONE, Document
from server.models.base import CHUNK, chunked
from server.resources import (audiences, creation, documents, hooks, linkcounts, links, numbering, outbox,
                              quotas, render, schema, sql, table, versions)
from server.resources.codes import EventStatus
from server.resources.eventlists import Draft, Period
from server.resources.hooks import Change
from server.resources.reindexing import apply_rates, reindex, render_all
from server.resources.transactions import touch, touch_counts, transaction
from server.units import Href

__all__ = ["INHERIT", "add", "add_all", "add_placeholders", "apply_rates", "cancel", "cancel_all", "discard",
           "find", "get", "items", "post", "put", "put_all", "reevaluate", "reindex", "remove", "render_all",
           "touch", "transaction"]
Data = dict[str, Any]
INHERIT = object()


# --- reading --------------------------------------------------------------------------------------

def get(href: str) -> Document | None:
    """Return the document at an href, whoever may see it; None where there is none."""
    return documents.first("href = ?", href)


def items(list_href: str, ended: bool = False) -> list[Document]:
    """Return the items of a list, in its order; with `ended` also events whose period is over."""
    condition = "" if ended else f" AND {documents.LISTED}"
    return documents.select(f"parent = ?{condition} ORDER BY sort", list_href)


def find(mrid: str, *kinds: str, audience: str | None = None) -> Document | None:
    """Return the document of one of these kinds with this mRID; None where there is none.

    Devices make mRIDs of their own, and two may make the same: give the `audience` (an LFDI) of what they
    write.
    """
    condition = f"mrid = ? AND kind IN ({sql.marks(len(kinds))})"
    values = [schema.hexadecimal(mrid, 32), *kinds]
    if audience is not None:
        condition, values = f"{condition} AND audience = ?", [*values, audience]
    return documents.first(condition, *values)


# --- writing --------------------------------------------------------------------------------------

def post(kind: str, list_href: str, data: Data, audience: Any = INHERIT, caller: Any = None) -> Change:
    """Add an item to a list, or update the one that a `before` hook recognises (then `Change.old` is set).

    Without a caller, which is by the operator, mRID and creationTime are added where the type has them.
    """
    with transaction(list_href):
        if audience is INHERIT:
            audience = audiences.inherited([list_href])[list_href]
        change = Change("POST", kind, "", dict(data), caller=caller, audience=audience, list_href=list_href)
        if caller is None:
            _complete([change], [list_href])
        hooks.run_before(change)
        if not change.href:
            quotas.check_new_item(change, list_href)
            change.href = f"{list_href}/{numbering.next_number(list_href)}"
        _save([change], [list_href])
        return change


def add(kind: str, list_href: str, data: Data, audience: Any = INHERIT, caller: Any = None) -> str:
    """Add an item to a list and return its href."""
    return post(kind, list_href, data, audience, caller).href


def add_all(
    kind: str, items: Iterable[tuple[Href, Data]], audience: Sequence[str] | None = None,
    notes: Sequence[Data] | None = None
) -> list[Href]:
    """Add items to lists, by the operator, as `add` does one by one; return their hrefs.

    `audience` and `notes` (for hooks) are those of each item. All or none. Statements are for CHUNK items at
    once. Not for kinds of which a `before` hook recognises items.
    """
    chosen, hrefs = list(items), []
    with transaction(*(list_href for list_href, _ in chosen)):
        for begin in range(0, len(chosen), CHUNK):
            chunk = slice(begin, begin + CHUNK)
            lists = [list_href for list_href, _ in chosen[chunk]]
            inherited = audiences.inherited(lists) if audience is None else {}
            changes = [Change("POST", kind, "", dict(data), audience=inherited.get(list_href),
                              list_href=list_href)
                       for list_href, data in chosen[chunk]]
            for name, values in (("audience", audience), ("notes", notes)):
                for change, value in zip(changes, values[chunk] if values else (), strict=False):
                    setattr(change, name, value)
            _complete(changes, lists)
            numbers = numbering.next_numbers(lists)
            for change, list_href, number in zip(changes, lists, numbers, strict=True):
                change.href = f"{list_href}/{number}"
                hooks.run_before(change)
            _save(changes, lists)
            hrefs += [change.href for change in changes]
    return hrefs


def _complete(changes: Sequence[Change], lists: Sequence[Href]) -> None:
    """Add mRID and creationTime, where the type has them, to new items of these lists."""
    fields = schema.type_spec(changes[0].kind).by_key
    if "mRID" in fields:
        for change in changes:
            change.data.setdefault("mRID", numbering.new_mrid())
    if "creationTime" in fields:
        creation.complete(changes, lists)


def put(href: str, data: Data, audience: Any = INHERIT, caller: Any = None, kind: str = "") -> Change:
    """Write the document at an href, whether it is there or not. Refused (404) for an href of no resource.

    `kind` is needed where several kinds share the path.
    """
    element = _kind(href)
    with transaction(href):
        old, parent = get(href), table.parent(href)
        change = Change("PUT", old.kind if old else kind or element, href, dict(data),
                        old.submitted if old else None, caller)
        if audience is INHERIT:
            audience = old.audience if old else audiences.inherited([parent])[parent]
        change.audience = audience
        hooks.run_before(change)
        _save([change], [parent])
        return change


def put_all(contents: Mapping[Href, Data]) -> None:
    """Write documents, by the operator, as `put` does one by one. All or none."""
    with transaction(*contents):
        for chunk in chunked(contents, CHUNK):
            stored = {document.href: document for document in documents.among("href", chunk)}
            inherited = audiences.inherited(table.parent(href) for href in chunk if href not in stored)
            of_kind: dict[str, list[Change]] = defaultdict(list)
            for href in chunk:
                old = stored.get(href)
                kind = old.kind if old else _kind(href)
                of_kind[kind].append(Change("PUT", kind, href, dict(contents[href]),
                                            old.submitted if old else None,
                                            audience=old.audience if old else inherited[table.parent(href)]))
            for changes in of_kind.values():
                for change in changes:
                    hooks.run_before(change)
                _save(changes, [table.parent(change.href) for change in changes])


def _kind(href: Href) -> str:
    match = table.match(href)
    if match is None:
        raise Refused(404, f"{href} is not a resource")
    return str(match.row.element)


def add_placeholders(kinds: Mapping[Href, str]) -> None:
    """Add resources (their kinds by href) of which nothing has been submitted yet, so that the links to them
    resolve. Their audience is that of what is above them. What is there stays as it is."""
    if not kinds:
        return
    with transaction(*kinds):
        present = {href for href, in sql.among("SELECT href FROM document WHERE href IN ({})", kinds)}
        missing = [href for href in kinds if href not in present]
        audience = audiences.inherited(map(table.parent, missing))
        render.save([Draft(kinds[href], href, parent, audience[parent], None)
                     for href in missing for parent in [table.parent(href)]])
        touch(*map(table.parent, missing))


def remove(href: str, caller: Any = None) -> None:
    """Remove a document and everything below it. Refused (404) where there is none."""
    with transaction(href):
        document = get(href)
        if document is None:
            raise Refused(404, f"there is no {href}")
        change = Change("DELETE", document.kind, href, document.submitted or {}, document.submitted, caller,
                        document.audience)
        hooks.run_before(change)
        sql.execute("DELETE FROM document WHERE href = ?", href)
        outbox.removed(document)
        name = table.row_name(document.kind, href)
        if name in table.rows and table.children(name):
            sql.execute(f"DELETE FROM document WHERE {sql.below('href')}", *sql.bounds(href))
        _follow([change], [document.parent])
        if links.is_event(change.kind):
            reevaluate(_periods([change], [document.parent]))


def discard(href: str) -> None:
    """Remove a document, which has none below it, because its time is over: nothing else follows from that
    but what its list shows. Does nothing where there is none."""
    with transaction(href):
        document = get(href)
        if document is not None:
            sql.execute("DELETE FROM document WHERE href = ?", href)
            outbox.removed(document)
            _count(href, document.parent)


def cancel(href: str, at: int | None = None, randomized: bool = False, reason: str | None = None) -> None:
    """Cancel an event from an instant on (default: now), with its randomization or without.

    Refused (404) where there is no such event, (409) where it is over.
    """
    cancel_all([href], at, randomized, reason)


def cancel_all(
    hrefs: Iterable[Href], at: int | None = None, randomized: bool = False, reason: str | None = None
) -> None:
    """Cancel events as `cancel` does one by one. All or none."""
    chosen = list(dict.fromkeys(hrefs))
    cancelled = EventStatus.CANCELLED_RANDOMIZED if randomized else EventStatus.CANCELLED
    with transaction(*chosen):
        status = {"currentStatus": cancelled, "dateTime": clock.now() if at is None else at,
                  "potentiallySuperseded": False, **({"reason": reason} if reason else {})}
        for chunk in chunked(chosen, CHUNK):
            stored = {document.href: document for document in documents.among("href", chunk)}
            for href in chunk:
                if href not in stored or not links.is_event(stored[href].kind):
                    raise Refused(404, f"there is not an event {href}")
                if stored[href].visibility == Document.EXPIRED:
                    raise Refused(409, f"{href} is over")
            put_all({href: {**document.submitted, "EventStatus": status}
                     for href, document in stored.items()})


def _save(changes: Sequence[Change], lists: Sequence[Href]) -> None:
    """Write the documents of changes of one kind, below these lists, and carry out the consequences: counts,
    placeholders, hooks, the status of events."""
    kind, by_operator = changes[0].kind, changes[0].caller is None
    versions.count(changes)
    drafts = [Draft(kind, change.href, parent, EVERYONE if change.audience is None else change.audience,
                    change.data) for change, parent in zip(changes, lists, strict=True)]
    if links.is_event(kind):
        render.save_events(drafts, _periods(changes, lists), check=by_operator, bounded=not by_operator)
    else:
        same = {change.href for change in changes if change.old == change.data}
        render.save(drafts, check=by_operator, bounded=not by_operator, same=same)
    add_placeholders({f"{change.href}/{link.step}": link.row.element for change in changes
                      for link in links.link_rows(table.row_name(kind, change.href))
                      if link.required and not link.row.is_list})
    _follow(changes, lists)


def _periods(changes: Iterable[Change], lists: Iterable[Href]) -> dict[Href, list[Period]]:
    """Return the periods in which events begin or end to count, by list."""
    periods: dict[Href, list[Period]] = defaultdict(list)
    for change, list_href in zip(changes, lists, strict=True):
        periods[list_href] += [links.period(data) for data in (change.data, change.old) if data]
    return periods


def _follow(changes: Sequence[Change], lists: Sequence[Href]) -> None:
    """Call the hooks of changes, and see to the documents that count what they add or remove."""
    for change, parent in zip(changes, lists, strict=True):
        if change.method == "DELETE" or change.old is None or links.is_event(change.kind):
            _count(change.href, parent)
        hooks.run_after(change)
    hooks.run_after_all(list(changes))


def _count(href: str, parent: str) -> None:
    """Touch the document with a link to one that was added or removed, or to its list."""
    match = table.match(parent)
    if not table.number(href):
        touch(parent)
    elif match is not None and linkcounts.counted(match.row.name):
        touch_counts(table.parent(parent))


def reevaluate(periods: Mapping[Href, Iterable[Period]]) -> None:
    """Render the events of lists that have changed in these periods, by list, and what shows their number."""
    for list_href in render.reevaluate(periods):
        touch_counts(table.parent(list_href))
