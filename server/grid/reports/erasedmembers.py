"""What is kept of devices that were erased: their figures in events, by a name that stands for them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from server.grid.optimisation.arrays import Floats, np
from server.grid.reports.results import DevicePerformance
from server.models import ErasedMember
from server.units import Instant, Watts

# Among the figures that are kept; those of earlier versions have no series.
EXCESS, SERIES = "excess_w", {"asked_w": "asked_series_w", "delivered_w": "delivered_series_w"}
_ADDED = {"readings_left_out": 0, "readings_split": False}


class MemberFigures(NamedTuple):
    """The figures of a device in an event, the standard deviation of its baseline, the change of injection
    [t] that was asked and delivered (see `membersteps`), and what it drew beyond its baseline in the steps
    afterwards (see `reboundenergy`; kept of erased devices alone)."""
    row: DevicePerformance
    baseline_error_w: Watts
    asked_w: Floats
    delivered_w: Floats
    excess_w: tuple[Watts, ...] = ()


def record(event: str, ended_at: Instant, figures: MemberFigures, name: str) -> None:
    """Keep the figures of a device in an event, with `name` in place of its name and LFDI."""
    series = {key: [watts if np.isfinite(watts) else None for watts in getattr(figures, name).tolist()]
              for name, key in SERIES.items()}
    row = {**figures.row, "name": name, "lfdi": name, EXCESS: figures.excess_w, **series}
    ErasedMember.create(event=event, lfdi=name, ended_at=ended_at, figures=row,
                        baseline_error_w=figures.baseline_error_w)


def read(event: str, steps: int) -> list[MemberFigures]:
    """Return the figures that were kept of an event of which so many steps are over."""
    rows = ErasedMember.select().where(ErasedMember.event == event).order_by(ErasedMember.lfdi)
    members = []
    for row in rows:
        excess_w = tuple(row.figures.pop(EXCESS, ()))
        means = row.figures["expected_w"], row.figures["delivered_w"]
        asked_w, delivered_w = (_series(row.figures.pop(key, [mean] * steps), steps)
                                for key, mean in zip(SERIES.values(), means, strict=True))
        figures: Any = _ADDED | row.figures
        members.append(MemberFigures(figures, row.baseline_error_w, asked_w, delivered_w, excess_w))
    return members


def _series(values_w: Sequence[Watts | None], steps: int) -> Floats:
    """Return [steps] values, NaN where there is none, as after a device was erased."""
    kept = [np.nan if watts is None else watts for watts in values_w[:steps]]
    return np.array(kept + [np.nan] * (steps - len(kept)), dtype=float)
