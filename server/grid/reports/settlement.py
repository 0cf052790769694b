"""Settlement: the energies that events delivered, by group and kind of event."""
from __future__ import annotations

import math
from collections.abc import Sequence

from server.grid.reports.results import EventPerformance, SettlementRow

_MIN_EXPECTED_KWH = 1e-3  # below which there is no performance


def settlement(events: Sequence[EventPerformance]) -> list[SettlementRow]:
    """Return a row for each group and kind of event.

    It has what was expected and delivered in the events with enough readings, the uncertainty of that, and
    how many events had too few.
    """
    by_group: dict[tuple[str, str], list[EventPerformance]] = {}
    for event in events:
        by_group.setdefault((event["vder"], event["kind"]), []).append(event)
    return [_row(group, kind, group_events) for (group, kind), group_events in sorted(by_group.items())]


def _row(group: str, kind: str, events: Sequence[EventPerformance]) -> SettlementRow:
    settled = [event for event in events if event["group"]["settled"]]
    expected_kwh = math.fsum(
        _energy_kwh(event, event["group"]["expected_w"] or 0.0) for event in settled
    )
    delivered_kwh = math.fsum(
        _energy_kwh(event, event["group"]["delivered_w"] or 0.0) for event in settled
    )
    uncertainty_kwh = math.hypot(
        *(_energy_kwh(event, event["group"]["uncertainty_w"]) for event in settled)
    )
    return {
        "group": group,
        "kind": kind,
        "events": len(events),
        "unsettled": len(events) - len(settled),
        "members": max(event["group"]["members"] for event in events),
        "expected_kwh": round(expected_kwh, 2),
        "delivered_kwh": round(delivered_kwh, 2),
        "methods": sorted({method for event in settled for method in event["group"]["methods"]}),
        "uncertainty_kwh": round(uncertainty_kwh, 2),
        "performance_percent": round(100 * delivered_kwh / expected_kwh, 1)
        if abs(expected_kwh) > _MIN_EXPECTED_KWH
        else None,
    }


def _energy_kwh(event: EventPerformance, power_w: float) -> float:
    return power_w * (event["end"] - event["start"]) / 3.6e6
