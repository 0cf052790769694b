"""The charts of a report, as SVG that stands in a page: no script, nothing from elsewhere, colours that suit
light and dark.

Text and lines take the colour of the page's text (currentColor). The extra `report` brings the library that
draws.
"""
from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from server.errors import Refused
from server.grid.optimisation.arrays import Floats, np
from server.grid.series.intervals import STEP

try:
    from matplotlib import dates, rc_context
    from matplotlib.figure import Figure
except ImportError as missing:
    raise Refused(500, "charts need matplotlib: pip install 'counterpoise[report]'") from missing

COLOURS = {
    "before": "#d9822b",
    "after": "#2b8fd9",
    "storage": "#8e6bd1",
    "ev": "#2ba38f",
    "thermal": "#d9584f",
    "pv": "#c9a21b",
}
NAMES = {"storage": "batteries", "ev": "vehicles", "thermal": "thermal loads", "pv": "generation"}
INK = "#010203"  # stands for currentColor
_STYLE: dict[Any, Any] = {
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
Data = dict[str, Any]
Draw = Callable[[Any, Data], None]


def report_charts(report: Data) -> list[Data]:
    """The charts for which a report has something to show: dicts of `title`, `note` and `svg`."""
    return [{"title": title, "note": note, "svg": svg_chart(title, note, report, draw, height, name)}
            for name, (title, note, draw, height, has) in CHARTS.items() if has(report)]


def figure(report: Data, draw: Draw, height: float) -> Figure:
    """One chart, as the library's figure."""
    with rc_context(_STYLE):
        made = Figure(figsize=(9.2, height), layout="constrained")
        made.patch.set_alpha(0)
        axes = made.add_subplot()
        axes.patch.set_alpha(0)
        draw(axes, report)
        return made


def svg_chart(title: str, note: str, report: Data, draw: Draw, height: float, name: str) -> str:
    """One chart as an svg element."""
    with rc_context(_STYLE):
        text = io.StringIO()
        figure(report, draw, height).savefig(text, format="svg", metadata={"Date": None})
    return inline_svg(text.getvalue(), name, title, note)


def inline_svg(svg: str, name: str, title: str, note: str) -> str:
    """A drawing fit to stand in a page beside others: names of its own, no namespaces, a title and a
    description. Pure."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg"):], flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = (
        svg.replace('href="#', f'href="#{name}-')
        .replace("url(#", f"url(#{name}-")
        .replace(INK, "currentColor")
    )
    svg = re.sub(r'(<svg[^>]*?)\s+width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?)\s+height="[^"]*"', r"\1", svg, count=1)
    head = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    words = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(note)}</desc>'
    return re.sub(r"<svg([^>]*)>", lambda found: f"<svg {head}{found[1]}>{words}", svg, count=1)


def _array(report: Data, what: str) -> Floats:
    return np.array([np.nan if value is None else value for value in report["series"][what]], dtype=float)


def _time_axis(axes: Any, report: Data) -> None:
    zone = ZoneInfo(report["zone"])
    places = dates.AutoDateLocator(tz=zone, maxticks=13)
    axes.xaxis.set_major_locator(places)
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(
            places,
            tz=zone,
            show_offset=False,
            formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S"],
            zero_formats=["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"],
        )
    )
    axes.set_xlim(_instant(report["start"]), _instant(report["end"]))
    axes.set_xlabel(f"local time, {report['zone']}")


def _instant(at: float) -> Any:
    return datetime.fromtimestamp(at, UTC)


def _instants(report: Data, what: str) -> list[Any]:
    return [_instant(report["start"] + STEP * number) for number in range(len(report["series"][what]))]


def _legend(axes: Any) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.2, handlelength=1.4)


def imbalance(axes: Any, report: Data) -> None:
    """The signal before and after."""
    for what, label in (("before", "without Counterpoise"), ("after", "with Counterpoise")):
        if what in report["series"]:
            values = _array(report, what) / 1000
            axes.step(
                _instants(report, what), values, where="post", color=COLOURS[what], label=label, linewidth=1.6
            )
            axes.fill_between(
                _instants(report, what), values, step="post", color=COLOURS[what], alpha=0.10, linewidth=0
            )
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("imbalance in kW")
    _time_axis(axes, report)
    _legend(axes)


def contributions(axes: Any, report: Data) -> None:
    """Stacked: what each kind was asked for, filled; what was metered of it, the line of the sum of each
    sign."""
    first = next(kind for kind in NAMES if f"planned_{kind}" in report["series"])
    at = _instants(report, f"planned_{first}")
    tops = {1: np.zeros(len(at)), -1: np.zeros(len(at))}
    for kind in NAMES:
        if f"planned_{kind}" not in report["series"]:
            continue
        values = np.nan_to_num(_array(report, f"planned_{kind}")) / 1000
        for sign in (1, -1):
            part = np.maximum(values * sign, 0) * sign
            axes.fill_between(
                at,
                tops[sign],
                tops[sign] + part,
                step="post",
                color=COLOURS[kind],
                alpha=0.75,
                linewidth=0,
                label=NAMES[kind] if sign == 1 else None,
            )
            tops[sign] = tops[sign] + part
    metered = [_array(report, kind) for kind in NAMES if kind in report["series"]]
    if metered:
        total = np.nansum(metered, axis=0) / 1000
        axes.step(
            at,
            np.where(np.isfinite(metered).any(axis=0), total, np.nan),
            where="post",
            color=INK,
            linewidth=1.1,
            label="metered, sum",
        )
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("change in kW (+ injects)")
    _time_axis(axes, report)
    _legend(axes)


def by_day(report: Data, what: str) -> tuple[Floats, Floats]:
    """[days] each: the kWh of a series above and below 0 in each local day of a month's report; gaps count
    for nothing. Pure."""
    zone = ZoneInfo(report["zone"])
    place = {one["day"]: number for number, one in enumerate(report["days"])}
    days = [place.get(at.astimezone(zone).date().isoformat(), -1) for at in _instants(report, what)]
    energy = np.nan_to_num(_array(report, what)) * STEP / 3.6e6
    up, down = np.zeros(len(place)), np.zeros(len(place))
    for number, value in zip(days, energy, strict=True):
        if number >= 0:
            (up if value > 0 else down)[number] += value
    return up, down


def contributions_by_day(axes: Any, report: Data) -> None:
    """Stacked bars of each day: what each kind was asked for, up and down; marks at what was metered of
    it."""
    place = np.arange(len(report["days"]))
    tops = [np.zeros(len(place)), np.zeros(len(place))]
    for kind in (kind for kind in NAMES if f"planned_{kind}" in report["series"]):
        for sign, part in enumerate(by_day(report, f"planned_{kind}")):
            axes.bar(
                place,
                part,
                0.76,
                bottom=tops[sign],
                color=COLOURS[kind],
                alpha=0.8,
                label=None if sign else NAMES[kind],
            )
            tops[sign] = tops[sign] + part
    metered = [
        by_day(report, kind)
        for kind in NAMES
        if kind in report["series"] and f"planned_{kind}" in report["series"]
    ]
    for sign in (0, 1) if metered else ():
        axes.plot(
            place,
            np.sum([both[sign] for both in metered], axis=0),
            color=INK,
            marker="_",
            markersize=9,
            linewidth=0,
            label=None if sign else "metered, sum",
        )
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_xticks(place, [one["day"][8:] for one in report["days"]])
    axes.set_xlabel("day of the month")
    axes.set_ylabel("change in kWh a day (+ injects)")
    axes.grid(axis="x", visible=False)
    _legend(axes)


def _planned(report: Data) -> bool:
    return any(f"planned_{kind}" in report["series"] for kind in NAMES)


def charge(axes: Any, report: Data) -> None:
    """The state of charge of all stores: mean, and the band in which most are."""
    at = _instants(report, "charge")
    axes.fill_between(
        at,
        100 * _array(report, "charge_low"),
        100 * _array(report, "charge_high"),
        color=COLOURS["storage"],
        alpha=0.25,
        linewidth=0,
        label="10 % to 90 % of batteries",
    )
    axes.plot(at, 100 * _array(report, "charge"), color=COLOURS["storage"], linewidth=1.8, label="mean")
    axes.set_ylim(0, 100)
    axes.set_ylabel("state of charge in %")
    _time_axis(axes, report)
    _legend(axes)


def timeline(axes: Any, report: Data) -> None:
    """Events as bars: a row for each virtual DER, darker the more of what was expected came."""
    rows = sorted({one["vder"] for one in report["events"]})
    for one in report["events"]:
        figure_ = one["group"]["figure"]
        strength = 0.35 if figure_ is None else 0.25 + 0.65 * min(max(figure_, 0.0), 1.0)
        begin = _instant(one["start"])
        axes.broken_barh(
            [(begin, _instant(max(one["end"], one["start"] + 60)) - begin)],
            (rows.index(one["vder"]) - 0.32, 0.64),
            facecolors=COLOURS["after"],
            alpha=strength,
            edgecolor=INK,
            linewidth=0.3,
        )
    axes.set_yticks(range(len(rows)), [name if len(name) <= 24 else f"{name[:23]}…" for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    _time_axis(axes, report)


def delays(axes: Any, report: Data) -> None:
    """How long after publication events were received."""
    values = [delay / 60 for one in report["events"] for delay in one["responses"]["received_s"]]
    axes.hist(values, bins=min(max(len(set(values)), 5), 30), color=COLOURS["after"], alpha=0.8, rwidth=0.92)
    axes.set_xlabel("minutes from publication to “received”")
    axes.set_ylabel("responses")
    axes.yaxis.get_major_locator().set_params(integer=True)


def daily(axes: Any, report: Data) -> None:
    """RMS imbalance of each day, before and after."""
    days = [one for one in report["days"] if one["rms_before_w"] is not None]
    place = np.arange(len(days))
    for offset, what, label in (
        (-0.2, "before", "without Counterpoise"),
        (0.2, "after", "with Counterpoise"),
    ):
        axes.bar(
            place + offset,
            [one[f"rms_{what}_w"] / 1000 for one in days],
            0.38,
            color=COLOURS[what],
            label=label,
        )
    axes.set_xticks(place, [one["day"][8:] for one in days])
    axes.set_xlabel("day of the month")
    axes.set_ylabel("RMS imbalance in kW")
    axes.grid(axis="x", visible=False)
    _legend(axes)


# title, description, how, inches high, whether there is anything to show
CHARTS: dict[str, tuple[str, str, Draw, float, Callable[[Data], bool]]] = {
    "imbalance": (
        "Imbalance before and after",
        "Imbalance of each interval as it would have been, and as it was; + is too much drawn.",
        imbalance,
        3.2,
        lambda report: "before" in report["series"] or "after" in report["series"],
    ),
    "daily": (
        "Imbalance by day",
        "Root mean square of the imbalance of each day, before and after.",
        daily,
        2.6,
        lambda report: any(one["rms_before_w"] is not None for one in report["days"]),
    ),
    "contributions": (
        "Contributions by kind",
        "The change asked of each kind of device, beside what it would have done, stacked; the line is what "
        "was metered.",
        contributions,
        3.2,
        lambda report: not report["days"] and _planned(report),
    ),
    "contributed": (
        "Contributions by kind and day",
        "What each kind of device was asked to inject more, above, and less, below, beside "
        "what it would have done, summed by day and stacked; the marks are what was metered.",
        contributions_by_day,
        3.2,
        lambda report: bool(report["days"]) and _planned(report),
    ),
    "charge": (
        "State of charge",
        "Mean state of charge of all batteries, and the band from 10 % to 90 % of them.",
        charge,
        2.5,
        lambda report: {"charge", "charge_low", "charge_high"} <= report["series"].keys(),
    ),
    "events": (
        "Events",
        "Events on a time line, a row for each virtual DER; the darker, the more of what was expected was "
        "delivered.",
        timeline,
        2.2,
        lambda report: bool(report["events"]),
    ),
    "delays": (
        "Response times",
        "How many minutes after publication devices answered that they had received an event.",
        delays,
        2.3,
        lambda report: any(one["responses"]["received_s"] for one in report["events"]),
    ),
}
