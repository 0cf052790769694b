"""What the charts of a report share: colours, style, time axis, legend, values as arrays.

Charts suit light and dark pages: text and lines take the colour of the page's text (currentColor). They are
drawn by matplotlib, which the extra `report` installs.
"""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from server.errors import Refused
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports.results import Report
from server.grid.series.intervals import STEP

try:
    from matplotlib import dates, rc_context
    from matplotlib.figure import Figure
except ImportError as missing:
    raise Refused(500, "charts need matplotlib: pip install 'counterpoise[report]'") from missing

__all__ = ["COLOURS", "INK", "NAMES", "STYLE", "Draw", "Figure", "array", "day_ticks", "legend", "rc_context",
           "starts", "time_axis", "utc"]
COLOURS = {
    "before": "#d9822b",
    "after": "#2b8fd9",
    "storage": "#8e6bd1",
    "ev": "#2ba38f",
    "thermal": "#d9584f",
    "pv": "#c9a21b",
}
NAMES = {"storage": "batteries", "ev": "vehicles", "thermal": "thermal loads", "pv": "generation"}
INK = "#010203"  # is replaced by currentColor
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "counterpoise",
    "font.size": 9.5,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "timezone": "UTC",
    "text.parse_math": False,
}
Draw = Callable[[Any, Report], None]
"""Draws a report's chart on axes of matplotlib."""


def array(report: Report, quantity: str) -> Floats:
    """Return a series of a report, NaN for gaps."""
    values = report["series"][quantity]
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def time_axis(axes: Any, report: Report) -> None:
    """Label the x axis with local time, from the start of the report to its end."""
    zone = ZoneInfo(report["timezone"])
    locator = dates.AutoDateLocator(tz=zone, maxticks=13)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(
            locator,
            tz=zone,
            show_offset=False,
            formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S"],
            zero_formats=["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"],
        )
    )
    axes.set_xlim(utc(report["start"]), utc(report["end"]))
    axes.set_xlabel(f"local time, {report['timezone']}")


def utc(instant: float) -> datetime:
    """Return an instant as a datetime in UTC."""
    return datetime.fromtimestamp(instant, UTC)


def starts(report: Report, quantity: str) -> list[datetime]:
    """Return the beginnings of the intervals of a series."""
    return [utc(report["start"] + STEP * number) for number in range(len(report["series"][quantity]))]


def legend(axes: Any) -> None:
    """Put the legend above the axes."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.2, handlelength=1.4)


def day_ticks(axes: Any, days: list[str]) -> None:
    """Label the x axis with the days (YYYY-MM-DD) of a month, one for each position."""
    axes.set_xticks(range(len(days)), [day[8:] for day in days])
    axes.set_xlabel("day of the month")
    axes.grid(axis="x", visible=False)
