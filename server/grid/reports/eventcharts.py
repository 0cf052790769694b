"""Charts of events: a time line, and the delays of responses."""
from __future__ import annotations

from typing import Any

from server.grid.reports.chartstyle import COLOURS, INK, time_axis, utc
from server.grid.reports.results import Report

_NAME_LENGTH = 24  # characters that fit beside the axis
_MIN_WIDTH_S = 60  # of a bar, to be visible


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
