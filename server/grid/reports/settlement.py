"""Settlement: the energies that events delivered, by group and kind of event."""
from __future__ import annotations

import math
from collections.abc import Sequence

from server.grid.optimisation import measurement
from server.grid.optimisation.measurement import DirectionEnergy, Performance
from server.grid.reports.results import (DirectionPerformance, EventPerformance, GroupPerformance,
                                         SettlementRow)

_NOTHING = DirectionEnergy(0.0, 0.0, 0.0)


def settlement(events: Sequence[EventPerformance]) -> list[SettlementRow]:
    """Return a row for each group and kind of event.

    It has what was asked and delivered in the events with enough readings, up and down apart, the uncertainty
    of that, and how many events had too few.
    """
    by_group: dict[tuple[str, str], list[EventPerformance]] = {}
    for event in events:
        by_group.setdefault((event["vder"], event["kind"]), []).append(event)
    return [_row(group, kind, group_events) for (group, kind), group_events in sorted(by_group.items())]


def energies(group: GroupPerformance) -> Performance:
    """Return the energies of an event by its record."""
    return Performance(_energy(group["up"]), _energy(group["down"]))


def _energy(direction: DirectionPerformance | None) -> DirectionEnergy:
    if direction is None:
        return _NOTHING
    return DirectionEnergy(direction["asked_wh"], direction["delivered_wh"], direction["credited_wh"])


def _row(group: str, kind: str, events: Sequence[EventPerformance]) -> SettlementRow:
    settled = [event for event in events if event["group"]["settled"]]
    total = measurement.total(energies(event["group"]) for event in settled)
    uncertainty_wh = math.hypot(*(
        (event["group"]["uncertainty_w"] or 0.0) * (event["end"] - event["start"]) / 3600
        for event in settled))

    def kwh(energy_wh: float) -> float | None:
        return round(energy_wh / 1000, 2) if settled else None

    return {
        "group": group,
        "kind": kind,
        "events": len(events),
        "unsettled": len(events) - len(settled),
        "members": max(event["group"]["members"] for event in events),
        "up_asked_kwh": kwh(total.up.asked),
        "up_delivered_kwh": kwh(total.up.delivered),
        "down_asked_kwh": kwh(total.down.asked),
        "down_delivered_kwh": kwh(total.down.delivered),
        "credited_kwh": kwh(total.up.credited + total.down.credited),
        "uncertainty_kwh": kwh(uncertainty_wh),
        "performance_percent": None if total.figure is None else round(100 * total.figure, 1),
        "methods": sorted({method for event in settled for method in event["group"]["methods"]}),
    }
