"""Devices: who is enrolled; of one what it is, said, follows now and next, measured and answered."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from server import clock
from server.console import cells, charts, running, tables, timelines
from server.console.charts import PageChart
from server.console.pages import events
from server.console.pagetable import BY_KEY
from server.console.timelines import TimelineBar
from server.errors import Refused
from server.operations import resulttypes

PAGE = BY_KEY["devices"]
DAY_S = 86_400
READINGS = 300  # of each quantity in the chart
FEW = 50  # readings up to which each is marked
MOST_CHARTS = 4  # of readings, one for each unit
UNITS: Mapping[int | None, str] = {
    38: "W", 61: "VA", 63: "var", 72: "Wh", 29: "V", 33: "Hz", 5: "A", 23: "°C"}
blueprint = Blueprint("devices", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show who is enrolled."""
    return render_template("console/devices.html", page=PAGE, devices=tables.of_operation(
        "device list", caption="Devices", teaches=PAGE.teaches,
        columns=("id", "name", "kind", "state", "labels", "last_contact_at", "lfdi"),
        links={"id": lambda row: f"{PAGE.href}/{row['id']}", "name": lambda row: f"{PAGE.href}/{row['id']}"}))


@blueprint.get(f"{PAGE.path}/<segment:name>")
def device(name: str) -> str:
    """Show a device."""
    found = running.run("device show", {"device": name})
    lfdi, now = found["lfdi"], clock.now()
    kinds = resulttypes.fields(running.find("device show").result, found)
    said = {key: value for key, value in found["says"].items() if value}
    readings = running.attempt("readings", {"device": lfdi, "start": now - DAY_S, "limit": READINGS})
    follows = running.attempt("device follows", {"device": lfdi})
    preview = running.attempt("preview", {"device": lfdi})
    optouts = running.attempt("opt-out list")
    return render_template(
        "console/device.html", page=PAGE, device=found, here=f"{PAGE.href}/{found['id']}", now_s=now,
        said=cells.node(said, kinds["says"]) if said else None,
        ders=cells.node(found["ders"], kinds["ders"]) if found["ders"] else None,
        words={key: words for key, words in found["reported_in_words"].items() if words},
        follows=follows, gantt=gantt(follows) if isinstance(follows, dict) else None,
        programs=_programs(preview), readings=list(reading_charts(readings)),
        opted_out=next((row for row in optouts if row.get("lfdi") == lfdi), None)
        if isinstance(optouts, list) else None,
        **_tables(found))


def _tables(found: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of what there is of a device."""
    lfdi = found["lfdi"]

    def table(name: str, given: Mapping[str, Any], caption: str, teaches: str, *columns: str,
              **more: Any) -> tables.ListTable:
        return tables.of_operation(name, given, caption=caption, filters=False, rows=10, columns=columns,
                                   teaches=teaches, **more)
    return {
        "responses": table(
            "responses", {"device": lfdi}, "Responses", "It has answered no event yet.", "event", "answer",
            "received_at", "created_at", links={"event": _event}),
        "sessions": _list("ev sessions", {"device": lfdi}),
        "exchanges": table(
            "trace", {"device": lfdi, "limit": 20}, "Last exchanges with the server",
            "None is kept: it has not connected lately, or the setting trace_exchanges is 0.", "at", "method",
            "href", "status", "size", "duration_ms", "reason"),
        "alarms": [row for row in _list("alarm list", {"source": f"device {found['id']}"})
                   if row["source"].partition(",")[0] == f"device {found['id']}"],
        "log": table("device log", {"device": lfdi}, "What it has logged (LogEvents)",
                     "It has logged nothing."),
    }


def _list(name: str, given: Mapping[str, Any] = running.NO_VALUES) -> list[Any]:
    answer = running.attempt(name, given)
    return answer if isinstance(answer, list) else []


def _event(row: Mapping[str, Any]) -> str:
    href = str(row["event"])
    if "/derc/" in href:
        return events.href_of("control", href)
    return events.href_of("load", href) if "/edc/" in href else ""


def _programs(preview: Any) -> cells.ResultNode | str:
    if isinstance(preview, Refused):
        return preview.why
    rows = [{key: row[key] for key in ("vder", "primacy", "kind", "status", "in_words", "outcome")}
            for row in preview["programs"]]
    return cells.node(rows, resulttypes.fields(running.find("preview").result, preview)["programs"])


def gantt(follows: Mapping[str, Any]) -> PageChart | None:
    """Return the chart of what it follows now and next, with the reasons; None where that is nothing."""
    spans = [TimelineBar(lane=row["mode"], start=row["start"], end=row["end"],
                  words="; ".join(row["in_words"]) or row["mode"],
                  group=f"{row['vder']}, default" if row["control"] is None else row["vder"],
                  href=_event({"event": row["control"]}) if row["control"] else "")
             for row in follows["modes"]]
    if not spans:
        return None
    return timelines.chart("follows", "What it follows now and next", spans, now=follows["start"],
                           summary="The next day, by the events that are known now; the colour is the "
                           "virtual DER that decides. The reasons stand in the table.")


def reading_charts(rows: Any) -> Iterator[PageChart]:
    """Yield a chart of readings for each unit."""
    if not isinstance(rows, list):
        return
    units: dict[int | None, dict[str, list[Any]]] = {}
    for row in rows:
        if row["value"] is not None and not row["implausible"]:
            name = row["quantity"] or row["meter"]
            units.setdefault(row["uom"], {}).setdefault(f"{name}{_flow(row)}", []).append(row)
    for uom, meters in list(units.items())[:MOST_CHARTS]:
        yield _readings(UNITS.get(uom, f"unit {uom}" if uom else ""), meters)


def _flow(row: Mapping[str, Any]) -> str:
    return {1: " (consumed)", 19: " (injected)"}.get(row["flow"], "")


def _readings(unit: str, meters: Mapping[str, list[Any]]) -> PageChart:
    data, table = [], []
    for name, rows in meters.items():
        values = [row["value"] * 10.0 ** row["multiplier"] for row in rows]
        mode = "lines" if len(rows) > FEW else "lines+markers"
        data.append({"type": "scatter", "mode": mode, "name": name, "line": {"shape": "hv", "width": 2},
                     "x": [charts.local(row["start"]) for row in rows], "y": values,
                     "hovertemplate": "%{y:.5s}" + unit})
        table += [(cells.instant(row["start"]), name, cells.number(value, unit))
                  for row, value in zip(rows, values, strict=True)]
    words = unit or "numbers"
    return charts.of_figure(
        f"readings-{unit or 'none'}".replace("°", "").replace(" ", "-"), f"Readings in {words}",
        {"data": data, "layout": charts.layout(unit, xaxis={"type": "date"}, showlegend=True)},
        summary=f"What it has measured over the last day; {sum(map(len, meters.values()))} readings.",
        columns=("Time", "Of", "Value"), rows=table, height=260)


@blueprint.get(f"{PAGE.path}/find")
def find() -> ResponseReturnValue:
    """Lead to the page of a device that is named."""
    found = running.run("device show", {"device": request.args.get("device", "").strip()})
    return redirect(f"{PAGE.href}/{found['id']}")
