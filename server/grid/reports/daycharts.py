"""Charts of a month by day: RMS imbalance, contributions by kind."""
from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from server.grid.optimisation.arrays import Floats, np
from server.grid.reports.chartstyle import COLOURS, INK, NAMES, array, day_ticks, legend, starts
from server.grid.reports.powercharts import planned_kinds
from server.grid.reports.results import Report
from server.grid.series.intervals import STEP


def imbalance_by_day(axes: Any, report: Report) -> None:
    """Draw the RMS imbalance of each day, without and with flexibility."""
    days = [(day["date"], day["rms_before_w"], day["rms_after_w"]) for day in report["days"]]
    known = [(date, before_w, after_w) for date, before_w, after_w in days
             if before_w is not None and after_w is not None]
    x = np.arange(len(known))
    bars = (
        (-0.2, "before", "without Counterpoise", [before_w / 1000 for _, before_w, _ in known]),
        (0.2, "after", "with Counterpoise", [after_w / 1000 for _, _, after_w in known]),
    )
    for offset, quantity, label, rms_kw in bars:
        axes.bar(x + offset, rms_kw, 0.38, color=COLOURS[quantity], label=label)
    day_ticks(axes, [date for date, _, _ in known])
    axes.set_ylabel("RMS imbalance in kW")
    legend(axes)


def by_day(report: Report, quantity: str) -> tuple[Floats, Floats]:
    """Return [days] each: the kWh of a series above and below 0 in each local day of a month's report.

    Gaps count as 0. Pure.
    """
    zone = ZoneInfo(report["timezone"])
    positions = {day["date"]: number for number, day in enumerate(report["days"])}
    dates = [start.astimezone(zone).date().isoformat() for start in starts(report, quantity)]
    energies_kwh = np.nan_to_num(array(report, quantity)) * STEP / 3.6e6
    above, below = np.zeros(len(positions)), np.zeros(len(positions))
    for date, energy_kwh in zip(dates, energies_kwh, strict=True):
        if date in positions:
            (above if energy_kwh > 0 else below)[positions[date]] += energy_kwh
    return above, below


def contributions_by_day(axes: Any, report: Report) -> None:
    """Draw the planned change of each kind as stacked bars of each day, up and down, and marks at what was
    metered."""
    kinds = planned_kinds(report)
    x = np.arange(len(report["days"]))
    tops = [np.zeros(len(x)), np.zeros(len(x))]
    for kind in kinds:
        for side, energies_kwh in enumerate(by_day(report, f"planned_{kind}")):
            axes.bar(
                x,
                energies_kwh,
                0.76,
                bottom=tops[side],
                color=COLOURS[kind],
                alpha=0.8,
                label=None if side else NAMES[kind],
            )
            tops[side] = tops[side] + energies_kwh
    metered = [by_day(report, kind) for kind in kinds if kind in report["series"]]
    for side in (0, 1) if metered else ():
        axes.plot(
            x,
            np.sum([sides[side] for sides in metered], axis=0),
            color=INK,
            marker="_",
            markersize=9,
            linewidth=0,
            label=None if side else "metered, sum",
        )
    axes.axhline(0, color=INK, linewidth=0.6)
    day_ticks(axes, [day["date"] for day in report["days"]])
    axes.set_ylabel("change in kWh a day (+ injects)")
    legend(axes)
