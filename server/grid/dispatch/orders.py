"""Orders as they are kept: listed, shown with their progress and shares, and forgotten."""
from __future__ import annotations

from typing import Any

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.controls import dercontrols
from server.grid.dispatch import progress
from server.grid.groups import virtualders
from server.models import Device, DispatchOrder, Document, Share, VirtualDER
from server.resources import sql
from server.resources.codes import EventStatus


def list_orders(
    vder: str | int | VirtualDER | None = None, plans: bool = False, limit: int = 100
) -> list[dict[str, Any]]:
    """Orders, newest first: those on one virtual DER, or all; with those that plans made where asked for."""
    query = DispatchOrder.select().order_by(DispatchOrder.id.desc()).limit(limit)
    if not plans:
        query = query.where(DispatchOrder.plan_id.is_null())
    return [
        describe(row)
        for row in (query if vder is None else query.where(DispatchOrder.vder == virtualders.find(vder)))
    ]


def show(number: int) -> dict[str, Any]:
    """An order and what came of it: see `order_progress`."""
    row = find_order(number)
    return {**describe(row), **progress.order_progress(row)}


def list_shares(number: int) -> list[dict[str, Any]]:
    """Who was asked for how much by an order, in W of injection, through which control, and why."""
    row = find_order(number)
    names = device_names(Share.select(Share.lfdi).where(Share.order == row))
    return [{"lfdi": share.lfdi, "name": names.get(share.lfdi, ""), "baseline_w": share.baseline_w,
             "planned_w": share.planned_w, "control": share.event_href, "reason": share.reason or row.reason}
            for share in Share.select().where(Share.order == row).order_by(Share.lfdi)]


def describe(row: DispatchOrder) -> dict[str, Any]:
    """An order in brief. `status` is scheduled, active, cancelled, superseded (all its controls are) or
    over."""
    return {
        "id": row.id,
        "vder": row.vder.name,
        "wish": row.quantity,
        "value": row.value,
        "addressing": row.addressing,
        "start": row.start,
        "duration": row.duration_s,
        "target_w": row.target_w,
        "planned_w": row.planned_w,
        "status": status_of(row),
        "reason": row.reason,
        "requested_by": row.requested_by,
        "plan": row.plan_id,
        "created": row.created_at,
        "warnings": row.warnings,
    }


def status_of(row: DispatchOrder) -> str:
    """The status of an order, as `describe` names it."""
    now = clock.now()
    if row.cancelled_at is not None and now >= row.cancelled_at:
        return "cancelled"
    if now >= row.start + row.duration_s:
        return dercontrols.OVER
    states = {document.status["currentStatus"] for document in controls_of(row)}
    if states == {EventStatus.SUPERSEDED}:
        return "superseded"
    return "active" if now >= row.start else "scheduled"


def controls_of(row: DispatchOrder) -> list[Document]:
    """The events that carry an order out."""
    hrefs = Share.select(Share.event_href).where(Share.order == row).distinct()
    return list(Document.select().where(Document.href.in_(hrefs)))


def device_names(lfdis: Any) -> dict[str, str]:
    """The name of each device; `lfdis` may be a query."""
    return {
        device.lfdi: device.name
        for device in Device.select(Device.lfdi, Device.name).where(Device.lfdi.in_(lfdis))
    }


def forget_before(instant: int) -> int:
    """Remove orders that ended before an instant, with their shares; how many. Of devices whose contract
    allows so many events a season, the season's stay, to be counted."""
    season = clock.now() - settings.season_days * 86400
    sql.execute('DELETE FROM share WHERE order_id IN (SELECT id FROM dispatch_order WHERE start + '
                'duration_s < ?) AND lfdi NOT IN (SELECT '
                "d.lfdi FROM participation c JOIN device d ON d.id = c.device_id WHERE c.max_events IS NOT "
                "NULL)", instant)
    return int(sql.execute('DELETE FROM dispatch_order WHERE start + duration_s < ? AND (start < ? OR NOT '
                           'EXISTS (SELECT 1 FROM share s '
                           'WHERE s.order_id = dispatch_order.id))', instant, season).rowcount)


def find_order(number: int) -> DispatchOrder:
    """The order of this number. Refused (404) where there is none."""
    row = DispatchOrder.get_or_none(DispatchOrder.id == number)
    if row is None:
        raise Refused(404, f"there is no order {number}")
    return row
