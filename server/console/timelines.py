"""Charts of what holds from when to when: a lane for each thing, a bar for each time."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from server.console import cells, charts
from server.console.charts import PageChart

LANE_PX, AROUND_PX = 30, 110
MOST_LANES = 60
MOST_LETTERS = 40  # of what a lane is called


@dataclass(frozen=True, kw_only=True)
class TimelineBar:
    """A bar: in which lane, from when to when, what it says, of which group (one colour), where it leads."""
    lane: str
    start: float
    end: float
    words: str
    group: str
    href: str = ""


def chart(id: str, title: str, spans: Iterable[TimelineBar], *, summary: str, now: float | None = None,
          window: tuple[float, float] | None = None, faint: Collection[str] = ()) -> PageChart:
    """Return a chart of spans in the order of their lanes. `now` is marked; `window` is what is shown at
    first; groups that are `faint` stand behind the others."""
    found = list(spans)
    lanes = list(dict.fromkeys(span.lane for span in found))[:MOST_LANES]
    shown = [span for span in found if span.lane in lanes]
    axis: dict[str, Any] = {"type": "date"}
    if window is not None:
        axis["range"] = [charts.local(at) for at in window]
    layout = charts.layout(
        barmode="overlay", hovermode="closest", xaxis=axis, bargap=0.25,
        yaxis={"autorange": "reversed", "type": "category", "automargin": True, "ticksuffix": " "},
        margin={"l": 10, "r": 16, "t": 8, "b": 36},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    if now is not None:
        layout["shapes"] = [{"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": charts.local(now),
                             "x1": charts.local(now), "line": {"dash": "dot", "width": 1}}]
    figure = {"data": [_bars(group, [span for span in shown if span.group == group], group in faint)
                       for group in dict.fromkeys(span.group for span in shown)], "layout": layout}
    rows = [(cells.instant(span.start), cells.instant(span.end), span.lane, span.words, span.group)
            for span in sorted(found, key=lambda span: span.start)]
    return charts.of_figure(
        id, title, figure, summary=summary, columns=("From", "To", "What", "Says", "State"), rows=rows,
        height=AROUND_PX + LANE_PX * max(2, len(lanes)))


def _bars(group: str, spans: Sequence[TimelineBar], is_faint: bool) -> dict[str, Any]:
    return {
        "type": "bar", "orientation": "h", "name": group, "showlegend": True,
        "y": [_short(span.lane) for span in spans], "base": [charts.local(span.start) for span in spans],
        "x": [max(0.0, span.end - span.start) * 1000 for span in spans],
        "text": [_short(span.words) for span in spans], "textposition": "none" if is_faint else "inside",
        "opacity": 0.4 if is_faint else 1, "textangle": 0,
        "insidetextanchor": "start", "customdata": [span.href for span in spans],
        "hovertext": [f"{span.lane}<br>{span.words}<br>{cells.instant(span.start)} to "
                      f"{cells.instant(span.end)}" for span in spans],
        "hoverinfo": "text"}


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS - 1]}…"
