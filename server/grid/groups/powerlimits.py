"""Above which power an order on a virtual DER needs somebody else's approval."""
from __future__ import annotations

import math
from typing import Any, TypedDict

from server import audit, scopes
from server.config import settings
from server.grid.groups import vdervalidation, virtualders
from server.grid.groups.tree import Tree
from server.models import PowerLimit, VirtualDER
from server.resources import store
from server.units import Watts


class PowerLimitRow(TypedDict):
    """The power above which orders on a virtual DER, or below it, need an approval; None for no limit of its
    own."""
    vder: str
    orders_w: Watts | None


def has_any() -> bool:
    """Whether there is any limit at all."""
    return bool(settings.approval_limit_w) or bool(PowerLimit.select().exists())


def of(vder: VirtualDER) -> Watts:
    """Return the power above which an order on a virtual DER needs an approval: the least of its own, of
    those above it, and of the setting; infinity without any."""
    general_w = settings.approval_limit_w or math.inf
    rows = {row.vder_id: row.orders_w for row in PowerLimit.select()}
    if not rows:
        return float(general_w)
    above = [vder.id, *Tree.read(include=[vder]).ancestors(vder.id)]
    return min([float(general_w), *(rows[number] for number in above if number in rows)])


def _state(vder: str) -> dict[str, Any]:
    row = virtualders.find(vder)
    limit = PowerLimit.get_or_none(PowerLimit.vder == row)
    return {"vder": row.name, "orders_w": limit.orders_w if limit is not None else None}


@audit.audited("approval limit", "{vder}", state=_state)
def put(vder: str, orders_w: Watts) -> None:
    """Set the limit of a virtual DER; infinity removes it."""
    limit_w = vdervalidation.check_limit(orders_w)
    with store.transaction():
        row = virtualders.find(vder)
        PowerLimit.delete().where(PowerLimit.vder == row).execute()
        if limit_w is not None:
            PowerLimit.create(vder=row, orders_w=limit_w)


def show(vder: str) -> PowerLimitRow:
    """Return the limit of a virtual DER."""
    state = _state(vder)
    return {"vder": state["vder"], "orders_w": state["orders_w"]}


def list_limits() -> list[PowerLimitRow]:
    """Return the limits of all virtual DERs that have one."""
    query = scopes.vders(PowerLimit.select(PowerLimit, VirtualDER).join(VirtualDER)).order_by(VirtualDER.name)
    return [{"vder": row.vder.name, "orders_w": row.orders_w} for row in query]
