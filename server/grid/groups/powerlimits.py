"""Above which power an order on a virtual DER needs somebody else's approval, and up to which the automatic
balance changes its exchange, which needs none."""
from __future__ import annotations

import math
from typing import Any, TypedDict

from server import audit, scopes
from server.config import settings
from server.grid.groups import vdervalidation, virtualders
from server.grid.groups.tree import Tree
from server.models import BalanceLimit, PowerLimit, VirtualDER
from server.resources import store
from server.units import Watts


class PowerLimitRow(TypedDict):
    """The power above which orders on a virtual DER, or below it, need an approval, and the most by which the
    automatic balance changes its exchange; None for no limit of its own."""
    vder: str
    orders_w: Watts | None
    automatic_w: Watts | None


def has_any() -> bool:
    """Whether there is any limit on orders at all."""
    return bool(settings.approval_limit_w) or bool(PowerLimit.select().exists())


def of(vder: VirtualDER) -> Watts:
    """Return the power above which an order on a virtual DER needs an approval: the least of its own, of
    those above it, and of the setting; infinity without any."""
    general_w = settings.approval_limit_w or math.inf
    return min(float(general_w), _least(vder, {row.vder_id: row.orders_w for row in PowerLimit.select()}))


def of_balance(vder: VirtualDER) -> Watts:
    """Return by how much the automatic balance may change the exchange of a virtual DER: the least of its own
    limit and of those above it; infinity without any."""
    return _least(vder, {row.vder_id: row.change_w for row in BalanceLimit.select()})


def _least(vder: VirtualDER, limits_w: dict[int, Watts]) -> Watts:
    if not limits_w:
        return math.inf
    above = [vder.id, *Tree.read(include=[vder]).ancestors(vder.id)]
    return min((limits_w[number] for number in above if number in limits_w), default=math.inf)


def _state(vder: str) -> dict[str, Any]:
    return dict(_row(virtualders.find(vder)))


def _row(vder: VirtualDER) -> PowerLimitRow:
    orders = PowerLimit.get_or_none(PowerLimit.vder == vder)
    automatic = BalanceLimit.get_or_none(BalanceLimit.vder == vder)
    return {"vder": vder.name, "orders_w": orders.orders_w if orders is not None else None,
            "automatic_w": automatic.change_w if automatic is not None else None}


@audit.audited("approval limit", "{vder}", state=_state)
def put(vder: str, orders_w: Watts | None = None, automatic_w: Watts | None = None) -> None:
    """Set the limits of a virtual DER; None leaves one as it is, infinity removes it."""
    with store.transaction():
        row = virtualders.find(vder)
        for table, column, value_w in ((PowerLimit, "orders_w", orders_w),
                                       (BalanceLimit, "change_w", automatic_w)):
            if value_w is None:
                continue
            limit_w = vdervalidation.check_limit(value_w)
            table.delete().where(table.vder == row).execute()
            if limit_w is not None:
                table.create(vder=row, **{column: limit_w})


def show(vder: str) -> PowerLimitRow:
    """Return the limits of a virtual DER."""
    return _row(virtualders.find(vder))


def list_limits() -> list[PowerLimitRow]:
    """Return the limits of all virtual DERs that have one."""
    limited = {row.vder_id for table in (PowerLimit, BalanceLimit) for row in table.select(table.vder)}
    query = scopes.vders(VirtualDER.select().where(VirtualDER.id.in_(limited))).order_by(VirtualDER.name)
    return [_row(vder) for vder in query]
