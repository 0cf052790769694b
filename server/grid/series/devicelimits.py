"""The limits of devices that have a connection point of their own. Limits are magnitudes in W.

They are those of the virtual DER of the single device: what is set, its schedule (of import and export, and
of load and generation alone), and signals.
"""
from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from server import clock
from server.grid.optimisation.arrays import Floats
from server.grid.series import nodelimits
from server.grid.series.intervals import Span
from server.models import VirtualDER, among
from server.resources import sql
from server.units import Instant, Seconds, Watts

STEP_S = 300  # in which limits are taken as constant: the shortest step of a schedule
MAX_STEPS = 31 * 86400 // STEP_S
_LIMITED = (
    "SELECT id, device_id FROM virtual_der WHERE device_id IS NOT NULL AND (import_limit_w IS NOT NULL "
    "OR export_limit_w IS NOT NULL OR id IN (SELECT vder_id FROM envelope WHERE until > ?) "
    "OR id IN (SELECT vder_id FROM series WHERE quantity IN ('import_limit', 'export_limit') AND until > ?))"
)


class DeviceLimit(NamedTuple):
    """The greatest consumption and injection [T] of a device, infinite where there is none."""
    import_w: Floats
    export_w: Floats

    @property
    def least(self) -> tuple[Watts, Watts]:
        """The limits that hold throughout."""
        return float(self.import_w.min()), float(self.export_w.min())


def of_devices(devices: Collection[int], span: Span) -> dict[int, DeviceLimit]:
    """Return the limits of these devices by number; those that have none in the span are left out."""
    wanted = set(devices)
    numbers = [number for number, device in sql.rows(_LIMITED, span.start, span.start) if device in wanted]
    vders = among(VirtualDER.select(), VirtualDER.id, numbers)
    return {vder.device_id: DeviceLimit(import_w, export_w)
            for vder, import_w, export_w in nodelimits.limited(vders, span) if vder.device_id is not None}


def during(start: Instant, duration_s: Seconds) -> Span:
    """Return the span of a time for limits, in whole steps, a month of it at most."""
    begin = start - start % STEP_S
    steps = min(max(-(-(start + duration_s - begin) // STEP_S), 1), MAX_STEPS)
    return Span(begin, steps, STEP_S, clock.now())
