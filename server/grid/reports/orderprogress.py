"""An order and what came of it until now, or until its end, by the figures that reports have as well."""
from __future__ import annotations

from collections import Counter

from server import clock
from server.grid.controls.responses import NO_RESPONSE, PATIENCE_POLLS, WAITING, latest_responses
from server.grid.dispatch import orders
from server.grid.reports import evaluatedevents, performance
from server.grid.reports.results import DeviceProgress, OrderDetail
from server.models import DispatchOrder, Share
from server.resources import pollrates


def show(number: int) -> OrderDetail:
    """Return an order with its progress. Refused (404) where there is none."""
    order = orders.find_order(number)
    shares = list(Share.select().where(Share.order == order).order_by(Share.lfdi))
    group, rows = performance.delivery(evaluatedevents.of_order(number))
    row_of = {row["lfdi"]: row for row in rows}
    answers = latest_responses({(share.lfdi, share.mrid) for share in shares})
    names = orders.device_names([share.lfdi for share in shares])
    devices: list[DeviceProgress] = []
    for share in shares:
        row = row_of.get(share.lfdi)
        devices.append({
            "lfdi": share.lfdi,
            "name": names.get(share.lfdi, ""),
            "control": share.event_href,
            "answer": answers.get((share.lfdi, share.mrid)) or _unanswered(order, share.lfdi),
            "planned_w": share.planned_w,
            "expected_w": row["expected_w"] if row else None,
            "delivered_w": row["delivered_w"] if row else None,
            "performance": row["performance"] if row else None,
            "method": row["method"] if row else "",
        })
    return {
        **orders.describe(order),
        "answers": dict(Counter(device["answer"] for device in devices)),
        "devices_read": group["devices_read"],
        "expected_w": group["expected_w"],
        "delivered_w": group["delivered_w"],
        "performance": group["performance"],
        "up": group["up"],
        "down": group["down"],
        "readings_left_out": group["readings_left_out"],
        "devices_split": group["devices_split"],
        "devices": devices,
    }


def _unanswered(order: DispatchOrder, lfdi: str) -> str:
    late = clock.now() > order.created_at + PATIENCE_POLLS * pollrates.poll("DERProgramList", lfdi)
    return NO_RESPONSE if late else WAITING
