"""What was learned of the thermal loads of each group, as rows: how they draw by the outdoor temperature,
what they store, and how far they respond (see optimisation/thermalfit.py)."""
from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from server.config import settings
from server.grid.optimisation.loadlines import LoadLine
from server.grid.optimisation.thermalfit import Store, ThermalModel
from server.models import ThermalParameters, among
from server.resources import sql
from server.units import Instant, Watts

LEAK_HOURS = 20.0  # time constant with which a thermal load loses what it stored, until it is learned
_COLUMNS = ("vder_id", "variety", "learned_at", "rated_w", "idle", "heating_per_k", "heating_below_c",
            "cooling_per_k", "cooling_above_c", "band_h_per_k", "leak_h", "is_learned", "response")
_REPLACE = "ON CONFLICT (vder_id, variety) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _COLUMNS[2:])


class GroupModel(NamedTuple):
    """The model of a group's loads of one variety, when it was learned, and their rating then."""
    model: ThermalModel
    learned_at: Instant
    rated_w: Watts


def declared_store() -> Store:
    """Return the store that holds until one is learned: that of the settings."""
    return Store(max(settings.comfort_hours, 1e-3) / max(settings.comfort_kelvin, 0.1), LEAK_HOURS)


def read(vders: Collection[int]) -> dict[tuple[int, int], GroupModel]:
    """Return what was learned of these virtual DERs (by number), by virtual DER and variety."""
    rows = among(ThermalParameters.select(), ThermalParameters.vder, vders)
    return {(row.vder_id, row.variety): _model(row) for row in rows}


def _model(row: ThermalParameters) -> GroupModel:
    values = [getattr(row, name) for name in LoadLine._fields]
    line = None if row.idle is None else LoadLine(*values)
    store = Store(row.band_h_per_k, row.leak_h) if row.is_learned else declared_store()
    return GroupModel(ThermalModel(line, store, row.is_learned, row.response), row.learned_at, row.rated_w)


def save(vder: int, variety: int, learned: GroupModel) -> None:
    """Record what was learned in place of what was before."""
    model = learned.model
    line = [None] * len(LoadLine._fields) if model.line is None else list(model.line)
    sql.insert("thermal_parameters", _COLUMNS, [(
        vder, variety, learned.learned_at, learned.rated_w, *line, *model.store, model.is_learned,
        model.response)], _REPLACE)
