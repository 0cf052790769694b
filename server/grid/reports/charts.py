"""The charts of a report, as SVG elements that stand in a page: no script, nothing from elsewhere."""
from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from server.grid.reports import daycharts, eventcharts, powercharts
from server.grid.reports.chartstyle import INK, STYLE, Draw, Figure, rc_context
from server.grid.reports.results import Chart, Report


@dataclass(frozen=True)
class ChartSpec:
    """A chart: title and description, how it is drawn, its height, and for which reports."""
    title: str
    note: str
    draw: Draw
    height_in: float
    applies: Callable[[Report], bool]


CHARTS = {
    "imbalance": ChartSpec(
        "Imbalance before and after",
        "Imbalance of each interval as it would have been, and as it was; + is too much drawn.",
        powercharts.imbalance,
        3.2,
        lambda report: "before" in report["series"] or "after" in report["series"],
    ),
    "daily": ChartSpec(
        "Imbalance by day",
        "Root mean square of the imbalance of each day, before and after.",
        daycharts.imbalance_by_day,
        2.6,
        lambda report: any(day["rms_before_w"] is not None for day in report["days"]),
    ),
    "contributions": ChartSpec(
        "Contributions by kind",
        "The change planned for each kind of device, against its baseline, stacked; the line is what was "
        "metered.",
        powercharts.contributions,
        3.2,
        lambda report: not report["days"] and bool(powercharts.planned_kinds(report)),
    ),
    "contributed": ChartSpec(
        "Contributions by kind and day",
        "What each kind of device was planned to inject more, above, and less, below, against its baseline, "
        "summed by day and stacked; the marks are what was metered.",
        daycharts.contributions_by_day,
        3.2,
        lambda report: bool(report["days"]) and bool(powercharts.planned_kinds(report)),
    ),
    "charge": ChartSpec(
        "State of charge",
        "Mean state of charge of all batteries, and the band from 10 % to 90 % of them.",
        powercharts.state_of_charge,
        2.5,
        lambda report: {"charge", "charge_low", "charge_high"} <= report["series"].keys(),
    ),
    "power": ChartSpec(
        "Power over the event",
        "Power of the devices that were read in each interval, injection positive: by their baseline, as "
        "asked, and as measured.",
        eventcharts.power,
        3.2,
        lambda report: report["kind"] == "event" and bool(eventcharts.known_power(report)),
    ),
    "events": ChartSpec(
        "Events",
        "Events on a time line, a row for each virtual DER; the darker, the more of what was asked was "
        "delivered.",
        eventcharts.timeline,
        2.2,
        lambda report: bool(report["events"]),
    ),
    "delays": ChartSpec(
        "Response times",
        "How many minutes after publication devices responded that they had received an event.",
        eventcharts.delays,
        2.3,
        lambda report: any(event["responses"]["received_s"] for event in report["events"]),
    ),
}


def report_charts(report: Report) -> list[Chart]:
    """Return the charts for which a report has something to show."""
    return [
        {"title": chart.title, "note": chart.note, "svg": svg_chart(name, chart, report)}
        for name, chart in CHARTS.items()
        if chart.applies(report)
    ]


def figure(report: Report, draw: Draw, height_in: float) -> Figure:
    """Return one chart as a figure of matplotlib."""
    with rc_context(STYLE):
        drawing = Figure(figsize=(9.2, height_in), layout="constrained")
        drawing.patch.set_alpha(0)
        axes = drawing.add_subplot()
        axes.patch.set_alpha(0)
        draw(axes, report)
        return drawing


def svg_chart(name: str, chart: ChartSpec, report: Report) -> str:
    """Return one chart as an svg element; its ids begin with `name`."""
    with rc_context(STYLE):
        text = io.StringIO()
        figure(report, chart.draw, chart.height_in).savefig(text, format="svg", metadata={"Date": None})
    return inline_svg(text.getvalue(), name, chart.title, chart.note)


def inline_svg(svg: str, name: str, title: str, note: str) -> str:
    """Return a drawing that can stand in a page beside others. Pure.

    It gets ids that begin with `name`, loses namespaces and fixed size, and has a title and a description.
    """
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
    attributes = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    texts = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(note)}</desc>'
    return re.sub(r"<svg([^>]*)>", lambda tag: f"<svg {attributes}{tag[1]}>{texts}", svg, count=1)
