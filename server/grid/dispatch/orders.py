"""Orders as they are recorded: list them, and their shares."""
from __future__ import annotations

from collections.abc import Iterable, Iterator

from server import clock, scopes
from server.errors import Refused
from server.grid.controls import dercontrols
from server.grid.dispatch.results import OrderSummary, RecordedShare
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.models import Device, DispatchOrder, Share, VirtualDER, among
from server.models.pages import Pages
from server.resources import sql
from server.resources.codes import EventStatus
from server.units import Instant

PUBLISHING, SCHEDULED, ACTIVE = "publishing", "scheduled", "active"


def list_orders(
    vder: str | int | VirtualDER | None = None, plans: bool = False, limit: int = 100
) -> list[OrderSummary]:
    """Return the orders on a virtual DER and those below it, or on all, newest first.

    Those that plans made are included with `plans`.
    """
    query = scopes.vders(DispatchOrder.select(), DispatchOrder.vder).order_by(
        DispatchOrder.id.desc()).limit(limit)
    if not plans:
        query = query.where(DispatchOrder.plan_id.is_null())
    if vder is not None:
        top = virtualders.find(vder)
        query = query.where(DispatchOrder.vder.in_(Tree.read(include=[top]).subtree(top.id)))
    return [describe(order) for order in query]


def list_shares(number: int) -> Pages[RecordedShare]:
    """Return the shares of an order: the injection planned for each device, through which event, and why."""
    order = find_order(number)

    def recorded(shares: list[Share]) -> Iterator[RecordedShare]:
        names = device_names([share.lfdi for share in shares])
        for share in shares:
            yield {
                "lfdi": share.lfdi,
                "name": names.get(share.lfdi, ""),
                "baseline_w": share.baseline_w,
                "planned_w": share.planned_w,
                "planned_var": share.planned_var,
                "control": share.event_href,
                "reason": share.reason or order.reason,
            }
    return Pages(Share.select().where(Share.order == order), Share.lfdi, recorded)


def describe(order: DispatchOrder) -> OrderSummary:
    """Return an order in brief."""
    return {
        "id": order.id,
        "vder": order.vder.name,
        "quantity": order.quantity,
        "value": order.value,
        "addressing": order.addressing,
        "start": order.start,
        "duration_s": order.duration_s,
        "target_w": order.target_w,
        "planned_w": order.planned_w,
        "planned_var": order.planned_var,
        "status": status_of(order),
        "reason": order.reason,
        "requested_by": order.requested_by,
        "plan": order.plan_id,
        "created_at": order.created_at,
        "warnings": scopes.texts(order.warnings, order.requested_by),
    }


def end_of(order: DispatchOrder) -> Instant:
    """Return when an order ends, or has ended by being cancelled."""
    end = int(order.start + order.duration_s)
    return end if order.cancelled_at is None else min(end, order.cancelled_at)


def status_of(order: DispatchOrder) -> str:
    """Return the status of an order, as in `OrderSummary`."""
    now = clock.now()
    if order.work is not None and order.work["do"] == "publish":
        return PUBLISHING
    if order.cancelled_at is not None and now >= order.cancelled_at:
        return "cancelled"
    if now >= order.start + order.duration_s:
        return dercontrols.OVER
    if _is_superseded(order):
        return "superseded"
    return ACTIVE if now >= order.start else SCHEDULED


def _is_superseded(order: DispatchOrder) -> bool:
    """Whether all events of an order are superseded; there may be a hundred thousand."""
    superseded = f'%"currentStatus":{EventStatus.SUPERSEDED:d}%'
    events = "SELECT 1 FROM share s JOIN document d ON d.href = s.event_href WHERE s.order_id = ?"
    return (sql.row(f"{events} AND d.status NOT LIKE ? LIMIT 1", order.id, superseded) is None
            and sql.row(f"{events} LIMIT 1", order.id) is not None)


def device_names(lfdis: Iterable[str]) -> dict[str, str]:
    """Return the names of devices by LFDI."""
    return {device.lfdi: device.name
            for device in among(Device.select(Device.lfdi, Device.name), Device.lfdi, lfdis)}


def find_order(number: int) -> DispatchOrder:
    """Return the order of this number. Refused (404) where there is none."""
    order = DispatchOrder.get_or_none(DispatchOrder.id == number)
    if order is None or not scopes.sees_vder(order.vder_id):
        raise Refused(404, f"there is no order {number}")
    return order
