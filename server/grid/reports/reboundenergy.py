"""The rebound of an event: the energy that devices draw afterwards beyond their baseline."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from server import clock
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import np
from server.grid.reports import baselines, ownevents
from server.grid.reports.baselines import BaselineRequest
from server.grid.reports.evaluatedevents import EvaluatedEvent
from server.grid.reports.results import ReboundRow
from server.grid.series import devicereadings
from server.grid.series.intervals import STEP
from server.models import Device

REBOUND_S = 4 * 3600  # seconds after an event in which what it moved may come back


def rebound(
    event: EvaluatedEvent,
    devices: Sequence[Device],
    kinds: Mapping[int, str],
    delivered_w: float | None,
    duration_s: int,
) -> ReboundRow | None:
    """Return the rebound of an event that delivered a power for a duration.

    Devices that another event affected since do not count. None while there is none to see, and for events of
    the automatic balance, which goes on.
    """
    until = min(event.end + REBOUND_S, clock.now())
    steps = (until - event.end) // STEP
    if event.continuous or steps <= 0 or not delivered_w:
        return None
    end = event.end + steps * STEP
    baseline_w, total_w = np.zeros(steps), np.zeros(steps)
    metered_w = -devicereadings.mean_injection_w([device.id for device in devices], event.end, end, STEP)
    for device, device_w in zip(devices, metered_w, strict=True):
        expectation = event.expectations[device.lfdi]
        if _affected(device, event.end, until, expectation.mrid):
            continue
        request = BaselineRequest(
            device.id, device.lfdi, kinds[device.id], event.end, end, excluding=expectation.mrid,
            ordered_w=baselines.load_of(expectation.baseline_w),
        )
        load_w = baselines.member_baseline(request).load_w
        known = np.isfinite(load_w) & np.isfinite(device_w)
        baseline_w[known] += load_w[known]
        total_w[known] += device_w[known]
    back = measurement.rebound(-delivered_w * duration_s / 3600, baseline_w, total_w, STEP / 3600)
    return {
        "energy_wh": round(back.energy, 1),
        "fraction": back.part,
        "peak_w": round(back.peak, 1),
        "hours": back.hours,
    }


def _affected(device: Device, start: int, until: int, excluding: str) -> bool:
    """Return whether another event was in effect on a device in [start, until)."""
    spans = ownevents.own_events(device.id, device.lfdi, start, until, excluding)
    return any(
        begin + ownevents.BEFORE < until and end - ownevents.AFTER > start for begin, end in spans
    )
