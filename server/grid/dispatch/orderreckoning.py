"""Orders of more or less power than now, reckoned again from the first readings of members that had none.

An order of `watts` counts what a member injects now as 0 W where nobody knows. Once it is known what such a
member did before it could have learnt of the order, the rest of the order is ordered again, from that.
"""
from __future__ import annotations

from server import actors, clock
from server.errors import Refused
from server.grid.dispatch import ordercreation, orderwork
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.orders import ACTIVE, SCHEDULED, status_of
from server.grid.fleet import power
from server.models import DispatchOrder
from server.resources import pollrates, sql, store
from server.units import Instant, Lfdi, Watts

AUTOMATIC = "automatic"  # the operator in the audit log
MIN_LEFT_S = 60  # an order of which less is left is not worth another
LOOK_S = 60  # between two looks whether members of an order have been read
_UNREAD = "SELECT lfdi FROM share WHERE order_id = ? AND baseline_w IS NULL"


def reckon_due() -> int:
    """Reckon the orders again of which a member has been read for the first time; return how many."""
    due = list(DispatchOrder.select().where(DispatchOrder.reckon_at <= clock.now()))
    return sum(map(_reckon, due))


def _reckon(order: DispatchOrder) -> int:
    """Order again what is left of an order, from the first readings of members that had none; return 1, or 0
    where none has been read, or nothing is left of it."""
    end = order.start + order.duration_s
    if end <= clock.now() + MIN_LEFT_S or status_of(order) not in (SCHEDULED, ACTIVE):
        _look_again(order, None)
        return 0
    first_w = {} if order.work else _first_readings(order, [lfdi for lfdi, in sql.rows(_UNREAD, order.id)])
    if not first_w:
        _look_again(order, clock.now() + LOOK_S)
        return 0
    with store.transaction():
        current = orderwork.locked(order.id)
        if current is None or current.reckon_at != order.reckon_at:
            return 0  # another worker does it
        _look_again(order, clock.now() + LOOK_S)  # in case this one is killed in the middle
    start = max(order.start, clock.now())
    reason = f"{order.reason or 'order'} {order.id}, from the first readings of {len(first_w)} members"
    baselines = {**_baselines(order), **first_w}
    request = OrderRequest.again(order, start, end - start, reason, baselines=baselines)
    try:
        with actors.acting(AUTOMATIC):
            ordercreation.create_order(request)
    except Refused:
        return 0  # who was read is offline again, or limits leave nothing: the order stands as it is
    with store.transaction():
        sql.many("UPDATE share SET baseline_w = ? WHERE order_id = ? AND lfdi = ?",
                 ((injection_w, order.id, lfdi) for lfdi, injection_w in first_w.items()))
        _look_again(order, None)
    return 1


def _look_again(order: DispatchOrder, at: Instant | None) -> None:
    sql.execute("UPDATE dispatch_order SET reckon_at = ? WHERE id = ?", at, order.id)


def _baselines(order: DispatchOrder) -> dict[Lfdi, Watts]:
    return {lfdi: baseline_w for lfdi, baseline_w in sql.rows(
        "SELECT lfdi, baseline_w FROM share WHERE order_id = ? AND baseline_w IS NOT NULL", order.id)}


def _first_readings(order: DispatchOrder, lfdis: list[Lfdi]) -> dict[Lfdi, Watts]:
    """What members injected before they could have learnt of the order, or it began."""
    def learnt_at(lfdi: Lfdi) -> int:
        return max(order.start, order.created_at + pollrates.poll("DERProgramList", lfdi))

    return {lfdi: reading.injection_w for lfdi, reading in power.latest(lfdis).items()
            if reading.at <= learnt_at(lfdi)}
