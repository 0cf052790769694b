"""The only writer of documents: changes in transactions, and what the passing of time changes.

The consequences of a change (the status of neighbouring events, the counts in links, what hooks do) are
committed with it or not at all. Documents whose links change are rendered once, at the transaction's end.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server import clock
from server.errors import Refused
from server.models import EVERYONE, NOBODY, Document, KeyValue
from server.resources import documents, hooks, links, numbering, quotas, render, schema, sql, table
from server.resources.codes import EventStatus
from server.resources.hooks import Change
from server.resources.transactions import batch, run_after_all, touch, transaction

__all__ = ["INHERIT", "add", "add_placeholder", "apply_rates", "batch", "cancel", "discard", "find", "get",
           "items", "post", "put", "reevaluate", "reindex", "remove", "touch", "transaction"]
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
        change = Change("POST", kind, "", dict(data), caller=caller,
                        audience=_inherited(list_href) if audience is INHERIT else audience)
        if caller is None:
            fields = schema.type_spec(kind).by_key
            given = {"mRID": numbering.new_mrid, "creationTime": lambda: numbering.created_at(list_href)}
            for key, value in given.items():
                if key in fields and key not in change.data:
                    change.data[key] = value()
        hooks.run_before(change)
        if not change.href:
            quotas.check_new_item(change, list_href)
            change.href = f"{list_href}/{numbering.next_number(list_href)}"
        render.save(kind, change.href, list_href, EVERYONE if change.audience is None else change.audience,
                    change.data, check=caller is None, bounded=caller is not None)
        _reconcile(change, list_href)
        return change


def add(kind: str, list_href: str, data: Data, audience: Any = INHERIT, caller: Any = None) -> str:
    """Add an item to a list and return its href."""
    return post(kind, list_href, data, audience, caller).href


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
        change.audience = audience if audience is not INHERIT else old.audience if old else _inherited(parent)
        hooks.run_before(change)
        render.save(change.kind, href, parent, EVERYONE if change.audience is None else change.audience,
                    change.data, check=caller is None, bounded=caller is not None)
        _reconcile(change, parent, counted=old is None)
        return change


def add_placeholder(kind: str, href: str, audience: Any = INHERIT) -> None:
    """Add a resource of which nothing has been submitted yet, so that the link to it resolves."""
    with transaction(href):
        parent = table.parent(href)
        render.save(kind, href, parent, _inherited(parent) if audience is INHERIT else audience, None)
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
        _reconcile(change, document.parent)


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


def _reconcile(change: Change, parent: str, counted: bool = True) -> None:
    """Carry out the consequences of a change: counts, placeholders, hooks, the status of events."""
    if counted:
        _count(change.href, parent)
    if change.method != "DELETE":
        for link in links.link_rows(change.kind):
            if link.required and not link.row.is_list and get(f"{change.href}/{link.step}") is None:
                add_placeholder(link.row.name, f"{change.href}/{link.step}")
    hooks.run_after(change)
    run_after_all(change)
    if links.is_event(change.kind):
        reevaluate(parent, [links.period(data) for data in (change.data, change.old) if data])


def _count(href: str, parent: str) -> None:
    """Touch the document with a link to one that was added or removed, or to its list."""
    if not table.number(href):
        touch(parent)
        return
    match = table.match(parent)
    if match is not None and render.counted(match.row.name):
        touch(table.parent(parent))


def _inherited(href: str) -> str:
    """Return the audience of the nearest document at or above an href.

    Where there is none it is EVERYONE, or NOBODY for the data of customers.
    """
    above = href
    while above:
        row = sql.row("SELECT audience FROM document WHERE href = ?", above)
        if row is not None:
            return str(row[0])
        above = table.parent(above)
    top = table.match("/".join(href.split("/")[:2]))
    return NOBODY if top is not None and top.row.private else EVERYONE


# --- time passes ----------------------------------------------------------------------------------

def reevaluate(list_href: str, periods: list[render.Period]) -> None:
    """Render the events of a list that have changed in these periods, and what shows their number."""
    if render.reevaluate(list_href, periods):
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
            changed += render.reevaluate(parent)
        for (href,) in track(
            sql.rows(f"SELECT href FROM document WHERE NOT {documents.EVENT} ORDER BY href DESC")
        ):
            changed += render.rerender(href)
    return changed


@hooks.seed
def _reindex_after_upgrade() -> int:
    """Rebuild derived rows and bodies where a migration has left a KeyValue; return how many changed."""
    pending = KeyValue.name == "reindex"
    if not KeyValue.select().where(pending).exists():
        return 0
    with transaction():  # a second process that starts at the same time waits, and finds no KeyValue then
        return reindex() if KeyValue.delete().where(pending).execute() else 0
