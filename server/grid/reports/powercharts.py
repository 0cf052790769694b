"""Charts of a period in intervals: imbalance, contributions by kind, state of charge."""
from __future__ import annotations

from typing import Any

from server.grid.optimisation.arrays import np
from server.grid.reports.chartstyle import COLOURS, INK, NAMES, array, legend, starts, time_axis
from server.grid.reports.results import Report


def imbalance(axes: Any, report: Report) -> None:
    """Draw the imbalance without and with flexibility."""
    for quantity, label in (("before", "without Counterpoise"), ("after", "with Counterpoise")):
        if quantity not in report["series"]:
            continue
        x, values_kw = starts(report, quantity), array(report, quantity) / 1000
        colour = COLOURS[quantity]
        axes.step(x, values_kw, where="post", color=colour, label=label, linewidth=1.6)
        axes.fill_between(x, values_kw, step="post", color=colour, alpha=0.10, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("imbalance in kW")
    time_axis(axes, report)
    legend(axes)


def planned_kinds(report: Report) -> list[str]:
    """Return the kinds of devices with a planned series."""
    return [kind for kind in NAMES if f"planned_{kind}" in report["series"]]


def contributions(axes: Any, report: Report) -> None:
    """Draw the planned change of each kind, stacked and filled, and the sum of what was metered as a line."""
    kinds = planned_kinds(report)
    x = starts(report, f"planned_{kinds[0]}")
    tops = {1: np.zeros(len(x)), -1: np.zeros(len(x))}
    for kind in kinds:
        values_kw = np.nan_to_num(array(report, f"planned_{kind}")) / 1000
        for sign in (1, -1):
            top = tops[sign] + np.maximum(values_kw * sign, 0) * sign
            axes.fill_between(
                x,
                tops[sign],
                top,
                step="post",
                color=COLOURS[kind],
                alpha=0.75,
                linewidth=0,
                label=NAMES[kind] if sign == 1 else None,
            )
            tops[sign] = top
    metered_w = [array(report, kind) for kind in NAMES if kind in report["series"]]
    if metered_w:
        known = np.isfinite(metered_w).any(axis=0)
        total_kw = np.where(known, np.nansum(metered_w, axis=0) / 1000, np.nan)
        axes.step(x, total_kw, where="post", color=INK, linewidth=1.1, label="metered, sum")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("change in kW (+ injects)")
    time_axis(axes, report)
    legend(axes)


def state_of_charge(axes: Any, report: Report) -> None:
    """Draw the mean state of charge of all batteries, and the band in which most are."""
    x, colour = starts(report, "charge"), COLOURS["storage"]
    axes.fill_between(
        x,
        100 * array(report, "charge_low"),
        100 * array(report, "charge_high"),
        color=colour,
        alpha=0.25,
        linewidth=0,
        label="10 % to 90 % of batteries",
    )
    axes.plot(x, 100 * array(report, "charge"), color=colour, linewidth=1.8, label="mean")
    axes.set_ylim(0, 100)
    axes.set_ylabel("state of charge in %")
    time_axis(axes, report)
    legend(axes)
