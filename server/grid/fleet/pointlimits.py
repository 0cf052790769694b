"""The limits of members' own connection points as bounds of what they are planned and ordered to do.

A device is told the limits of its connection point and keeps them by itself; whatever is planned or ordered
beyond would not happen. Limits are magnitudes in W.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.series import devicelimits
from server.grid.series.devicelimits import DeviceLimit
from server.grid.series.intervals import Span


def with_point_limits(state: FleetState, span: Span) -> FleetState:
    """Return the state with storage and cars bounded, step by step of a span, by the limits of their own
    connection points."""
    limits = devicelimits.of_devices(state.columns.device.tolist(), span)
    if not limits:
        return state
    fleet = state.fleet
    batteries = fleet.batteries._replace(
        charge_cap=_caps(state.storage.device, limits, "import_w", span.steps),
        discharge_cap=_caps(state.storage.device, limits, "export_w", span.steps))
    sessions = fleet.sessions._replace(cap=_caps(state.ev.device, limits, "import_w", span.steps))
    return replace(state, fleet=fleet._replace(batteries=batteries, sessions=sessions))


def _caps(
    devices: Whole, limits: Mapping[int, DeviceLimit], direction: str, steps: int
) -> Floats | None:
    """The caps [n, T] of devices (numbers); None where none has a limit."""
    numbers: Sequence[int] = devices.tolist()
    if not any(number in limits for number in numbers):
        return None
    none = np.full(steps, np.inf)
    return np.stack([getattr(limits[number], direction) if number in limits else none for number in numbers])
