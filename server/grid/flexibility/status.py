"""The status of a virtual DER: its members, their last readings, orders in effect, excluded devices."""
from __future__ import annotations

from collections import Counter

from server import clock, scopes
from server.grid.fleet import fleetstate, unmetneeds
from server.grid.fleet.eligibility import OPTED_OUT
from server.grid.fleet.fleetstate import FleetState
from server.grid.flexibility import thermalgroups
from server.grid.flexibility.results import ActiveOrder, ExcludedDevice, VderStatus
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.optimisation.clusters import Batteries
from server.grid.series import areameter
from server.models import DispatchOrder, Participation, VirtualDER, among
from server.resources import sql
from server.units import Fraction, Instant


def status(vder: str | int | VirtualDER) -> VderStatus:
    """Return the status of a virtual DER now."""
    target, now = virtualders.find(vder), clock.now()
    state = fleetstate.read(target, now)
    columns = state.columns
    injection_w, premises_w = columns.meters.injection_w, columns.meters.premises_injection_w
    stale: Bools = columns.contact.suspended | ~(
        now - columns.contact.last_contact_at <= columns.contact.contact_timeout_s
    )
    fresh: Bools = columns.contact.fresh
    rated_w = _rated_w(state)
    return {
        "name": target.name,
        "members": len(columns.device),
        "kinds": dict(sorted(Counter(columns.kind.tolist()).items())),
        "available": len(columns.device) - len(state.excluded),
        "excluded": dict(sorted(Counter(state.excluded.values()).items())),
        "injection_w": float(np.nansum(injection_w[~stale])),
        "devices_read": int((np.isfinite(injection_w) & ~stale).sum()),
        "premises_injection_w": float(np.nansum(premises_w)) if np.isfinite(premises_w).any() else None,
        "soc": _soc(state.fleet.batteries),
        "sessions": len(state.ev.requests),
        "verified_w": float(rated_w[fresh & ~stale].sum()),
        "claimed_w": float(rated_w[~fresh & ~stale].sum()),
        "unknown_w": float(rated_w[stale].sum()),
        "meter": areameter.describe(areameter.of_area(target)),
        "orders": _orders(target, now),
        "unmet": [
            {"device": row.device, "departure": row.departure_at, "unmet_wh": row.unmet_wh,
             "reason": row.reason}
            for row in unmetneeds.of_vder(target, now)
        ],
        "thermal": thermalgroups.of_groups(state.dispatch_groups),
        "excluded_devices": _excluded_devices(state),
    }


def _soc(batteries: Batteries) -> Fraction | None:
    capacity_wh = batteries.most.sum()
    return float(batteries.energy.sum() / capacity_wh) if capacity_wh > 0 else None


def _rated_w(state: FleetState) -> Floats:
    """The rating of each member: of its load, else of its DERs in the direction in which it is greater."""
    columns = state.columns
    der_w = np.maximum(columns.ders.max_injection_w, columns.ders.max_absorption_w)
    rated_w = np.bincount(columns.ders.member, der_w, len(columns.device))
    return np.where(columns.max_load_w > 0, columns.max_load_w, rated_w)


def _orders(vder: VirtualDER, now: Instant) -> list[ActiveOrder]:
    """The orders in effect on a virtual DER, on those below it and on those above it."""
    tree = Tree.read(include=[vder])
    numbers = {*tree.subtree(vder.id), *tree.ancestors(vder.id)}
    in_effect = scopes.vders(DispatchOrder.select(DispatchOrder, VirtualDER).join(VirtualDER)).where(
        (DispatchOrder.start <= now)
        & (DispatchOrder.start + DispatchOrder.duration_s > now)
        & (DispatchOrder.cancelled_at.is_null() | (DispatchOrder.cancelled_at > now))
    )
    return [
        {
            "id": order.id,
            "vder": order.vder.name,
            "quantity": order.quantity,
            "value": order.value,
            "end": order.start + order.duration_s,
            "planned_w": order.planned_w,
            "reason": order.reason,
        }
        for order in sorted(among(in_effect, DispatchOrder.vder, numbers), key=lambda order: order.id)
    ]


def _excluded_devices(state: FleetState) -> list[ExcludedDevice]:
    query = Participation.select().where(Participation.opted_out_until.is_null(False))
    opted_out = {row.device_id: row for row in query}
    names = dict(
        sql.rows(
            "SELECT d.id, d.name FROM device d JOIN membership m ON m.device_id = d.id WHERE m.vder_id = ?",
            state.columns.area.id,
        )
    )
    rows: list[ExcludedDevice] = []
    for device, reason in state.excluded.items():
        opt_out = opted_out.get(device) if reason == OPTED_OUT else None
        rows.append(
            {
                "device": names[device] or str(device),
                "reason": reason,
                "opt_out_reason": opt_out.opt_out_reason if opt_out is not None else "",
                "opted_out_until": opt_out.opted_out_until if opt_out is not None else None,
            }
        )
    return rows
