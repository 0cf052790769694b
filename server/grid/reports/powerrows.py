"""The power of a group over an event, step by step: its baseline, what was asked, what was measured. Pure."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.grid.reports.results import PowerRow
from server.units import Instant, Seconds


class DeviceSteps(NamedTuple):
    """A device's load in each step of an event, in W, NaN where it is not known: by its baseline, as it was
    planned, and as it was metered."""
    baseline_w: Floats
    planned_w: Floats
    metered_w: Floats


def power_rows(devices: Sequence[DeviceSteps], start: Instant, step_s: Seconds) -> list[PowerRow]:
    """Return a row for each step, as injection: the sum over the devices with a baseline and a reading then.

    Of a device without a plan in W (a thermostat with an offset) nothing is asked but its baseline. A step in
    which no device was read has no powers.
    """
    if not devices:
        return []
    columns = zip(*devices, strict=True)
    baseline_w, planned_w, metered_w = (np.array(column, dtype=float) for column in columns)
    known = np.isfinite(baseline_w) & np.isfinite(metered_w)
    asked_w = np.where(np.isfinite(planned_w), planned_w, baseline_w)
    counts = known.sum(axis=0)
    sums_w = [-np.where(known, column, 0.0).sum(axis=0) for column in (baseline_w, asked_w, metered_w)]
    return [_row(start + number * step_s, step_s, int(count), [float(column[number]) for column in sums_w])
            for number, count in enumerate(counts)]


def _row(start: Instant, step_s: Seconds, devices_read: int, powers_w: Sequence[float]) -> PowerRow:
    baseline_w, asked_w, measured_w = (
        round(power_w, 1) + 0.0 if devices_read else None for power_w in powers_w)
    return {
        "start": start,
        "duration_s": step_s,
        "baseline_w": baseline_w,
        "asked_w": asked_w,
        "measured_w": measured_w,
        "delivered_w": round(powers_w[2] - powers_w[0], 1) + 0.0 if devices_read else None,
        "devices_read": devices_read,
    }
