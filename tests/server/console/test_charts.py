"""Charts: the figure as JSON, and the figures as a table."""
from __future__ import annotations

import json

from server.console import charts


def test_a_series_holds_for_its_step_and_has_a_table() -> None:
    chart = charts.of_series("c", "Power", 0, 900, {"a": [1000.0, None], "b": [2.0]},
                             summary="It rises.", now=60)
    figure = json.loads(chart.figure)
    assert figure["data"][0]["x"] == ["1970-01-01T00:00:00", "1970-01-01T00:15:00", "1970-01-01T00:30:00"]
    assert figure["data"][0]["line"]["shape"] == "hv" and len(figure["layout"]["shapes"]) == 1
    assert chart.rows == [("1970-01-01 00:00", "1 kW", "2 W"), ("1970-01-01 00:15", "–", "–")]


def test_a_figure_ends_no_script() -> None:
    link = '<a href="https://tiles.example">tiles</a>'
    data = [{"name": f"</script>{link}", "text": "a<br>b<extra></extra>"}]
    figure = {"data": data, "layout": {"title": link}}
    chart = charts.of_figure("c", "x", figure, summary="", columns=(), rows=())
    found = json.loads(chart.figure)
    assert "<" not in chart.figure and found["layout"] == {"title": link}
    assert found["data"] == [{"name": "&lt;/script>" + link.replace("<", "&lt;"),
                              "text": "a<br>b<extra></extra>"}], "what a device is called leads nowhere"
