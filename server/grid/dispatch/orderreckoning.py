"""Orders of more or less power than now, reckoned again from the first readings of members that had none.

An order of `watts` counts what a member injects now as 0 W where nobody knows. Once it is known what such a
member did before it could have learnt of the order, the rest of the order is ordered again, from that.
"""
from __future__ import annotations

from collections import defaultdict

from server import actors, clock
from server.errors import Refused
from server.grid.dispatch import ordercreation, orderwork
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.orders import ACTIVE, SCHEDULED, find_order, status_of
from server.grid.fleet import power
from server.models import DispatchOrder
from server.resources import pollrates, sql, store
from server.units import Lfdi, Watts

AUTOMATIC = "automatic"  # the operator in the audit log
MIN_LEFT_S = 60  # an order of which less is left is not worth another
_UNREAD = (
    "SELECT o.id, s.lfdi FROM dispatch_order o JOIN share s ON s.order_id = o.id WHERE o.plan_id IS NULL "
    "AND o.quantity = 'watts' AND o.cancelled_at IS NULL AND o.start + o.duration_s > ? "
    "AND o.work IS NULL AND s.baseline_w IS NULL"
)


def reckon_due() -> int:
    """Reckon the orders again of which a member has been read for the first time; return how many."""
    unread: dict[int, list[Lfdi]] = defaultdict(list)
    for number, lfdi in sql.rows(_UNREAD, clock.now() + MIN_LEFT_S):
        unread[number].append(lfdi)
    return sum(_reckon(find_order(number), lfdis) for number, lfdis in unread.items())


def _reckon(order: DispatchOrder, lfdis: list[Lfdi]) -> int:
    """Order again what is left of an order, from the first readings of these members; return 1, or 0 where
    none has been read, or the order is not in force any more."""
    first_w = _first_readings(order, lfdis)
    if not first_w or order.asked is None or status_of(order) not in (SCHEDULED, ACTIVE):
        return 0
    with store.transaction():
        orderwork.locked(order.id)
        unread = {lfdi for lfdi, in sql.rows(
            "SELECT lfdi FROM share WHERE order_id = ? AND baseline_w IS NULL", order.id)}
        if not unread & first_w.keys():
            return 0  # another worker has done it
        sql.many("UPDATE share SET baseline_w = ? WHERE order_id = ? AND lfdi = ?",
                 ((injection_w, order.id, lfdi) for lfdi, injection_w in first_w.items()))
    start = max(order.start, clock.now())
    end = order.start + order.duration_s
    reason = f"{order.reason or 'order'} {order.id}, from the first readings of {len(first_w)} members"
    request = OrderRequest.again(order, start, end - start, reason, baselines=_baselines(order))
    try:
        with actors.acting(AUTOMATIC):
            ordercreation.create_order(request)
    except Refused:
        return 0  # who was read is offline again, or limits leave nothing: the order stands as it is
    return 1


def _baselines(order: DispatchOrder) -> dict[Lfdi, Watts]:
    return {lfdi: baseline_w for lfdi, baseline_w in sql.rows(
        "SELECT lfdi, baseline_w FROM share WHERE order_id = ? AND baseline_w IS NOT NULL", order.id)}


def _first_readings(order: DispatchOrder, lfdis: list[Lfdi]) -> dict[Lfdi, Watts]:
    """What members injected before they could have learnt of the order, or it began."""
    def learnt_at(lfdi: Lfdi) -> int:
        return max(order.start, order.created_at + pollrates.poll("DERProgramList", lfdi))

    return {lfdi: reading.injection_w for lfdi, reading in power.latest(lfdis).items()
            if reading.at <= learnt_at(lfdi)}
