"""What a transaction changes, recorded in it where somebody subscribes to that (the outbox of notifications).

A transaction knows from its first statement whether there are subscriptions at all. Without any, nothing is
collected and nothing asked. With some, one indexed look at the end tells which of the changed documents, and
of the lists that they are in, are watched. For each of those a ResourceChange is written, whatever the number
of its subscribers.

A document has changed where its representation has, in more than the counts of its links: a subscriber to an
EndDevice is not told each time that something is added to a list below it, which can be subscribed to itself.
"""
from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from server.models import EVERYONE, Document, vder_of_audience
from server.resources import sql, table
from server.resources.codes import NotificationStatus
from server.units import Href, Lfdi

_COUNT = re.compile(rb'(<\w*ListLink\b[^>]*?) all="\d+"')
_COLUMNS = ("watched", "audience", "active", "status", "least", "greatest", "after")
_LIVE = "status = 0"


class _Record(NamedTuple):
    """A new row of ResourceChange, but for its id."""
    watched: Href
    audience: str
    active: bool = True
    status: int = NotificationStatus.DEFAULT
    least: int | None = None
    greatest: int | None = None
    after: Href = ""


class _Collected(threading.local):
    watching = False
    records: dict[_Record, None]
    removed: dict[Href, None]


_collected = _Collected()


def begin(watching: bool) -> None:
    """Begin to collect what this thread's transaction changes, if anybody subscribes to anything."""
    _collected.watching, _collected.records, _collected.removed = watching, {}, {}


def watching() -> bool:
    """Return whether what changes is collected."""
    return _collected.watching


def written(values: dict[str, Any], stored: Document | None) -> None:
    """Take note of a document that is written with these values of all columns, in place of the stored one
    (None where nobody has looked that up)."""
    if not _collected.watching or stored is not None and not _differs(values, stored):
        return
    active = stored is None or Document.ACTIVE in (values["visibility"], stored.visibility)
    listing = _Record(values["parent"], values["audience"], active)
    _collected.records |= dict.fromkeys((_Record(values["href"], values["audience"]), listing))


def _differs(values: dict[str, Any], stored: Document) -> bool:
    return (values["visibility"] != stored.visibility or values["submitted"] != stored.submitted
            or _without_counts(values["body"]) != _without_counts(stored.body))


def _without_counts(body: bytes) -> bytes:
    return _COUNT.sub(rb"\1", bytes(body))


def removed(document: Document) -> None:
    """Take note of a document that is removed with all that is below it. Who sees it is asked now: after a
    device has gone, nobody knows who was its aggregator."""
    if _collected.watching:
        audience = document.audience
        viewers = set() if audience == EVERYONE or vder_of_audience(audience) else {
            lfdi for lfdi, in sql.rows("SELECT lfdi FROM audience WHERE audience = ?", audience)}
        _collected.records |= dict.fromkeys(
            _Record(document.parent, viewer) for viewer in viewers or {audience})
        gone([document.href])


def gone(hrefs: Iterable[Href]) -> None:
    """Take note of documents that are removed and in no list any more, with all that is below them."""
    if _collected.watching:
        _collected.removed |= dict.fromkeys(hrefs)


def measured(list_href: Href, audience: str, values: Sequence[int]) -> None:
    """Take note of new readings with these values below a ReadingSetList."""
    if _collected.watching:
        least, greatest = (min(values), max(values)) if values else (None, None)
        _collected.records[_Record(list_href, audience, least=least, greatest=greatest)] = None


def audiences_changed(lfdis: Iterable[Lfdi]) -> None:
    """Take note that these devices may see other documents than before."""
    if _collected.watching:
        _collected.records |= dict.fromkeys(_Record("", lfdi) for lfdi in lfdis if lfdi)


def rates_changed(kind: str = "", lfdi: Lfdi = "") -> None:
    """Take note that lists have another pollRate: of one kind (an element) or all, for one device or all."""
    kinds = [row.name for row in table.rows.values() if row.is_list and kind in ("", row.element)]
    if _collected.watching and kinds:
        condition, values = ("AND viewer = ?", [lfdi]) if lfdi else ("", [])
        for watched, in sql.rows(f"SELECT DISTINCT watched FROM subscription WHERE {_LIVE} AND kind IN "
                                 f"({sql.marks(len(kinds))}) {condition}", *kinds, *values):
            _collected.records[_Record(watched, lfdi)] = None


def flush() -> None:
    """Write the records of what is watched, at the end of the transaction."""
    if not _collected.watching or not (_collected.records or _collected.removed):
        return
    records, gone = _collected.records, _collected.removed
    watched = {href for href, in sql.among(
        f"SELECT DISTINCT watched FROM subscription WHERE watched IN ({{}}) AND {_LIVE}",
        (record.watched for record in records if record.watched))}
    viewers = {lfdi for lfdi, in sql.among(
        f"SELECT DISTINCT viewer FROM subscription WHERE viewer IN ({{}}) AND {_LIVE}",
        (record.audience for record in records if not record.watched))}
    chosen = [record for record in records
              if (record.watched in watched if record.watched else record.audience in viewers)]
    chosen += [_Record(href, "", status=NotificationStatus.RESOURCE_DELETED) for href in gone if sql.row(
        f"SELECT 1 FROM subscription WHERE (resource = ? OR {sql.below('resource')}) AND {_LIVE} LIMIT 1",
        href, *sql.bounds(href)) is not None]
    sql.insert("resource_change", _COLUMNS, chosen)
    _collected.records, _collected.removed = {}, {}
