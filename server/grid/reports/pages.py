"""A report as one HTML file that needs nothing else. Whatever devices and people named things is text in it,
not markup."""
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Data = dict[str, Any]
FOLDER = Path("var/reports")


def _unit(factor: float, unit: str, digits: int = 1) -> Callable[[float], str]:
    return lambda value: f"{value * factor:,.{digits}f} {unit}"


_COUNT: Callable[[float], str] = "{:,}".format
# What a figure is called, and how it is written.
FIGURES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "rms_cut_percent": ("cut in RMS imbalance", _unit(1, "%")),
    "rms_before_w": ("RMS before", _unit(1e-3, "kW", 2)),
    "rms_after_w": ("RMS after", _unit(1e-3, "kW", 2)),
    "peak_cut_percent": ("cut in peak imbalance", _unit(1, "%")),
    "peak_before_w": ("peak before", _unit(1e-3, "kW", 2)),
    "peak_after_w": ("peak after", _unit(1e-3, "kW", 2)),
    "performance_percent": ("delivered of what was expected", _unit(1, "%")),
    "expected_w": ("expected change", _unit(1e-3, "kW", 2)),
    "delivered_w": ("delivered change", _unit(1e-3, "kW", 2)),
    "uncertainty_w": ("uncertainty of the baseline", _unit(1e-3, "kW", 2)),
    "rebound_kwh": ("rebound", _unit(1, "kWh", 2)),
    "members": ("members", _COUNT),
    "read": ("of them read", _COUNT),
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


def figures(key: Data) -> list[tuple[str, str]]:
    """The key figures that are known, in words."""
    found = [
        (words, write(key[name])) for name, (words, write) in FIGURES.items() if key.get(name) is not None
    ]
    return found + [(_MOVED[kind], f"{value:,.2f} kWh") for kind, value in key.get("moved_kwh", {}).items()]


def html(report: Data, charts: list[Data]) -> str:
    """The page of a report, with charts (`charts.of`)."""
    zone = ZoneInfo(report["zone"])

    def local(at: int) -> str:
        return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")

    def number(value: Any, digits: int = 1) -> str:
        return "–" if value is None else f"{value:,.{digits}f}"

    rooms = Environment(
        loader=PackageLoader("server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rooms.filters.update(local=local, number=number)
    drawn = [{**chart, "svg": Markup(chart["svg"])} for chart in charts]
    return rooms.get_template("report.html").render(
        report=report, charts=drawn, figures=figures(report["key"])
    )


def write(report: Data, charts: list[Data], path: Path | None = None) -> Path:
    """Write the page, into FOLDER where no path is given; where it is."""
    zone = ZoneInfo(report["zone"])
    first = datetime.fromtimestamp(report["start"], zone)
    stem = (
        f"{report['what']}-{report['vder']}-{first:%Y-%m-%d}"
        if report["what"] != "event"
        else report["title"]
    )
    plain = "".join(
        letter if letter.isascii() and letter.isalnum() or letter in "-_" else "-" for letter in stem
    )
    found = path or FOLDER / f"{plain.lower()}.html"
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text(html(report, charts), encoding="utf-8")
    return found
