"""The rebound of an event: the energy that devices draw afterwards beyond their baseline."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from server import clock
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import baselines, ownevents
from server.grid.reports.baselines import BaselineRequest
from server.grid.reports.evaluatedevents import EvaluatedEvent
from server.grid.reports.results import ReboundRow
from server.grid.series import devicereadings, intervals
from server.grid.series.intervals import STEP
from server.models import Device
from server.units import Instant, Watts

REBOUND_S = 4 * 3600  # seconds after an event in which what it moved may come back


def rebound(
    event: EvaluatedEvent,
    devices: Sequence[Device],
    kinds: Mapping[int, str],
    delivered_w: float | None,
    duration_s: float,
    erased_w: Iterable[Sequence[Watts]] = (),
) -> ReboundRow | None:
    """Return the rebound of an event that delivered a power for a duration.

    Devices that another event affected since do not count. `erased_w` is what `excess_w` was of devices that
    were erased. None while there is none to see, and for events of the automatic balance, which goes on.
    """
    total_w = excess_w(event, devices, kinds)
    if not len(total_w) or not delivered_w:
        return None
    for device_w in erased_w:
        steps = min(len(device_w), len(total_w))  # until it was erased
        total_w[:steps] += device_w[:steps]
    hours = np.diff(np.array(_edges(event), dtype=float)) / 3600
    back = measurement.rebound(-delivered_w * duration_s / 3600, np.zeros(len(total_w)), total_w, hours)
    return {
        "energy_wh": round(back.energy, 1),
        "fraction": back.part,
        "peak_w": round(back.peak, 1),
        "hours": back.hours,
    }


def _edges(event: EvaluatedEvent) -> list[Instant]:
    """Return the edges of the steps after an event that are over; nothing for those of the automatic
    balance."""
    until = min(event.end + REBOUND_S, clock.now() // STEP * STEP)
    return [] if event.continuous else intervals.edges(event.end, until)


def excess_w(event: EvaluatedEvent, devices: Sequence[Device], kinds: Mapping[int, str]) -> Floats:
    """Return what devices drew beyond their baselines in each step after an event, W, as far as it is over.

    Devices that another event affected since, and steps that were not read, count as 0. Empty for events of
    the automatic balance.
    """
    edges = _edges(event)
    total_w = np.zeros(max(len(edges) - 1, 0))
    if not len(total_w) or not devices:
        return total_w
    end = edges[-1]
    metered_w = -devicereadings.of_event([device.id for device in devices], event.end, end).injection_w
    unaffected = [number for number, device in enumerate(devices)
                  if not _affected(device, event.end, end, event.expectations[device.lfdi].mrid)]
    requests = [
        BaselineRequest(
            device.id, device.lfdi, kinds[device.id], event.end, end, excluding=expectation.mrid,
            ordered_w=baselines.load_of(expectation.baseline_w))
        for device in map(devices.__getitem__, unaffected)
        for expectation in (event.expectations[device.lfdi],)]
    for number, baseline in zip(unaffected, baselines.member_baselines(requests), strict=True):
        total_w += np.nan_to_num(metered_w[number] - baseline.load_w)
    return total_w


def _affected(device: Device, start: int, until: int, excluding: str) -> bool:
    """Return whether another event was in effect on a device in [start, until)."""
    spans = ownevents.own_events(device.id, device.lfdi, start, until, excluding)
    return any(
        begin + ownevents.BEFORE < until and end - ownevents.AFTER > start for begin, end in spans
    )
