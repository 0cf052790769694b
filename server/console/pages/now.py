"""Now: whether all is well, the balance of areas today, what can be moved, what runs and what comes."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Blueprint, render_template

from server import clock
from server.console import areaviews, cells, charts, identity, running
from server.console.areaviews import AreaDay
from server.console.charts import PageChart
from server.console.pagetable import BY_KEY
from server.errors import Refused

blueprint = Blueprint("now", __name__)
MOST_AREAS, MOST_EVENTS, MOST_GROUPS, MOST_ALARMS = 4, 50, 6, 20
KEEP_S = 60  # what a large fleet can do takes two seconds to be summed up
STEP_S = 900
_kept: dict[int | None, tuple[float, Any]] = {}


class WellBeing(NamedTuple):
    """Whether all is well, in one sentence and a colour."""
    style: str
    sentence: str


@blueprint.get("/now")
def page() -> str:
    """Show the page."""
    areas = areaviews.settings_of_all()
    days = [areaviews.day(row) for row in areas[:MOST_AREAS]]
    alarms = running.attempt("alarm list", {"limit": MOST_ALARMS})
    events = coming()
    return render_template(
        "console/now.html", page=BY_KEY["now"], days=days, areas=areas, events=events, alarms=alarms,
        refused=isinstance(alarms, Refused), state=state(areas, alarms),
        tiles=tiles(days), line=timeline(events) if events else None,
        plots=[(areaviews.imbalance(found, f"imbalance-{number}"),
                areaviews.by_kind(found, f"kinds-{number}")) for number, found in enumerate(days)])


@blueprint.get("/now/power")
def power() -> str:
    """Show what can be moved, which takes longer with many devices."""
    return render_template("console/now-power.html", groups=groups())


def state(areas: Sequence[Mapping[str, Any]], alarms: Any) -> WellBeing:
    """Return whether all is well, by the alarms that stand and by what areas say of themselves."""
    standing = [] if isinstance(alarms, Refused) else alarms
    critical = [alarm for alarm in standing if alarm["severity"] == "critical"]
    warnings = [alarm for alarm in standing if alarm["severity"] == "warning"]
    failed = [area for area in areas if area["last_error"]]
    if critical:
        return WellBeing("bad", f"Act now: {_counted(len(critical), 'critical alarm')}, the newest: "
                                f"{critical[0]['source']}, {critical[0]['detail']}")
    if failed:
        return WellBeing("look", f"Look: {failed[0]['vder']}: {failed[0]['last_error']}")
    if warnings:
        return WellBeing("look", f"Look today: {_counted(len(warnings), 'warning')}, the newest: "
                                 f"{warnings[0]['source']}, {warnings[0]['detail']}")
    automatic = sum(1 for area in areas if area["automatic"])
    kept = f", and {_counted(automatic, 'area is', 'areas are')} kept in balance" if automatic else ""
    return WellBeing("good", f"All is well: no alarm stands{kept}.")


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def tiles(days: Sequence[AreaDay]) -> list[tuple[str, str, str]]:
    """Return the figures of each area: name, figure, note."""
    found = []
    for area in days:
        newest, without = area.newest
        note = "nothing was measured today" if newest is None else (
            f"{cells.power(without)} without Counterpoise" if without is not None else "as measured")
        if area.cut is not None:
            note += f"; RMS cut today {area.cut:.0%}"
        figure = cells.NOTHING if newest is None else cells.power(newest)
        found.append((f"Imbalance of {area.name}", figure, note))
    return found


def coming() -> list[dict[str, Any]]:
    """Return what runs and what comes: orders, load control events and stops, the first to begin first."""
    now, found = clock.now(), []
    orders = running.attempt("dispatch list", {"plans": True, "limit": 2 * MOST_EVENTS})
    for order in [] if isinstance(orders, Refused) else orders:
        end = order["start"] + order["duration_s"]
        if end > now and order["status"] not in ("cancelled", "superseded", "over"):
            by = f"plan {order['plan']}" if order["plan"] else order["requested_by"]
            found.append({
                "what": f"Order {order['id']}", "href": f"/console/dispatch/{order['id']}",
                "vder": order["vder"], "start": order["start"], "end": end, "status": order["status"],
                "says": f"{order['quantity']} {order['value']:.4g}, by {by}"})
    try:
        events = running.page("dr event list", limit=MOST_EVENTS).rows
    except Refused:
        events = []
    for event in events:
        found.append({
            "what": "Load control", "href": f"/console/do/dr%20event%20show?event={event['href']}",
            "vder": event.get("vder") or cells.NOTHING, "start": event["start"],
            "end": event["start"] + event["duration_s"], "status": event.get("status", ""),
            "says": ", ".join(event.get("in_words", ()))})
    return sorted(found, key=lambda event: (event["start"], event["what"]))[:MOST_EVENTS]


def timeline(events: Sequence[Mapping[str, Any]]) -> PageChart:
    """Return the time line of what runs and what comes."""
    now = clock.now()
    data = []
    for status in dict.fromkeys(event["status"] for event in events):
        own = [event for event in events if event["status"] == status]
        data.append({
            "type": "bar", "orientation": "h", "name": str(status), "width": 0.6,
            "y": [event["vder"] for event in own], "base": [charts.local(event["start"]) for event in own],
            "x": [(event["end"] - event["start"]) * 1000 for event in own],
            "text": [event["what"] for event in own], "textposition": "inside", "insidetextanchor": "start",
            "hovertext": [f"{event['what']}: {event['says']}" for event in own], "hoverinfo": "text"})
    layout = charts.layout(
        barmode="overlay", hovermode="closest", xaxis={"type": "date"},
        yaxis={"automargin": True, "type": "category"},
        shapes=[charts.line_at(now)])
    rows = [[event["what"], event["vder"], cells.instant(event["start"]), cells.instant(event["end"]),
             str(event["status"])] for event in events]
    return charts.of_figure(
        "timeline", "Running and coming events", {"data": data, "layout": layout},
        summary=f"{_counted(len(events), 'event')}; the dotted line is now.",
        columns=("Event", "Virtual DER", "Begins", "Ends", "Status"), rows=rows,
        height=110 + 40 * len({event["vder"] for event in events}))


def groups() -> list[Mapping[str, Any]]:
    """Return what the topmost virtual DERs can do for the next quarter of an hour: verified by readings,
    claimed by ratings, unknown for want of contact. It is kept for KEEP_S, for each part of the tree."""
    who = identity.principal()
    scope = who.subtree.id if who.subtree is not None else None
    at, found = _kept.get(scope, (float("-inf"), []))
    if not 0 <= time.monotonic() - at < KEEP_S:
        found = list(_groups())
        _kept[scope] = time.monotonic(), found
    return list(found)


def _groups() -> list[Mapping[str, Any]]:
    rows = running.page("vder list", limit=200).rows
    top = min((row["depth"] for row in rows), default=0)
    found: list[Mapping[str, Any]] = []
    for row in [row for row in rows if row["depth"] == top][:MOST_GROUPS]:
        result = running.attempt("vder capability", {"vder": str(row["id"]), "horizon_s": STEP_S,
                                                     "step_s": STEP_S, "quantile": "0.9"})
        if not isinstance(result, Refused):
            found.append({**result, **result["steps"][0], "name": row["name"]})
    return found
