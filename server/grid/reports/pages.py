"""A report as one HTML file that needs nothing else.

Names that devices and people have given are escaped.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from server.grid.reports.results import Chart, KeyFigures, Report

FOLDER = Path("var/reports")


def _unit(factor: float, unit: str, digits: int = 1) -> Callable[[float], str]:
    return lambda value: f"{value * factor:,.{digits}f} {unit}"


_COUNT: Callable[[float], str] = "{:,}".format
# The caption of each key figure, and how it is written.
FIGURES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "rms_reduction_percent": ("cut in RMS imbalance", _unit(1, "%")),
    "rms_before_w": ("RMS before", _unit(1e-3, "kW", 2)),
    "rms_after_w": ("RMS after", _unit(1e-3, "kW", 2)),
    "peak_reduction_percent": ("cut in peak imbalance", _unit(1, "%")),
    "peak_before_w": ("peak before", _unit(1e-3, "kW", 2)),
    "peak_after_w": ("peak after", _unit(1e-3, "kW", 2)),
    "performance_percent": ("delivered of what was asked", _unit(1, "%")),
    "up_percent": ("of more injection", _unit(1, "%")),
    "down_percent": ("of less injection", _unit(1, "%")),
    "expected_w": ("asked change, net", _unit(1e-3, "kW", 2)),
    "delivered_w": ("delivered change, net", _unit(1e-3, "kW", 2)),
    "uncertainty_w": ("uncertainty of the baseline", _unit(1e-3, "kW", 2)),
    "rebound_kwh": ("rebound", _unit(1, "kWh", 2)),
    "members": ("members", _COUNT),
    "devices_read": ("of them read", _COUNT),
    "readings_left_out": ("readings across an edge of the event, left out", _COUNT),
    "devices_split": ("devices with no others, divided by time", _COUNT),
    "events": ("events", _COUNT),
    "responses": ("responses", _COUNT),
    "opt_outs": ("opted out", _COUNT),
    "nonresponders": ("did not respond", _COUNT),
    "ev_unserved_kwh": ("EV energy unserved", _unit(1, "kWh", 2)),
}
_MOVED = {
    "storage": "moved by batteries",
    "ev": "by vehicles",
    "thermal": "by thermal loads",
    "pv": "by generation",
}


def figures(key_figures: KeyFigures) -> list[tuple[str, str]]:
    """Return the key figures that are known, each as caption and text."""
    values: Mapping[str, Any] = key_figures
    known = [
        (caption, write(values[name]))
        for name, (caption, write) in FIGURES.items()
        if values.get(name) is not None
    ]
    moved_kwh = key_figures.get("moved_kwh", {})
    return known + [(_MOVED[kind], f"{energy_kwh:,.2f} kWh") for kind, energy_kwh in moved_kwh.items()]


def html(report: Report, charts: list[Chart]) -> str:
    """Return the page of a report with its charts (see `charts.report_charts`)."""
    zone = ZoneInfo(report["timezone"])

    def local(instant: int) -> str:
        return datetime.fromtimestamp(instant, zone).strftime("%Y-%m-%d %H:%M")

    def number(value: float | None, digits: int = 1) -> str:
        return "–" if value is None else f"{value:,.{digits}f}"

    def kilo(value: float | None) -> float | None:
        return None if value is None else value / 1000

    environment = Environment(
        loader=PackageLoader("server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(local=local, number=number, kilo=kilo)
    return environment.get_template("report.html").render(
        report=report,
        charts=[{**chart, "svg": Markup(chart["svg"])} for chart in charts],
        figures=figures(report["key_figures"]),
    )


def write(report: Report, charts: list[Chart], path: Path | None = None) -> Path:
    """Write the page, into FOLDER where no path is given; return its path."""
    file = path or FOLDER / f"{_stem(report)}.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html(report, charts), encoding="utf-8")
    return file


def _stem(report: Report) -> str:
    """Return the name of the file: lower case letters, digits, - and _."""
    name = report["title"]
    if report["kind"] != "event":
        first = datetime.fromtimestamp(report["start"], ZoneInfo(report["timezone"]))
        name = f"{report['kind']}-{report['vder']}-{first:%Y-%m-%d}"
    plain = (
        letter if letter.isascii() and letter.isalnum() or letter in "-_" else "-" for letter in name
    )
    return "".join(plain).lower()
