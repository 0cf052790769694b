"""Charts of pages: a plotly figure as JSON in the page, with its figures as a table for who cannot see it.

`static/console.js` draws them in the colours of the theme.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from server.config import settings
from server.console import cells

QUARTER_S = 900
# Plotly reads tags in any text, also in what devices call themselves: those that the console writes stay.
_TAG = re.compile("<(?!br>|/?extra>)")
MOST_ROWS = 300  # of the table beside a chart
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


@dataclass(frozen=True, kw_only=True)
class PageChart:
    """A chart: its figure as JSON, and its figures as a table."""
    id: str
    title: str
    summary: str  # one sentence that says what is to be seen
    figure: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: bool = False
    height: int = 320


def local(seconds: float) -> str:
    """Return an instant (UTC, s) as plotly has it: local time, without a zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(settings.timezone)).strftime(
        "%Y-%m-%dT%H:%M:%S")


def of_figure(id: str, title: str, figure: Any, *, summary: str, columns: Sequence[str],
              rows: Sequence[Sequence[str]], height: int = 320) -> PageChart:
    """Return a chart of a plotly figure, or of the mapping of `data` and `layout` that one is in JSON."""
    found = json.loads(figure.to_json()) if hasattr(figure, "to_json") else figure
    parts = {key: json.dumps(part, separators=(",", ":")) for key, part in found.items()}
    parts["data"] = _TAG.sub("&lt;", parts["data"])
    text = "{" + ",".join(f'"{key}":{part}' for key, part in parts.items()) + "}"
    return PageChart(
        id=id, title=title, summary=summary, figure=text.replace("<", "\\u003c"), columns=columns,
        rows=rows[:MOST_ROWS], more=len(rows) > MOST_ROWS, height=height)


def of_series(id: str, title: str, start: int, step_s: int, series: Mapping[str, Sequence[float | None]], *,
              summary: str, unit: str = "W", styles: Mapping[str, Mapping[str, Any]] | None = None,
              now: int | None = None, height: int = 320) -> PageChart:
    """Return a chart of series over time: each holds for its step. `styles` are attributes of plotly for the
    lines of a name; `now` is marked."""
    times = [start + index * step_s for index in range(max(map(len, series.values()), default=0) + 1)]
    texts, data = [local(time) for time in times], []
    for name, values in series.items():
        held, style = [*values, *values[-1:]], (styles or {}).get(name, {})
        data.append({
            "type": "scatter", "x": texts[:len(held)], "y": held, "name": name, "mode": "lines",
            "hovertemplate": f"%{{y:.4s}}{unit}", **style,
            "line": {"shape": "hv", "width": 2, **style.get("line", {})}})
    marks = [line_at(now)] if now is not None and times and times[0] <= now <= times[-1] else []
    figure = {"data": data, "layout": layout(unit, shapes=marks)}
    columns = [[cells.NOTHING if value is None else cells.number(value, unit) for value in values]
               for values in series.values()]
    rows = list(zip_longest(map(cells.instant, times[:-1]), *columns, fillvalue=cells.NOTHING))
    return of_figure(id, title, figure, summary=summary, columns=("Time", *series), rows=rows, height=height)


def line_at(instant: float) -> dict[str, Any]:
    """Return the shape that marks an instant."""
    return {"type": "line", "xref": "x", "yref": "paper", "x0": local(instant), "x1": local(instant), "y0": 0,
            "y1": 1, "line": {"dash": "dot", "width": 1}}


def layout(unit: str = "", **more: Any) -> dict[str, Any]:
    """Return what all charts have in common."""
    return {"template": "none", "margin": {"l": 60, "r": 16, "t": 8, "b": 36}, "hovermode": "x unified",
            "font": {"family": FONT, "size": 12}, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "legend": {"orientation": "h", "y": -0.18},
            "yaxis": {"ticksuffix": unit, "exponentformat": "SI", "zeroline": True}, **more}
