"""The shares of devices in an order: the rows of the table Share."""
from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from server.models import DispatchOrder
from server.resources import sql


class ShareRow(NamedTuple):
    """The share of one device in an order: the event that carries it out, its planned and its baseline
    injection in W, and why it is this much."""
    lfdi: str
    event_href: str
    planned_w: float
    baseline_w: float
    reason: str


def record_shares(order: DispatchOrder, shares: Collection[ShareRow]) -> None:
    """Write the shares of an order, within the caller's transaction."""
    mrids = dict(sql.among("SELECT href, mrid FROM document WHERE href IN ({})",
                           (share.event_href for share in shares)))
    sql.insert(
        "share", ("order_id", "lfdi", "event_href", "mrid", "planned_w", "baseline_w", "reason"),
        ((order.id, share.lfdi, share.event_href, mrids[share.event_href], share.planned_w, share.baseline_w,
          share.reason) for share in shares))
