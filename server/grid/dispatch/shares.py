"""The shares of devices in an order: the rows of the table Share."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from server.models import JSON, DispatchOrder
from server.resources import sql
from server.units import Href, Lfdi

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


def record_shares(order: DispatchOrder, shares: Collection[ShareRow]) -> None:
    """Write the shares of a new order, in the caller's transaction."""
    mrids = _mrids(share.event_href for share in shares if share.event_href)
    to_text = JSON().db_value
    sql.insert("share", _COLUMNS, (
        (order.id, share.lfdi, share.event_href, mrids.get(share.event_href, ""), share.planned_w,
         share.baseline_w, share.reason, to_text(share.pending), share.planned_var)
        for share in shares))


def record_events(order: DispatchOrder, events: Mapping[Lfdi, Href]) -> None:
    """Write which events carry out the shares of devices in an order, of which nothing is pending then."""
    mrids = _mrids(events.values())
    sql.update("share", ("order_id", "lfdi"), ("event_href", "mrid", "pending"), (
        (order.id, lfdi, href, mrids[href], None) for lfdi, href in events.items()))


def _mrids(hrefs: Iterable[Href]) -> dict[Href, str]:
    return dict(sql.among("SELECT href, mrid FROM document WHERE href IN ({})", hrefs))
