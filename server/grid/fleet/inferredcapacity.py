"""The capacity of storage that reports none, from how its state of charge changed with the energy.

The device interface notes a state of charge (`note`), the worker infers from it (`infer_due`): the energy is
summed up with numpy, which the device interface does not load.
"""
from __future__ import annotations

from server.config import settings
from server.grid.fleet import power
from server.grid.fleet.derreports import DerStatus
from server.models import db
from server.resources import sql
from server.units import Href, Instant, WattHours

EFFICIENCY = 0.9 ** 0.5  # of one way, charging or discharging
_MIN_SOC_CHANGE = 0.02  # from which a capacity is inferred
_WEIGHT = 0.3  # of a newly inferred capacity against those before
_A_TURN = 400  # inferences at most


def note(der: Href, status: DerStatus, previous_soc: float | None) -> None:
    """Note a state of charge of a DER that reports no capacity, if it differs enough from the one before.

    `status` is the one before the present one, since the readings until then have arrived by now.
    """
    if status.soc is None or status.soc_at is None:
        return
    if previous_soc is None:
        name = "previous"
    elif abs(status.soc - previous_soc) >= _MIN_SOC_CHANGE:
        name = "pending"
    else:
        return
    sql.execute(f"UPDATE der_state SET {name}_soc = ?, {name}_soc_at = ? WHERE href = ?", status.soc,
                status.soc_at, der)


def infer_due() -> int:
    """Infer capacities from the states of charge that were noted; return of how many DERs.

    More than _A_TURN wait for the next turn.
    """
    rows = sql.rows(
        "SELECT href, device_id, previous_soc, previous_soc_at, pending_soc, pending_soc_at, "
        "inferred_capacity_wh FROM der_state WHERE pending_soc_at IS NOT NULL "
        "ORDER BY pending_soc_at LIMIT ?",
        _A_TURN,
    )
    if rows:
        with db.atomic():
            sql.many(
                "UPDATE der_state SET previous_soc = ?, previous_soc_at = ?, inferred_capacity_wh = ?, "
                "pending_soc = NULL, pending_soc_at = NULL WHERE href = ? AND pending_soc_at = ?",
                [(soc, soc_at, _inferred_wh(device, previous_soc, previous_soc_at, soc, soc_at, inferred_wh),
                  href, soc_at)
                 for href, device, previous_soc, previous_soc_at, soc, soc_at, inferred_wh in rows],
            )
    return len(rows)


def _inferred_wh(
    device: int,
    previous_soc: float,
    previous_soc_at: Instant,
    soc: float,
    soc_at: Instant,
    inferred_wh: WattHours | None,
) -> WattHours | None:
    """Return the capacity by the energy between two states of charge and by what was inferred before."""
    load_wh = -power.energy_wh(device, previous_soc_at, soc_at)
    charged_wh = load_wh * (EFFICIENCY if load_wh > 0 else 1 / EFFICIENCY)
    capacity_wh = charged_wh / (soc - previous_soc)
    if not 0 < capacity_wh <= settings.plausible_energy_wh:
        return inferred_wh
    return capacity_wh if inferred_wh is None else (1 - _WEIGHT) * inferred_wh + _WEIGHT * capacity_wh
