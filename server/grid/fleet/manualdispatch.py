"""Manual dispatch: what operators have ordered of members, around which a plan is made.

Consumption is positive, in W, unless a name says otherwise.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from server.grid.fleet import stops
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import sums
from server.grid.optimisation.disaggregation import Committed
from server.grid.series.intervals import Span
from server.models import VirtualDER
from server.resources import sql

_MANUAL_ORDERS = (
    "SELECT d.id, s.planned_w, s.baseline_w, o.start, o.start + o.duration_s FROM share s "
    "JOIN dispatch_order o ON s.order_id = o.id JOIN device d ON d.lfdi = s.lfdi "
    "JOIN membership m ON m.device_id = d.id WHERE m.vder_id = ? AND o.plan_id IS NULL "
    f"AND o.quantity <> '{stops.STOP}' "  # whose devices are no part of the plan
    "AND o.cancelled_at IS NULL AND o.start < ? AND o.start + o.duration_s > ? ORDER BY o.id"
)


class ManualDispatch(NamedTuple):
    """An operator's order on a device: planned and baseline injection, and what fraction of a step it
    lasts."""
    planned_w: float
    baseline_w: float
    fraction: float

    @property
    def change_w(self) -> float:
        """The load in the mean of the step, less that of the baseline."""
        return (self.baseline_w - self.planned_w) * self.fraction

    @property
    def load_w(self) -> float:
        """The load in the mean of the step."""
        return self.change_w - self.baseline_w


NO_DISPATCH = ManualDispatch(0.0, 0.0, 0.0)


def manual_dispatch(area: VirtualDER, span: Span) -> dict[int, ManualDispatch]:
    """Return, by number, the devices with an operator's order in the first step of a span.

    A plan leaves such orders as they are.
    """
    end = span.start + span.step
    return {
        device: ManualDispatch(
            planned_w or 0.0, baseline_w or 0.0, (min(until, end) - max(since, span.start)) / span.step
        )
        for device, planned_w, baseline_w, since, until in sql.rows(_MANUAL_ORDERS, area.id, end, span.start)
    }


def committed(fleet_state: FleetState, orders: Mapping[int, ManualDispatch]) -> Committed:
    """Return what the devices with an operator's order (by number) draw in the first step, by group.

    Thermal loads as a change of their baseline, storage and sessions in full.
    """
    fleet, groups = fleet_state.fleet, len(fleet_state.dispatch_groups)

    def by_group(devices: Whole, group: Whole, quantity: str) -> Floats:
        drawn_w = [getattr(orders.get(device, NO_DISPATCH), quantity) for device in devices.tolist()]
        return sums(group, np.array(drawn_w), groups)

    return Committed(
        fleet,
        by_group(fleet_state.storage.device, fleet.batteries.group, "load_w"),
        by_group(fleet_state.ev.device, fleet.sessions.group, "load_w"),
        by_group(fleet_state.thermal.device, fleet.thermals.group, "change_w"),
    )
