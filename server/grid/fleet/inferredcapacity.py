"""The capacity of storage that reports none, from how its state of charge changed with the energy."""
from __future__ import annotations

from server.config import settings
from server.grid.fleet import power
from server.grid.fleet.derreports import DerStatus
from server.resources import sql
from server.units import Href

EFFICIENCY = 0.9 ** 0.5  # of one way, charging or discharging
_MIN_SOC_CHANGE = 0.02  # from which a capacity is inferred
_WEIGHT = 0.3  # of a newly inferred capacity against those before


def infer(
    der: Href,
    device: int,
    status: DerStatus,
    previous_soc: float | None,
    previous_soc_at: int | None,
    inferred_wh: float | None,
) -> None:
    """Infer the capacity of a DER of a device (by number) from the energy that was read.

    `status` is the one before the present one, since the readings until then have arrived by now.
    """
    soc, soc_at = status.soc, status.soc_at
    if soc is None or soc_at is None:
        return
    if previous_soc is not None and previous_soc_at is not None:
        if abs(soc - previous_soc) < _MIN_SOC_CHANGE:
            return
        load_wh = -power.energy_wh(device, previous_soc_at, soc_at)
        charged_wh = load_wh * (EFFICIENCY if load_wh > 0 else 1 / EFFICIENCY)
        capacity_wh = charged_wh / (soc - previous_soc)
        if 0 < capacity_wh <= settings.plausible_energy_wh:
            inferred_wh = (
                capacity_wh if inferred_wh is None
                else (1 - _WEIGHT) * inferred_wh + _WEIGHT * capacity_wh
            )
    sql.execute(
        "UPDATE der_state SET previous_soc = ?, previous_soc_at = ?, inferred_capacity_wh = ? WHERE href = ?",
        soc,
        soc_at,
        inferred_wh,
        der,
    )
