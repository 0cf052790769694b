"""Who was asked for how much by an order: the rows Share."""
from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from peewee import chunked

from server.models import DispatchOrder, Document
from server.resources import sql

_CHUNK = 200


class ShareRow(NamedTuple):
    """The part of an order that one device has: the href of its event, its planned and baseline injection in
    W, and why."""
    lfdi: str
    event_href: str
    planned_w: float
    baseline_w: float
    reason: str


def record_shares(row: DispatchOrder, shares: Collection[ShareRow]) -> None:
    """Keep the shares of an order."""
    mrids = {
        document.href: document.submitted["mRID"]
        for some in chunked({share.event_href for share in shares}, _CHUNK)
        for document in Document.select(Document.href, Document.submitted).where(Document.href.in_(some))
    }
    sql.many(
        "INSERT INTO share (order_id, lfdi, event_href, mrid, planned_w, baseline_w, reason) VALUES (?, ?, "
        "?, ?, ?, ?, ?)",
        (
            (row.id, share.lfdi, share.event_href, mrids[share.event_href], share.planned_w, share.baseline_w,
             share.reason)
            for share in shares
        ),
    )
