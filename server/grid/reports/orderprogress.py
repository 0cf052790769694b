"""An order and what came of it until now, or until its end, by the figures that reports have as well."""
from __future__ import annotations

from collections import Counter
from math import fsum

from server import clock
from server.grid.controls.responses import NO_RESPONSE, PATIENCE_POLLS, WAITING, latest_responses
from server.grid.dispatch import orders
from server.grid.dispatch.results import ReactiveDelivery
from server.grid.fleet import reactivereadings
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
    begun, end = order.start, min(clock.now(), orders.end_of(order))
    reactive_var = {} if order.planned_var is None else reactivereadings.mean(names, begun, end)
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
            "planned_var": share.planned_var,
            "delivered_var": None if share.planned_var is None else reactive_var.get(share.lfdi),
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
        **_reactive(devices),
        "devices": devices,
    }


def _reactive(devices: list[DeviceProgress]) -> ReactiveDelivery:
    read = [(device["planned_var"] or 0.0, delivered_var) for device in devices
            if (delivered_var := device["delivered_var"]) is not None]
    return {
        "devices_read_var": len(read),
        "delivered_var": fsum(delivered_var for _, delivered_var in read) if read else None,
        "expected_var": fsum(planned_var for planned_var, _ in read) if read else None,
    }


def _unanswered(order: DispatchOrder, lfdi: str) -> str:
    late = clock.now() > order.created_at + PATIENCE_POLLS * pollrates.poll("DERProgramList", lfdi)
    return NO_RESPONSE if late else WAITING
