"""The progress of an order: what devices responded, and how much power was delivered."""
from __future__ import annotations

from collections import Counter
from math import fsum

from server import clock
from server.grid.controls.responses import NO_RESPONSE, PATIENCE_POLLS, WAITING, latest_responses
from server.grid.dispatch.results import Delivery, DeviceProgress, OrderProgress
from server.grid.fleet import power
from server.models import Device, DispatchOrder, Share
from server.resources import pollrates
from server.units import Lfdi

# of the power of the devices: a planned change of less says nothing about performance
MIN_CHANGE_FRACTION = 0.05


def order_progress(order: DispatchOrder) -> OrderProgress:
    """Return what came of an order until now, or until its end.

    It is for following an order while it runs; `reports.performance` is for settlement.
    """
    shares = list(Share.select().where(Share.order == order).order_by(Share.lfdi))
    answers = latest_responses({(share.lfdi, share.mrid) for share in shares})
    names = {device.lfdi: device.name for device in Device.select(Device.lfdi, Device.name).where(
        Device.lfdi.in_(Share.select(Share.lfdi).where(Share.order == order)))}
    ends = [clock.now(), order.start + order.duration_s]
    if order.cancelled_at is not None:
        ends.append(order.cancelled_at)
    end = min(ends)
    injection_w = power.mean([share.lfdi for share in shares], order.start, end) if end > order.start else {}
    devices: list[DeviceProgress] = [
        {
            "lfdi": share.lfdi,
            "name": names.get(share.lfdi, ""),
            "control": share.event_href,
            "answer": answers.get((share.lfdi, share.mrid)) or _unanswered(order, share.lfdi),
            "baseline_w": share.baseline_w or 0.0,
            "planned_w": share.planned_w or 0.0,
            "delivered_w": injection_w.get(share.lfdi),
        }
        for share in shares
    ]
    return {
        "answers": dict(Counter(device["answer"] for device in devices)),
        **_delivery(devices),
        "devices": devices,
    }


def _delivery(devices: list[DeviceProgress]) -> Delivery:
    read = [(device, delivered_w) for device in devices if (delivered_w := device["delivered_w"]) is not None]
    delivered_w = fsum(injection_w for _, injection_w in read)
    expected_w = fsum(device["planned_w"] for device, _ in read)
    baseline_w = fsum(device["baseline_w"] for device, _ in read)
    power_w = fsum(max(abs(device["planned_w"]), abs(device["baseline_w"])) for device, _ in read)
    change_w = expected_w - baseline_w
    measurable = abs(change_w) > MIN_CHANGE_FRACTION * power_w
    return {
        "devices_read": len(read),
        "delivered_w": delivered_w if read else None,
        "expected_w": expected_w if read else None,
        "performance": (delivered_w - baseline_w) / change_w if measurable else None,
    }


def _unanswered(order: DispatchOrder, lfdi: Lfdi) -> str:
    late = clock.now() > order.created_at + PATIENCE_POLLS * pollrates.poll("DERProgramList", lfdi)
    return NO_RESPONSE if late else WAITING
