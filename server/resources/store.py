"""The only writer of documents: changes in transactions, and what the passing of time changes.

The consequences of a change (the status of neighbouring events, the counts in links, what hooks do) are
committed with it or not at all. Documents whose links change are rendered once, at the transaction's end.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from peewee import chunked

from server import clock
from server.errors import Refused
from server.models import EVERYONE, Document, KeyValue
from server.models.base import CHUNK
from server.resources import (audiences, documents, hooks, linkcounts, links, numbering, quotas, render,
                              schema, sql, table)
from server.resources.codes import EventStatus
from server.resources.eventlists import Draft, Period
from server.resources.hooks import Change
from server.resources.transactions import batch, run_after_all, touch, transaction
from server.units import Href

__all__ = ["INHERIT", "add", "add_all", "add_placeholder", "apply_rates", "batch", "cancel", "discard",
           "find", "get", "items", "post", "put", "reevaluate", "reindex", "remove", "touch", "transaction"]
Data = dict[str, Any]
INHERIT = object()


# --- reading --------------------------------------------------------------------------------------

def get(href: str) -> Document | None:
    """Return the document at an href, whoever may see it; None where there is none."""
    return documents.first("href = ?", href)


def items(list_href: str, ended: bool = False) -> list[Document]:
    """Return the items of a list, in its order; with `ended` also events whose period is over."""
    return documents.select(
        "parent = ?" + ("" if ended else f" AND {documents.LISTED}") + " ORDER BY sort", list_href
    )


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
        change = Change("POST", kind, "", dict(data), caller=caller, audience=audience)
        if caller is None:
            _complete([change], [list_href])
        hooks.run_before(change)
        if not change.href:
            quotas.check_new_item(change, list_href)
            change.href = f"{list_href}/{numbering.next_number(list_href)}"
        _save([change], list_href)
        return change


def add(kind: str, list_href: str, data: Data, audience: Any = INHERIT, caller: Any = None) -> str:
    """Add an item to a list and return its href."""
    return post(kind, list_href, data, audience, caller).href


def add_all(kind: str, items: Iterable[tuple[Href, Data]], audience: Any = INHERIT) -> list[Href]:
    """Add items to lists, by the operator, as `add` does one by one; return their hrefs.

    All or none. Statements are for CHUNK items at once. Not for kinds of which a `before` hook recognises items.
    """
    chosen, hrefs = list(items), []
    with transaction(*(list_href for list_href, _ in chosen)):
        for chunk in chunked(chosen, CHUNK):
            lists = [list_href for list_href, _ in chunk]
            audience_of = (audiences.inherited(lists) if audience is INHERIT
                           else dict.fromkeys(lists, audience))
            changes = [Change("POST", kind, "", dict(data), audience=audience_of[list_href])
                       for list_href, data in chunk]
            _complete(changes, lists)
            numbers = numbering.next_numbers(lists)
            for change, list_href, number in zip(changes, lists, numbers, strict=True):
                change.href = f"{list_href}/{number}"
                hooks.run_before(change)
            _save(changes, *lists)
            hrefs += [change.href for change in changes]
    return hrefs


def _complete(changes: Sequence[Change], lists: Sequence[Href]) -> None:
    """Add mRID and creationTime, where the type has them, to new items of these lists."""
    fields = schema.type_spec(changes[0].kind).by_key
    if "mRID" in fields:
        for change in changes:
            change.data.setdefault("mRID", numbering.new_mrid())
    if "creationTime" in fields:
        instants = numbering.created_at(list_href for change, list_href in zip(changes, lists, strict=True)
                                        if "creationTime" not in change.data)
        for change, list_href in zip(changes, lists, strict=True):
            if "creationTime" not in change.data:
                change.data["creationTime"] = instants[list_href]


def put(href: str, data: Data, audience: Any = INHERIT, caller: Any = None, kind: str = "") -> Change:
    """Write the document at an href, whether it is there or not. Refused (404) for an href of no resource.

    `kind` is needed where several kinds share the path.
    """
    match = table.match(href)
    if match is None:
        raise Refused(404, f"{href} is not a resource")
    with transaction(href):
        old, parent = get(href), table.parent(href)
        change = Change("PUT", old.kind if old else kind or match.row.element, href, dict(data),
                        old.submitted if old else None, caller)
        if audience is INHERIT:
            audience = old.audience if old else audiences.inherited([parent])[parent]
        change.audience = audience
        hooks.run_before(change)
        _save([change], parent)
        return change


def add_placeholder(kind: str, href: str, audience: Any = INHERIT) -> None:
    """Add a resource of which nothing has been submitted yet, so that the link to it resolves."""
    with transaction(href):
        parent = table.parent(href)
        if audience is INHERIT:
            audience = audiences.inherited([parent])[parent]
        render.save([Draft(kind, href, parent, audience, None)])
        touch(parent)


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
        if document.kind in table.rows and table.children(document.kind):
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
            _count(href, document.parent)


def cancel(href: str, at: int | None = None, randomized: bool = False, reason: str | None = None) -> None:
    """Cancel an event from an instant on (default: now), with its randomization or without.

    Refused (404) where there is no such event, (409) where it is over.
    """
    with transaction(href):
        document = get(href)
        if document is None or not links.is_event(document.kind):
            raise Refused(404, f"there is not an event {href}")
        if document.visibility == Document.EXPIRED:
            raise Refused(409, f"{href} is over")
        cancelled = EventStatus.CANCELLED_RANDOMIZED if randomized else EventStatus.CANCELLED
        status = {"currentStatus": cancelled, "dateTime": clock.now() if at is None else at,
                  "potentiallySuperseded": False, **({"reason": reason} if reason else {})}
        put(href, {**document.submitted, "EventStatus": status})


def _save(changes: Sequence[Change], *lists: Href) -> None:
    """Write the documents of changes of one kind, below these lists, and carry out the consequences: counts,
    placeholders, hooks, the status of events."""
    kind, by_operator = changes[0].kind, changes[0].caller is None
    drafts = [Draft(kind, change.href, parent, EVERYONE if change.audience is None else change.audience,
                    change.data) for change, parent in zip(changes, lists, strict=True)]
    if links.is_event(kind):
        render.save_events(drafts, _periods(changes, lists), check=by_operator, bounded=not by_operator)
    else:
        render.save(drafts, check=by_operator, bounded=not by_operator)
    _add_required(drafts)
    _follow(changes, lists)


def _periods(changes: Iterable[Change], lists: Iterable[Href]) -> dict[Href, list[Period]]:
    """Return the periods in which events begin or end to count, by list."""
    periods: dict[Href, list[Period]] = defaultdict(list)
    for change, list_href in zip(changes, lists, strict=True):
        periods[list_href] += [links.period(data) for data in (change.data, change.old) if data]
    return periods


def _add_required(drafts: Sequence[Draft]) -> None:
    """Add placeholders for what documents have to link to, where it is not there."""
    wanted = {f"{draft.href}/{link.step}": (link.row.name, draft)
              for link in links.link_rows(drafts[0].kind) if link.required and not link.row.is_list
              for draft in drafts}
    present = {href for href, in sql.among("SELECT href FROM document WHERE href IN ({})", wanted)}
    missing = [(href, *wanted[href]) for href in wanted if href not in present]
    render.save([Draft(name, href, draft.href, draft.audience, None) for href, name, draft in missing])
    touch(*(draft.href for _, _, draft in missing))


def _follow(changes: Sequence[Change], lists: Sequence[Href]) -> None:
    """Call the hooks of changes, and see to the documents that count what they add or remove."""
    for change, parent in zip(changes, lists, strict=True):
        if change.method == "DELETE" or change.old is None or links.is_event(change.kind):
            _count(change.href, parent)
        hooks.run_after(change)
    run_after_all(changes)


def _count(href: str, parent: str) -> None:
    """Touch the document with a link to one that was added or removed, or to its list."""
    if not table.number(href):
        touch(parent)
        return
    match = table.match(parent)
    if match is not None and linkcounts.counted(match.row.name):
        touch(table.parent(parent))


# --- time passes ----------------------------------------------------------------------------------

def reevaluate(periods: Mapping[Href, Iterable[Period]]) -> None:
    """Render the events of lists that have changed in these periods, by list, and what shows their number."""
    for list_href in render.reevaluate(periods):
        touch(table.parent(list_href))


def apply_rates(lfdi: str = "") -> None:
    """Render the documents that have a poll or post rate, of one device or all."""
    with transaction():
        for href, kind in sql.rows(
            "SELECT href, kind FROM document" + (" WHERE audience = ?" if lfdi else ""),
            *([lfdi] if lfdi else []),
        ):
            if {"pollRate", "postRate"} & schema.type_spec(kind).by_key.keys():
                touch(href)


def reindex(track: Callable[[list[Any]], Iterable[Any]] = iter) -> int:
    """Rebuild every derived row and body; return how many had to be changed (none in a healthy database).

    `track` wraps the list of hrefs and may show progress.
    """
    with transaction():
        changed = sum(task() for task in hooks.rebuilders())
        for parent, in sql.rows(f"SELECT DISTINCT parent FROM document WHERE {documents.EVENT}"):
            changed += render.reevaluate_list(parent)
        changed += len(render.rerender(href for href, in track(
            sql.rows(f"SELECT href FROM document WHERE NOT {documents.EVENT} ORDER BY href DESC"))))
    return changed


@hooks.seed
def _reindex_after_upgrade() -> int:
    """Rebuild derived rows and bodies where a migration has left a KeyValue; return how many changed."""
    pending = KeyValue.name == "reindex"
    if not KeyValue.select().where(pending).exists():
        return 0
    with transaction():  # a second process that starts at the same time waits, and finds no KeyValue then
        return reindex() if KeyValue.delete().where(pending).execute() else 0
