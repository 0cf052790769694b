"""What was learned of the thermal loads of groups, as operators are shown it."""
from __future__ import annotations

from collections.abc import Sequence

from server.grid.flexibility.results import ThermalGroup
from server.grid.series import thermalmodels
from server.grid.series.thermalmodels import GroupModel
from server.models import VirtualDER

LOADS = ("thermostats", "switched loads")  # by variety
FULL_RESPONSE = 0.95  # from which on nothing has to be said


def of_groups(groups: Sequence[VirtualDER]) -> list[ThermalGroup]:
    """Return what was learned of the thermal loads that are dispatched through these virtual DERs."""
    models = thermalmodels.read([vder.id for vder in groups])
    names = {vder.id: vder.name for vder in groups}
    return [_row(names[vder], variety, models[vder, variety]) for vder, variety in sorted(models)]


def warnings(groups: Sequence[VirtualDER]) -> list[str]:
    """Return a sentence for each group of which less is planned since it delivers less than it is asked."""
    return [
        f"{row['loads']} of {row['vder']} deliver {row['response']:.0%} of what they are asked, and count "
        "as that"
        for row in of_groups(groups) if row["response"] < FULL_RESPONSE
    ]


def _row(name: str, variety: int, learned: GroupModel) -> ThermalGroup:
    model, rated_w = learned.model, learned.rated_w
    line = model.line
    return {
        "vder": name,
        "loads": LOADS[variety],
        "response": round(model.response, 3),
        "band_wh_per_k": round(model.store.band_h_per_k * rated_w, 1) if model.is_learned else None,
        "leak_h": round(model.store.leak_h, 1),
        "idle_w": None if line is None else round(line.idle * rated_w, 1),
        "heating_w_per_k": None if line is None else round(line.heating_per_k * rated_w, 1),
        "heating_below_c": None if line is None else line.heating_below_c,
        "cooling_w_per_k": None if line is None else round(line.cooling_per_k * rated_w, 1),
        "cooling_above_c": None if line is None else line.cooling_above_c,
        "learned_at": learned.learned_at,
    }
