"""Who was asked for how much by an order: the rows Share."""
from __future__ import annotations

from collections.abc import Collection

from peewee import chunked

from server.models import DispatchOrder, Document
from server.resources import sql

_CHUNK = 200
# LFDI, href of the event, planned and baseline W of injection, why
ShareRow = tuple[str, str, float, float, str]


def record_shares(row: DispatchOrder, shares: Collection[ShareRow]) -> None:
    """Keep the shares of an order."""
    mrids = {
        document.href: document.submitted["mRID"]
        for some in chunked({share[1] for share in shares}, _CHUNK)
        for document in Document.select(Document.href, Document.submitted).where(Document.href.in_(some))
    }
    sql.many(
        "INSERT INTO share (order_id, lfdi, event_href, mrid, planned_w, baseline_w, reason) VALUES (?, ?, "
        "?, ?, ?, ?, ?)",
        ((row.id, lfdi, href, mrids[href], *rest) for lfdi, href, *rest in shares),
    )
