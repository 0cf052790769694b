"""Charts of events: power, a time line, and the delays of responses."""
from __future__ import annotations

from typing import Any

from server.grid.optimisation.arrays import np
from server.grid.reports.chartstyle import COLOURS, INK, legend, time_axis, utc
from server.grid.reports.results import PowerRow, Report

_NAME_LENGTH = 24  # characters that fit beside the axis
_MIN_WIDTH_S = 60  # of a bar, to be visible


def known_power(report: Report) -> list[PowerRow]:
    """Return the steps of a report's event in which a device was read."""
    return [row for event in report["events"] for row in event["power"] if row["devices_read"]]


def power(axes: Any, report: Report) -> None:
    """Draw the power of an event's group: baseline, asked, measured, a level for each step."""
    rows = [row for event in report["events"] for row in event["power"]]
    edges = [*(utc(row["start"]) for row in rows), utc(rows[-1]["start"] + rows[-1]["duration_s"])]
    for values_w, label, colour, style in (
        ([row["baseline_w"] for row in rows], "baseline", COLOURS["before"], "--"),
        ([row["asked_w"] for row in rows], "asked", INK, ":"),
        ([row["measured_w"] for row in rows], "measured", COLOURS["after"], "-"),
    ):
        values_kw = np.array([*values_w, values_w[-1]], dtype=float) / 1000
        axes.step(edges, values_kw, where="post", color=colour, label=label, linestyle=style, linewidth=1.6)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("power in kW (+ injects)")
    time_axis(axes, report)
    axes.set_xlim(edges[0], edges[-1])
    legend(axes)


def timeline(axes: Any, report: Report) -> None:
    """Draw events as bars, a row for each virtual DER; the darker, the more of what was expected was
    delivered."""
    vders = sorted({event["vder"] for event in report["events"]})
    for event in report["events"]:
        fraction = event["group"]["performance"]
        begin, end = utc(event["start"]), utc(max(event["end"], event["start"] + _MIN_WIDTH_S))
        axes.broken_barh(
            [(begin, end - begin)],
            (vders.index(event["vder"]) - 0.32, 0.64),
            facecolors=COLOURS["after"],
            alpha=0.35 if fraction is None else 0.25 + 0.65 * min(max(fraction, 0.0), 1.0),
            edgecolor=INK,
            linewidth=0.3,
        )
    axes.set_yticks(range(len(vders)), [_shortened(name) for name in vders])
    axes.set_ylim(len(vders) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    time_axis(axes, report)


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH - 1]}…"


def delays(axes: Any, report: Report) -> None:
    """Draw how long after publication events were received."""
    minutes = [delay_s / 60 for event in report["events"] for delay_s in event["responses"]["received_s"]]
    bins = min(max(len(set(minutes)), 5), 30)
    axes.hist(minutes, bins=bins, color=COLOURS["after"], alpha=0.8, rwidth=0.92)
    axes.set_xlabel("minutes from publication to “received”")
    axes.set_ylabel("responses")
    axes.yaxis.get_major_locator().set_params(integer=True)
