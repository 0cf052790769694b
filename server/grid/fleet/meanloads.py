"""The mean load of devices since an instant of each: since a state of charge, or since a vehicle came."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from server.grid.optimisation.arrays import np
from server.grid.series import devicepower, meterrows
from server.grid.series.devicepower import MeterEnergy
from server.grid.series.meterrows import MeterRow, PowerReading
from server.resources import meterreadings
from server.units import Href, Instant, Watts

Key = TypeVar("Key", bound=Hashable)
# What each meter of a device read since an instant, of readings that began then: W x s of injection
# and the seconds. To be filled in: the table x with its device_id, and the instant as SQL, twice. Parameters:
# `least_set_start`, the end, the number of the virtual DER, and meterrows.bounds(). A condition on x follows.
ENERGY_SINCE = (
    f"sum({meterrows.POWER} * (CASE WHEN r.duration_s > 0 THEN r.duration_s ELSE 1 END)), "
    "sum(CASE WHEN r.duration_s > 0 THEN r.duration_s ELSE 1 END) FROM {} "
    "JOIN meter m ON m.device_id = x.device_id AND m.kind <> 'premises' "
    "JOIN reading_set s ON s.meter = m.href AND s.start > {} - 86400 "
    f"JOIN reading r ON {meterreadings.OF_SET} AND r.set_start > ? AND r.start >= {{}} AND r.start < ? "
    f"JOIN membership p ON p.device_id = x.device_id AND p.vder_id = ? WHERE {meterrows.COUNTS} AND "
)


class Window(NamedTuple):
    """A device (by number) and the instant since which its load is asked for."""
    device: int
    since: Instant


def least_set_start(windows: Iterable[Window], at: Instant) -> Instant:
    """Return the start before which no set has readings of these windows, which end at `at`."""
    return min((window.since for window in windows), default=at) - 86_400


def mean_load_w(
    windows: Mapping[Key, Window], energy: Iterable[tuple[Key, Href, float, float]], at: Instant
) -> dict[Key, Watts]:
    """Return the mean load until `at` of each window of which it is known.

    `energy` is what ENERGY_SINCE selects: W x s of injection and seconds by window and meter. Registers are
    read here.
    """
    meters = _meters({window.device for window in windows.values()})
    read = {(key, href): (energy_ws, float(seconds)) for key, href, energy_ws, seconds in energy}
    _add_registers(read, windows, meters, at)
    rows, owner, values = [], [], []
    for number, (key, window) in enumerate(windows.items()):
        for row in meters.get(window.device, ()):
            rows.append(row)
            owner.append(number)
            values.append(read.get((key, row.href), (0.0, 0.0)))
    sums = np.array(values, dtype=float).reshape(-1, 2)
    injection_w = devicepower.of_steps(
        devicepower.arrays(rows, np.array(owner, dtype=np.intp)),
        MeterEnergy(sums[:, :1], sums[:, 1:]), at, 0, len(windows),
    )[:, 0]
    return {key: -float(power_w) for key, power_w in zip(windows, injection_w.tolist(), strict=True)
            if np.isfinite(power_w)}


def _meters(devices: Iterable[int]) -> dict[int, list[MeterRow]]:
    """Return the meters of devices themselves, without those of premises, by device."""
    meters: dict[int, list[MeterRow]] = defaultdict(list)
    for row in meterrows.of_devices(sorted(devices), "AND m.kind <> 'premises'"):
        meters[row.device].append(row)
    return meters


def _add_registers(
    read: dict[tuple[Key, Href], tuple[float, float]],
    windows: Mapping[Key, Window],
    meters: Mapping[int, list[MeterRow]],
    at: Instant,
) -> None:
    """Add to `read` what registers say of each window."""
    rows = [row for of_device in meters.values() for row in of_device]
    since = min((window.since for window in windows.values()), default=at)
    powers: dict[Href, list[PowerReading]] = defaultdict(list)
    for power in meterrows.registers(rows, since, at):
        powers[power.href].append(power)
    for key, window in windows.items() if powers else ():
        for row in meters.get(window.device, ()):
            for power in powers.get(row.href, ()):
                end = min(power.start + power.duration_s, at)
                overlap_s = max(0, end - max(power.start, window.since))
                energy_ws, seconds = read.get((key, row.href), (0.0, 0.0))
                read[key, row.href] = energy_ws + overlap_s * power.injection_w, seconds + overlap_s
