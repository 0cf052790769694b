"""Areas that are kept in balance, as pages show them: imbalance with and without, plan against what came."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.console import cells, charts, running
from server.console.charts import PageChart
from server.errors import Refused
from server.grid.series.intervals import DAY, STEP

KINDS: Mapping[str, str] = {"storage": "batteries", "ev": "cars", "thermal": "heat", "pv": "solar"}
Series = dict[int, float]
_PLANNED = {"line": {"dash": "dash", "width": 1.5}}


class AreaDay(NamedTuple):
    """What is known of an area's day: its settings, measured quantities, and the plan in force."""
    settings: Mapping[str, Any]
    start: int
    now: int
    measured: Mapping[str, Series]
    plan: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return str(self.settings["vder"])

    @property
    def newest(self) -> tuple[float | None, float | None]:
        """The newest imbalance that was measured, with and without Counterpoise."""
        after = self.measured.get("after", {})
        if not after:
            return None, None
        return after[max(after)], self.measured.get("before", {}).get(max(after))

    @property
    def cut(self) -> float | None:
        """The part of the RMS of today's imbalance that was cut; None where nothing is known."""
        before, after = self.measured.get("before", {}), self.measured.get("after", {})
        both = before.keys() & after.keys()
        without = sum(before[start] ** 2 for start in both) ** 0.5
        return 1 - sum(after[start] ** 2 for start in both) ** 0.5 / without if without else None


def settings_of_all() -> list[Mapping[str, Any]]:
    """Return how each area is kept in balance that who has signed in sees."""
    found = running.attempt("plan areas")
    return [] if isinstance(found, Refused) else found


def day(row: Mapping[str, Any]) -> AreaDay:
    """Return the day of an area: what was measured since midnight, and the plan in force."""
    now = clock.now()
    zone = ZoneInfo(settings.timezone)
    local = datetime.fromtimestamp(now, UTC).astimezone(zone)
    start = int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) // STEP * STEP
    measured: dict[str, Series] = {}
    rows = running.attempt("history show", {"vder": row["vder"], "start": start, "end": now})
    for interval in [] if isinstance(rows, Refused) else rows:
        for quantity, value in interval["injection_w"].items():
            measured.setdefault(quantity, {})[interval["start"]] = value
    plan = None if row["plan"] is None else running.attempt("plan show", {"number": row["plan"]})
    return AreaDay(row, start, now, measured, None if isinstance(plan, Refused) else plan)


def imbalance(found: AreaDay, id: str) -> PageChart:
    """Return the chart of the imbalance, without and with Counterpoise, and of what is planned."""
    steps = found.plan["steps"] if found.plan else []
    ahead = {step["start"]: step for step in steps if step["start"] >= found.now - STEP}
    expected = {**found.measured.get("expected", {}),
                **{start: step["after_w"] for start, step in ahead.items()}}
    series = {
        "without": {**{start: step["before_w"] for start, step in ahead.items()},
                    **found.measured.get("before", {})},
        "with": found.measured.get("after", {}), "planned": expected}
    newest, without = found.newest
    summary = "Nothing was measured today yet; more than is to be drawn is above zero."
    if newest is not None:
        summary = f"The last measured is {cells.power(newest)}"
        if without is not None:
            summary += f", and would be {cells.power(without)} without Counterpoise"
        summary += "; too much drawn is above zero."
    return charts.of_series(
        id, f"Imbalance of {found.name} today", *_aligned(found, series), summary=summary, now=found.now,
        styles={"without": {"line": {"color": "var(--series-2)"}},
                "with": {"line": {"color": "var(--series-1)", "width": 3}},
                "planned": _PLANNED}, unit="W")


def by_kind(found: AreaDay, id: str) -> PageChart:
    """Return the chart of what was planned of each kind of device, against what came."""
    series: dict[str, Series] = {}
    styles: dict[str, Mapping[str, Any]] = {}
    for number, (kind, name) in enumerate(KINDS.items(), 1):
        planned, came = found.measured.get(f"planned_{kind}", {}), found.measured.get(kind, {})
        if any(planned.values()) or any(came.values()):
            colour = f"var(--series-{number})"
            series[f"{name}, planned"], series[f"{name}, came"] = planned, came
            styles[f"{name}, planned"] = {"line": {"dash": "dash", "width": 1.5, "color": colour}}
            styles[f"{name}, came"] = {"line": {"color": colour}}
    return charts.of_series(
        id, f"Planned of {found.name}, and what came, by kind", *_aligned(found, series or {"none": {}}),
        summary="Mean injection by 15 minutes; what is drawn is below zero.", styles=styles, now=found.now)


def _aligned(found: AreaDay, series: Mapping[str, Series]) -> tuple[
        int, int, Mapping[str, Sequence[float | None]]]:
    """Series of a day in whole steps, None where nothing is known."""
    starts = range(found.start, found.start + DAY, STEP)
    return found.start, STEP, {name: [values.get(start) for start in starts]
                               for name, values in series.items()}
