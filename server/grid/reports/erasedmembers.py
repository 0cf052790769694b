"""What is kept of devices that were erased: their figures in events, by a name that stands for them."""
from __future__ import annotations

from typing import NamedTuple

from server.grid.reports.results import DevicePerformance
from server.models import ErasedMember
from server.units import Instant, Watts

EXCESS = "excess_w"  # among the figures that are kept; those of earlier versions have none


class MemberFigures(NamedTuple):
    """The figures of a device in an event, the standard deviation of its baseline, and what it drew beyond
    its baseline in the steps afterwards (see `reboundenergy`; kept of erased devices alone)."""
    row: DevicePerformance
    baseline_error_w: Watts
    excess_w: tuple[Watts, ...] = ()


def record(event: str, ended_at: Instant, figures: MemberFigures, name: str) -> None:
    """Keep the figures of a device in an event, with `name` in place of its name and LFDI."""
    ErasedMember.create(event=event, lfdi=name, ended_at=ended_at, baseline_error_w=figures.baseline_error_w,
                        figures={**figures.row, "name": name, "lfdi": name, EXCESS: figures.excess_w})


def read(event: str) -> list[MemberFigures]:
    """Return the figures that were kept of an event."""
    rows = ErasedMember.select().where(ErasedMember.event == event).order_by(ErasedMember.lfdi)
    members = []
    for row in rows:
        excess_w = tuple(row.figures.pop(EXCESS, ()))
        members.append(MemberFigures(row.figures, row.baseline_error_w, excess_w))
    return members
