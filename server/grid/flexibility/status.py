"""A virtual DER at a glance: who of its members is there, what is read of them, what is in effect, and who is
left out."""
from __future__ import annotations

from collections import Counter
from typing import Any

from server import clock
from server.grid.fleet import fleetstate
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import np
from server.grid.optimisation.clusters import Batteries
from server.models import Device, DispatchOrder, Participation, VirtualDER
from server.resources import sql


def status(vder: str | int | VirtualDER) -> dict[str, Any]:
    """Members by what they are and by why they are left out; W of injection as read now, with how many were
    read; the charge of the stores (0 to 1); ratings as far as they are verified (read freshly), claimed
    (never read) and unknown (not seen of late); orders in effect; and who is left out."""
    found, now = virtualders.find(vder), clock.now()
    seen = fleetstate.read(found, now)
    known = seen.roster
    read = np.isfinite(known.watts)
    stale = known.suspended | ~(now - known.seen_at <= known.unseen)
    return {
        "name": found.name,
        "members": len(known.device),
        "kinds": dict(sorted(Counter(known.what.tolist()).items())),
        "available": len(known.device) - len(seen.out),
        "out": dict(sorted(Counter(seen.out.values()).items())),
        "injection_w": float(np.nansum(known.watts[~stale])),
        "read": int((read & ~stale).sum()),
        "site_w": float(np.nansum(known.site_w)) if np.isfinite(known.site_w).any() else None,
        "charge": _charge(seen.fleet.batteries),
        "sessions": len(seen.requests),
        **_known(seen, stale),
        "orders": _orders(found, now),
        "left_out": _left_out(seen),
    }


def _charge(stores: Batteries) -> float | None:
    return float(stores.energy.sum() / stores.most.sum()) if stores.most.sum() > 0 else None


def _known(seen: fleetstate.FleetState, stale: Any) -> dict[str, float]:
    """W that are rated, either way, by how well they are known."""
    known, size = seen.roster, len(seen.roster.device)
    rated = np.bincount(
        known.units.place, np.maximum(known.units.max_injection_w, known.units.max_absorption_w), size
    )
    rated = np.where(known.demand > 0, known.demand, rated)
    return {
        "verified_w": float(rated[known.fresh & ~stale].sum()),
        "claimed_w": float(rated[~known.fresh & ~stale].sum()),
        "unknown_w": float(rated[stale].sum()),
    }


def _orders(vder: VirtualDER, now: int) -> list[dict[str, Any]]:
    """Orders in effect on it or a virtual DER below it, and on those above it."""
    rows = sql.rows(
        "WITH RECURSIVE below(id) AS (SELECT id FROM virtual_der WHERE id = ? UNION SELECT v.id FROM "
        "virtual_der v "
        "JOIN below b ON v.parent_id = b.id), above(id) AS (SELECT id FROM virtual_der WHERE id = ? UNION "
        "SELECT v.parent_id "
        "FROM virtual_der v JOIN above a ON v.id = a.id) SELECT id FROM below UNION SELECT id FROM above "
        "WHERE id IS NOT NULL",
        vder.id,
        vder.id,
    )
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
            DispatchOrder.vder.in_([number for (number,) in rows])
            & (DispatchOrder.start <= now)
            & (DispatchOrder.start + DispatchOrder.duration_s > now)
            & (DispatchOrder.cancelled_at.is_null() | (DispatchOrder.cancelled_at > now))
        )
        .order_by(DispatchOrder.id)
    ]


def _left_out(seen: fleetstate.FleetState) -> list[dict[str, Any]]:
    rows = {
        row.device.id: row
        for row in Participation.select(Participation, Device)
        .join(Device)
        .where(Participation.opted_out_until.is_null(False))
    }
    names = dict(
        sql.rows(
            "SELECT d.id, d.name FROM device d JOIN membership m ON m.device_id = d.id WHERE m.vder_id = ?",
            seen.roster.area.id,
        )
    )
    return [{"device": names[device] or str(device), "why": why,
             "reason": rows[device].opt_out_reason if device in rows and why == "opted out" else "",
             "until": rows[device].opted_out_until if device in rows and why == "opted out" else None}
            for device, why in seen.out.items()]
