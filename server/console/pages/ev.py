"""EV sessions: which vehicles and storage ask for energy, until when, and what they are granted."""
from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from server import clock
from server.console import tables, timelines
from server.console.charts import PageChart
from server.console.pagetable import BY_KEY
from server.console.timelines import TimelineBar

PAGE = BY_KEY["ev"]
MOST = 40  # sessions in the chart
blueprint = Blueprint("ev", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show the sessions, as a chart of when each may charge, and as a table."""
    table = tables.of_operation(
        "ev sessions", caption="Sessions", teaches=PAGE.teaches,
        columns=("name", "state", "window_start", "window_end", "energy_wh", "power_w", "granted_w",
                 "served_wh", "unmet_wh", "unmet_reason", "answer", "request"),
        links={"name": lambda row: f"/console/devices/{row['lfdi']}"})
    return render_template("console/ev.html", page=PAGE, sessions=table, chart=chart(table.raw),
                           short=[row for row in table.raw if row.get("unmet_wh")])


def chart(rows: Any) -> PageChart | None:
    """Return the chart of sessions: when they may charge, and when they are to."""
    spans = [span for row in rows[:MOST] for span in spans_of(row)]
    if not spans:
        return None
    return timelines.chart("sessions-chart", "When vehicles may charge, and when they are to", spans,
                           summary=f"The {len(rows[:MOST])} sessions of the table below.", now=clock.now(),
                           faint=("asked for",))


def spans_of(row: Any) -> list[TimelineBar]:
    """Return the bars of a session: what it asks for, and what it is granted."""
    lane, href = row["name"] or row["lfdi"][:8], f"/console/devices/{row['lfdi']}"
    wanted = TimelineBar(lane=lane, start=row["window_start"], end=row["window_end"], group="asked for",
                  words=f"{row['energy_wh'] / 1000:.1f} kWh", href=href)
    return [wanted, *(
        TimelineBar(lane=lane, start=grant["start"], end=grant["start"] + grant["duration_s"], href=href,
             group="granted", words=f"{(grant['power_w'] or 0) / 1000:.1f} kW")
        for grant in row["grants"] if grant["status"] in ("scheduled", "active"))]
