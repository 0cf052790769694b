"""What came of an order so far: who responded what, and how much power came of it."""
from __future__ import annotations

from collections import Counter
from math import fsum
from typing import Any

from server import clock
from server.grid.controls.responses import NO_RESPONSE, PATIENCE_POLLS, WAITING, latest_responses
from server.grid.fleet import power
from server.models import Device, DispatchOrder, Share
from server.resources import pollrates

# of what devices do or are to do: a planned change of less says nothing about performance
MIN_CHANGE_FRACTION = 0.05


def order_progress(row: DispatchOrder) -> dict[str, Any]:
    """Devices by what they last said, and the power delivered against the wish.

    `delivered_w` is the mean injection since the start (or until the end) of those whose readings say so, and
    `expected_w` what was planned of the same; `performance` is the part that was delivered of the planned
    change, None where the plan changes next to nothing. That is for a look while it runs; for settlement see
    `performance`.
    """
    shares = list(Share.select().where(Share.order == row).order_by(Share.lfdi))
    said = latest_responses({(share.lfdi, share.mrid) for share in shares})
    names = {device.lfdi: device.name for device in Device.select(Device.lfdi, Device.name).where(
        Device.lfdi.in_(Share.select(Share.lfdi).where(Share.order == row)))}
    end = min(
        clock.now(), row.start + row.duration_s, *([row.cancelled_at] if row.cancelled_at is not None else [])
    )
    injected = power.mean([share.lfdi for share in shares], row.start, end) if end > row.start else {}
    devices: list[dict[str, Any]] = [
        {
            "lfdi": share.lfdi,
            "name": names.get(share.lfdi, ""),
            "control": share.event_href,
            "answer": said.get((share.lfdi, share.mrid)) or _unanswered(row, share.lfdi),
            "baseline_w": share.baseline_w,
            "planned_w": share.planned_w,
            "delivered_w": injected.get(share.lfdi),
        }
        for share in shares
    ]
    read = [device for device in devices if device["delivered_w"] is not None]
    delivered, expected, baseline = (fsum(device[key] for device in read)
                                     for key in ("delivered_w", "planned_w", "baseline_w"))
    least = MIN_CHANGE_FRACTION * fsum(
        max(abs(device["planned_w"]), abs(device["baseline_w"])) for device in read
    )
    return {
        "answers": dict(Counter(device["answer"] for device in devices)),
        "read": len(read),
        "delivered_w": delivered if read else None,
        "expected_w": expected if read else None,
        "performance": (delivered - baseline) / (expected - baseline)
        if abs(expected - baseline) > least
        else None,
        "devices": devices,
    }


def _unanswered(row: DispatchOrder, lfdi: str) -> str:
    late = clock.now() > row.created_at + PATIENCE_POLLS * pollrates.poll("DERProgramList", lfdi)
    return NO_RESPONSE if late else WAITING
