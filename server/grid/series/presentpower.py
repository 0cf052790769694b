"""What flows now, from the newest value of each meter. One that is not of about now says nothing of it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.config import settings
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series import devicepower, meterrows
from server.grid.series.meterrows import MeterRow
from server.models import VirtualDER
from server.resources import meterreadings, pollrates, sql
from server.units import Instant, Lfdi, Seconds, Watts

POSTS = 2  # a value is of about now until so many posts were missed, or so many of its periods have passed,
MAX_AGE_S = 3600  # but in the latter case no longer than this
_MEMBERS = ("JOIN membership p ON p.device_id = m.device_id WHERE p.vder_id = ? AND m.kind = ? "
            "AND m.read_at <= ? ORDER BY m.href")
_LFDIS = "SELECT d.id, d.lfdi FROM device d JOIN membership p ON p.device_id = d.id WHERE p.vder_id = ?"


class PresentPower(NamedTuple):
    """The injection of each owner [d], NaN where it is not known now, and which meters [m] were read about
    now."""
    injection_w: Floats
    recent: Bools


def reading_timeout_s(lfdi: Lfdi) -> Seconds:
    """Return after how long a device is without readings, by how often it shall post them."""
    return POSTS * (pollrates.configured("post", "MirrorUsagePoint", lfdi) or settings.post_rate)


def of_meters(
    rows: Sequence[MeterRow],
    owner: Sequence[int] | Whole,
    owners: int,
    timeout_s: Sequence[Seconds] | Floats,
    at: Instant,
) -> PresentPower:
    """Return what the owners of meters inject at `at`; `timeout_s` [m] is that of each meter's device."""
    meters = devicepower.arrays(rows, np.asarray(owner, dtype=np.intp))
    period_s = np.array([row.period_s or 0 for row in rows], dtype=float)
    injection_w = np.array([row.injection_w for row in rows], dtype=float)
    limit_w = np.array([row.limit_w for row in rows], dtype=float)
    recent = is_recent(meters.read_at, period_s, np.asarray(timeout_s, dtype=float), at)
    known = recent & (np.abs(injection_w) <= limit_w)
    return PresentPower(devicepower.of_instant(meters, injection_w, known, at, owners), recent)


def is_recent(read_at: Floats, period_s: Floats, timeout_s: Floats, at: Instant) -> Bools:
    """Return which readings are of about an instant (UTC, s). Pure.

    `read_at` and `period_s` are the end and the duration of each, `timeout_s` is that of its device. A mean
    over a time that is longer than MAX_AGE_S says nothing of an instant.
    """
    age_s = np.maximum(timeout_s, np.minimum(POSTS * period_s, MAX_AGE_S))
    ahead = read_at - at > meterreadings.CLOCK_TOLERANCE_S
    recent: Bools = (at - read_at <= age_s) & (period_s <= MAX_AGE_S) & ~ahead
    return recent


def of_members(vder: VirtualDER, quantity: str, at: Instant) -> Watts | None:
    """Return the injection that members measure of a quantity at `at`, None where none is known."""
    rows = meterrows.read(_MEMBERS, vder.id, quantity, at)
    if not rows:
        return None
    devices: dict[int, int] = {}
    owner = np.array([devices.setdefault(row.device, len(devices)) for row in rows], dtype=np.intp)
    timeout_s = np.full(len(rows), float(POSTS * settings.post_rate))
    if pollrates.any_configured():
        lfdis = dict(sql.rows(_LFDIS, vder.id))
        timeout_s[:] = [reading_timeout_s(lfdis[row.device]) for row in rows]
    injection_w = of_meters(rows, owner, len(devices), timeout_s, at).injection_w
    known = np.isfinite(injection_w)
    return float(injection_w[known].sum()) if known.any() else None
