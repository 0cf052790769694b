"""The power of a group over an event, step by step: its baseline, what was asked, what was measured. Pure."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from server.grid.optimisation.arrays import np
from server.grid.reports.membersteps import MemberSteps
from server.grid.reports.results import PowerRow
from server.units import Instant


def power_rows(members: Sequence[MemberSteps], edges: Sequence[Instant]) -> list[PowerRow]:
    """Return a row for each step between two edges, as injection: the sum over the devices with a baseline
    and a reading then.

    Of a device without a plan in W (a thermostat with an offset) nothing is asked but its baseline. A step in
    which no device was read has no powers.
    """
    if not members or not edges:
        return []
    baseline_w = np.array([member.baseline.load_w for member in members])
    planned_w = np.array([member.planned_w for member in members])
    metered_w = np.array([member.metered_w for member in members])
    known = np.isfinite(baseline_w) & np.isfinite(metered_w)
    asked_w = np.where(np.isfinite(planned_w), planned_w, baseline_w)
    counts = known.sum(axis=0)
    sums_w = [-np.where(known, column, 0.0).sum(axis=0) for column in (baseline_w, asked_w, metered_w)]
    return [_row(step, int(count), [float(column[number]) for column in sums_w])
            for number, (step, count) in enumerate(zip(pairwise(edges), counts, strict=True))]


def _row(step: tuple[Instant, Instant], devices_read: int, powers_w: Sequence[float]) -> PowerRow:
    baseline_w, asked_w, measured_w = (
        round(power_w, 1) + 0.0 if devices_read else None for power_w in powers_w)
    return {
        "start": step[0],
        "duration_s": step[1] - step[0],
        "baseline_w": baseline_w,
        "asked_w": asked_w,
        "measured_w": measured_w,
        "delivered_w": round(powers_w[2] - powers_w[0], 1) + 0.0 if devices_read else None,
        "devices_read": devices_read,
    }
