"""The map: devices by their coordinates, and feeders; coloured by state, load, or who is in an event."""
from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, make_response, render_template, request

from server.config import settings
from server.console import cells, charts, fieldvalues, frame, running
from server.console.charts import PageChart
from server.console.pagetable import BY_KEY
from server.errors import Refused

PAGE = BY_KEY["gridmap"]
COLOURS: Mapping[str, str] = {"state": "State", "load": "Load", "event": "Event"}
SIDES = ("west", "south", "east", "north")
LEAST_PX, HEIGHT_PX, WORLD_PX, MOST_ZOOM = 640, 560, 512, 18.0
# Distinct in both themes and without seeing red and green apart; each group has a name in the legend.
_GROUPS: Mapping[str, str] = {
    "in contact": "#2a8f4a", "silent": "#d08a00", "suspended": "#c5283d", "in an event": "#7a4fa3",
    "in none": "#6f8796", "injects": "#2a8f4a", "draws": "#1f77b4", "not known": "#8a949c",
    "devices near each other": "#0b7c88"}
blueprint = Blueprint("gridmap", __name__)


@blueprint.get(PAGE.path)
def page() -> tuple[Response, int]:
    """Show the map, or the part of it that is asked for."""
    by = request.args.get("by", "state")
    by = by if by in COLOURS else "state"
    status, refusal, found = 200, "", None
    try:
        given = fieldvalues.read(running.find("map"), request.args)
        found = running.run("map", given)
    except Refused as refused:
        status, refusal = refused.status, refused.why
    vder = request.args.get("vder", "")
    answer = make_response(render_template(
        "console/gridmap.html", page=PAGE, by=by, colours=COLOURS, vder=vder, found=found, refusal=refusal,
        chart=chart(found, by, vder) if found and (found["located"] or found["feeders"]) else None,
        closer=[(cell, closer(cell, found, by, vder)) for cell in found["cells"]] if found else [],
        whole=not any(side in request.args for side in SIDES), tiles=settings.map_tiles_url,
        feeders=running.attempt("feeder list")))
    if settings.map_tiles_url:
        answer.headers["Content-Security-Policy"] = policy(settings.map_tiles_url)
    return answer, status


def policy(tiles: str) -> str:
    """Return the policy of a page that may load tiles, and nothing else of the outside."""
    parts = urlsplit(tiles)
    origin = f"{parts.scheme}://{parts.netloc}"
    return frame.POLICY.replace("img-src 'self'", f"img-src 'self' {origin}").replace(
        "connect-src 'self'", f"connect-src 'self' {origin}")


def closer(cell: Mapping[str, Any], found: Mapping[str, Any], by: str, vder: str) -> str:
    """Return the address of the map around a cell, a tenth as wide."""
    wide, high = (found["east"] - found["west"]) / 20, (found["north"] - found["south"]) / 20
    box = {"west": max(-180.0, cell["lon"] - wide), "south": max(-90.0, cell["lat"] - high),
           "east": min(180.0, cell["lon"] + wide), "north": min(90.0, cell["lat"] + high)}
    more = {"by": by, **({"vder": vder} if vder else {})}
    return f"{PAGE.href}?{urlencode({**{side: f'{at:.6f}' for side, at in box.items()}, **more})}"


def chart(found: Mapping[str, Any], by: str, vder: str) -> PageChart:
    """Return the chart of what is in a part of the map."""
    data = [*_lines(found["feeders"]), *_devices(found["devices"], by), *_cells(found, by, vder)]
    middle = {"lat": (found["south"] + found["north"]) / 2, "lon": (found["west"] + found["east"]) / 2}
    place: dict[str, Any] = {"style": "white-bg", "center": middle, "zoom": zoom(found)}
    if settings.map_tiles_url:
        place["layers"] = [{"below": "traces", "sourcetype": "raster", "source": [settings.map_tiles_url],
                            "sourceattribution": settings.map_tiles_attribution}]
    layout = charts.layout(map=place, hovermode="closest", margin={"l": 0, "r": 0, "t": 0, "b": 0},
                           legend={"orientation": "h", "y": 0.01, "x": 0.01,
                                   "bgcolor": "rgba(255,255,255,.85)", "font": {"color": "#1c2429"}})
    del layout["yaxis"]
    what = (f"{len(found['devices'])} devices" if not found["cells"] else
            f"{found['located']} devices in {len(found['cells'])} places")
    return charts.of_figure(
        "map", "Map", {"data": data, "layout": layout, "config": {"scrollZoom": True}},
        summary=f"{what} and {len(found['feeders'])} feeders, by {COLOURS[by].lower()}.",
        columns=("Device", "Latitude", "Longitude", "State", "In contact", "Injects", "In an event"),
        rows=[(device["name"], f"{device['lat']:.5f}", f"{device['lon']:.5f}", device["state"],
               "yes" if device["seen"] else "no",
               cells.NOTHING if device["injection_w"] is None else cells.power(device["injection_w"]),
               "yes" if device["in_event"] else "no") for device in found["devices"]], height=HEIGHT_PX)


def zoom(found: Mapping[str, Any]) -> float:
    """Return how far to zoom in so that a part of the map fits: by 2 ** zoom, the world is WORLD_PX wide."""
    wide = max(found["east"] - found["west"], 1e-6) / 360
    stretch = math.cos(math.radians((found["south"] + found["north"]) / 2))  # of Mercator, north to south
    high = max(found["north"] - found["south"], 1e-6) / 360 / max(stretch, 0.01)
    return min(MOST_ZOOM, max(0.0, math.log2(min(LEAST_PX / wide, HEIGHT_PX / high) / WORLD_PX)))


def group_of(device: Mapping[str, Any], by: str) -> str:
    """Return what a device is coloured as."""
    if by == "event":
        return "in an event" if device["in_event"] else "in none"
    if by == "load":
        power = device["injection_w"]
        return "not known" if power is None else "injects" if power > 0 else "draws"
    return "suspended" if device["state"] != "enrolled" else "in contact" if device["seen"] else "silent"


def _devices(devices: Sequence[Mapping[str, Any]], by: str) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for device in devices:
        groups.setdefault(group_of(device, by), []).append(device)
    for group, members in groups.items():
        sizes = [_size(device) if by == "load" else 10 for device in members]
        yield {"type": "scattermap", "mode": "markers", "name": group, "showlegend": True,
               "lat": [device["lat"] for device in members], "lon": [device["lon"] for device in members],
               "marker": {"size": sizes, "color": _GROUPS[group]},
               "hovertext": [_words(device) for device in members],
               "hoverinfo": "text", "customdata": [f"/console/devices/{device['id']}" for device in members]}


def _words(device: Mapping[str, Any]) -> str:
    power = device["injection_w"]
    flows = "" if power is None else f"<br>injects {cells.power(power)}"
    return f"{device['name']}<br>{device['kind'] or 'device'}, {device['state']}{flows}"


def _size(device: Mapping[str, Any]) -> float:
    return 7 + min(20.0, 2 * math.sqrt(abs(device["injection_w"] or 0.0) / 250))


def _cells(found: Mapping[str, Any], by: str, vder: str) -> Iterator[dict[str, Any]]:
    members = found["cells"]
    if not members:
        return
    most = max(cell["devices"] for cell in members)
    share = {"state": "unseen", "event": "in_event", "load": "devices"}[by]
    yield {"type": "scattermap", "mode": "markers", "name": "devices near each other", "showlegend": True,
           "lat": [cell["lat"] for cell in members], "lon": [cell["lon"] for cell in members],
           "marker": {"size": [10 + 30 * (cell["devices"] / most) ** 0.5 for cell in members],
                      "color": [cell[share] / cell["devices"] for cell in members]
                      if by != "load" else _GROUPS["devices near each other"],
                      "colorscale": "Cividis", "cmin": 0, "cmax": 1, "showscale": by != "load",
                      "colorbar": {"title": {"text": "silent" if by == "state" else "in an event"},
                                   "tickformat": ".0%"}},
           "hovertext": [
               f"{cell['devices']} devices<br>{cell['unseen']} silent, {cell['suspended']} suspended, "
               f"{cell['in_event']} in an event<br>a click looks closer" for cell in members],
           "hoverinfo": "text", "customdata": [closer(cell, found, by, vder) for cell in members]}


def _lines(feeders: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The feeders: one trace of all lines, with gaps between the parts, and one of the points."""
    lines: dict[str, list[Any]] = {"lat": [], "lon": [], "hovertext": []}
    points: dict[str, list[Any]] = {"lat": [], "lon": [], "hovertext": []}
    for feeder in feeders:
        for part in feeder["parts"]:
            kept = lines if len(part) > 1 else points
            for longitude, latitude in part:
                kept["lat"].append(latitude)
                kept["lon"].append(longitude)
                kept["hovertext"].append(feeder["name"])
            if kept is lines:
                for column in kept.values():
                    column.append(None)
    for mode, kept in (("lines", lines), ("markers", points)):
        if kept["lat"]:
            yield {"type": "scattermap", "mode": mode, "name": "feeders", "showlegend": mode == "lines",
                   "hoverinfo": "text", "line": {"color": "#6f8796", "width": 2},
                   "marker": {"size": 9, "color": "#6f8796"}, **kept}
