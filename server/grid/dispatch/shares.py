"""The shares of devices in an order: the rows of the table Share."""
from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from server.models import JSON, DispatchOrder
from server.resources import sql

Data = dict[str, Any]


class ShareRow(NamedTuple):
    """The share of one device in an order: the event that carries it out, its planned and its baseline
    injection in W (None: not known), and why it is this much.

    Where `pending` says what is to be published, there is no event yet (see orderwork). `planned_var` is its
    reactive injection, None where the order says nothing of it.
    """
    lfdi: str
    event_href: str
    planned_w: float
    baseline_w: float | None
    reason: str
    pending: Data | None = None
    planned_var: float | None = None


_COLUMNS = ("order_id", "lfdi", "event_href", "mrid", "planned_w", "baseline_w", "reason", "pending",
            "planned_var")
_REPLACE = ("ON CONFLICT (order_id, lfdi) DO UPDATE SET event_href = excluded.event_href, "
            "mrid = excluded.mrid, pending = excluded.pending")


def record_shares(order: DispatchOrder, shares: Collection[ShareRow]) -> None:
    """Write the shares of an order, or the events of those that are there, in the caller's transaction."""
    mrids = dict(sql.among("SELECT href, mrid FROM document WHERE href IN ({})",
                           (share.event_href for share in shares if share.event_href)))
    to_text = JSON().db_value
    sql.insert("share", _COLUMNS, (
        (order.id, share.lfdi, share.event_href, mrids.get(share.event_href, ""), share.planned_w,
         share.baseline_w, share.reason, to_text(share.pending), share.planned_var)
        for share in shares), _REPLACE)
