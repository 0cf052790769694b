"""A virtual DER at a glance: who of its members is there, what is read of them, what is in effect, and who is
left out."""
from __future__ import annotations

from collections import Counter
from typing import Any

from server import clock
from server.grid.fleet import fleetstate
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import np
from server.grid.optimisation.clusters import Batteries
from server.models import Device, DispatchOrder, Participation, VirtualDER
from server.resources import sql


def status(vder: str | int | VirtualDER) -> dict[str, Any]:
    """Members by what they are and by why they are left out; W of injection as read now, with how many were
    read; the charge of the stores (0 to 1); ratings as far as they are verified (read freshly), claimed
    (never read) and unknown (not seen of late); orders in effect; and who is left out."""
    found, now = virtualders.find(vder), clock.now()
    fleet_state = fleetstate.read(found, now)
    columns = fleet_state.columns
    read = np.isfinite(columns.meters.injection_w)
    stale = columns.contact.suspended | ~(
        now - columns.contact.last_contact_at <= columns.contact.contact_timeout_s
    )
    return {
        "name": found.name,
        "members": len(columns.device),
        "kinds": dict(sorted(Counter(columns.kind.tolist()).items())),
        "available": len(columns.device) - len(fleet_state.excluded),
        "out": dict(sorted(Counter(fleet_state.excluded.values()).items())),
        "injection_w": float(np.nansum(columns.meters.injection_w[~stale])),
        "read": int((read & ~stale).sum()),
        "site_w": float(np.nansum(columns.meters.premises_injection_w))
        if np.isfinite(columns.meters.premises_injection_w).any()
        else None,
        "charge": _charge(fleet_state.fleet.batteries),
        "sessions": len(fleet_state.ev.requests),
        **_known(fleet_state, stale),
        "orders": _orders(found, now),
        "left_out": _left_out(fleet_state),
    }


def _charge(stores: Batteries) -> float | None:
    return float(stores.energy.sum() / stores.most.sum()) if stores.most.sum() > 0 else None


def _known(fleet_state: fleetstate.FleetState, stale: Any) -> dict[str, float]:
    """W that are rated, either way, by how well they are columns."""
    columns, size = fleet_state.columns, len(fleet_state.columns.device)
    rated = np.bincount(
        columns.ders.member, np.maximum(columns.ders.max_injection_w, columns.ders.max_absorption_w), size
    )
    rated = np.where(columns.max_load_w > 0, columns.max_load_w, rated)
    return {
        "verified_w": float(rated[columns.contact.fresh & ~stale].sum()),
        "claimed_w": float(rated[~columns.contact.fresh & ~stale].sum()),
        "unknown_w": float(rated[stale].sum()),
    }


def _orders(vder: VirtualDER, now: int) -> list[dict[str, Any]]:
    """Orders in effect on it or a virtual DER below it, and on those above it."""
    tree = Tree.read(include=[vder])
    numbers = {*tree.subtree(vder.id), *tree.ancestors(vder.id)}
    return [
        {
            "id": row.id,
            "vder": row.vder.name,
            "wish": row.quantity,
            "value": row.value,
            "end": row.start + row.duration_s,
            "planned_w": row.planned_w,
            "reason": row.reason,
        }
        for row in DispatchOrder.select(DispatchOrder, VirtualDER)
        .join(VirtualDER)
        .where(
            DispatchOrder.vder.in_(numbers)
            & (DispatchOrder.start <= now)
            & (DispatchOrder.start + DispatchOrder.duration_s > now)
            & (DispatchOrder.cancelled_at.is_null() | (DispatchOrder.cancelled_at > now))
        )
        .order_by(DispatchOrder.id)
    ]


def _left_out(fleet_state: fleetstate.FleetState) -> list[dict[str, Any]]:
    rows = {
        row.device.id: row
        for row in Participation.select(Participation, Device)
        .join(Device)
        .where(Participation.opted_out_until.is_null(False))
    }
    names = dict(
        sql.rows(
            "SELECT d.id, d.name FROM device d JOIN membership m ON m.device_id = d.id WHERE m.vder_id = ?",
            fleet_state.columns.area.id,
        )
    )
    return [{"device": names[device] or str(device), "why": why,
             "reason": rows[device].opt_out_reason if device in rows and why == "opted out" else "",
             "until": rows[device].opted_out_until if device in rows and why == "opted out" else None}
            for device, why in fleet_state.excluded.items()]
