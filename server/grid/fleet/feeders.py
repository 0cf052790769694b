"""Feeders and other lines and points of the network, as GeoJSON (RFC 7946) has them, for the map."""
from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypedDict

from server import audit
from server.errors import Refused
from server.models import JSON, FeederLine
from server.resources import sql, store

MAX_FEATURES, MAX_POINTS = 10_000, 200_000  # of all feeders, so that a map remains one that can be sent
MAX_NAME = 100
_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2}
Part = list[list[float]]
Box = tuple[float, float, float, float]


class FeederRow(TypedDict):
    """A line or point of the network: of how many points, and its bounds in degrees."""
    name: str
    points: int
    west: float
    south: float
    east: float
    north: float


class FeederImport(TypedDict):
    """What came of a file: how many features were added, and how many replaced one of the same name."""
    file: str
    features: int
    points: int
    added: int
    replaced: int


class RemovedFeeder(TypedDict):
    removed: str


class FeederShape(TypedDict):
    """What is drawn: parts of points [longitude, latitude], in degrees."""
    name: str
    parts: list[list[list[float]]]


class _Feature(NamedTuple):
    name: str
    parts: list[Part]

    @property
    def points(self) -> int:
        return sum(map(len, self.parts))

    @property
    def box(self) -> Box:
        longitudes = [point[0] for part in self.parts for point in part]
        latitudes = [point[1] for part in self.parts for point in part]
        return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def read(text: str, file: str) -> list[_Feature]:
    """Return the features of a text of GeoJSON. Refused (400), with the place, for what is none. Pure."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"{file}: it is not JSON: {error}") from None
    features = _features(document)
    if features is None:
        raise Refused(400, f"{file}: it is no GeoJSON: the type is FeatureCollection, with `features`")
    found: dict[str, list[Part]] = {}
    for number, feature in enumerate(features, 1):
        name, parts = _feature(feature, f"{file}: feature {number}")
        found.setdefault(name, []).extend(parts)
    result = [_Feature(name, parts) for name, parts in found.items()]
    if len(result) > MAX_FEATURES or sum(feature.points for feature in result) > MAX_POINTS:
        raise Refused(400, f"{file}: {MAX_FEATURES} features with {MAX_POINTS} points are the most")
    if not result:
        raise Refused(400, f"{file}: it has no features")
    return result


def _features(document: Any) -> list[Any] | None:
    if not isinstance(document, dict):
        return None
    if document.get("type") == "Feature":
        return [document]
    features = document.get("features")
    return features if document.get("type") == "FeatureCollection" and isinstance(features, list) else None


def _feature(feature: Any, place: str) -> tuple[str, list[Part]]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    name = str((properties or {}).get("name") or "").strip() if isinstance(properties, dict) else ""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Refused(400, f"{place}: give it a name of up to {MAX_NAME} characters, in properties.name")
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(kind, str) or kind not in _DEPTHS:
        raise Refused(400, f"{place} ({name}): its geometry is one of {', '.join(_DEPTHS)}, not {kind!r}")
    return name, list(_parts(geometry.get("coordinates"), _DEPTHS[kind], f"{place} ({name})"))


def _parts(coordinates: Any, depth: int, place: str) -> Iterator[Part]:
    if depth == 0:
        yield [_point(coordinates, place)]
        return
    if not isinstance(coordinates, list) or not coordinates:
        raise Refused(400, f"{place}: it has no coordinates")
    if depth == 1:
        yield [_point(point, place) for point in coordinates]
        return
    for part in coordinates:
        yield from _parts(part, 1, place)


def _point(point: Any, place: str) -> list[float]:
    numbers = point[:2] if isinstance(point, list) else []
    if len(numbers) != 2 or not all(_is_number(number) for number in numbers):
        raise Refused(400, f"{place}: {str(point)[:60]} is no point: give [longitude, latitude] in degrees")
    longitude, latitude = map(float, numbers)
    if abs(longitude) > 180 or abs(latitude) > 90:
        raise Refused(400, f"{place}: {longitude:g}, {latitude:g} is nowhere: give longitude (-180 to 180), "
                           "then latitude (-90 to 90), in degrees")
    return [longitude, latitude]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _imported(result: FeederImport) -> dict[str, Any]:
    return dict(result)


@audit.audited("feeder import", "{features} features of {file}", answer=_imported)
def load(text: str, file: str, only: bool = False) -> FeederImport:
    """Add the features of a GeoJSON file; one of the name of another replaces that. With `only`, all others
    are removed."""
    features = read(text, file)
    names = {feature.name for feature in features}
    with store.transaction():
        there = {name: points for name, points in sql.rows("SELECT name, points FROM feeder")}
        left = {} if only else {name: points for name, points in there.items() if name not in names}
        points = sum(feature.points for feature in features)
        if len(left) + len(features) > MAX_FEATURES or sum(left.values()) + points > MAX_POINTS:
            raise Refused(409, f"there are {len(left)} others with {sum(left.values())} points: "
                               f"{MAX_FEATURES} with {MAX_POINTS} points are the most together")
        if only:
            FeederLine.delete().execute()
        else:
            sql.many("DELETE FROM feeder WHERE name = ?", ((name,) for name in sorted(names & there.keys())))
        sql.insert("feeder", ("name", "geometry", "points", "west", "south", "east", "north"), (
            (feature.name, JSON().db_value(feature.parts), feature.points, *feature.box)
            for feature in features))
    return {"file": file, "features": len(features), "points": points,
            "added": len(names - there.keys()), "replaced": len(names & there.keys())}


def rows() -> list[FeederRow]:
    """Return all feeders by name."""
    columns = "name", "points", "west", "south", "east", "north"
    return [dict(zip(columns, row, strict=True))  # type: ignore[misc]
            for row in sql.rows(f"SELECT {', '.join(columns)} FROM feeder ORDER BY name")]


def _state(name: str) -> dict[str, Any] | None:
    row = FeederLine.get_or_none(FeederLine.name == name)
    return None if row is None else {"name": row.name, "points": row.points}


@audit.audited("feeder remove", "{name}", state=_state)
def remove(name: str) -> RemovedFeeder:
    """Remove a feeder from the map. Refused (404) where there is none of that name."""
    if not FeederLine.delete().where(FeederLine.name == name).execute():
        raise Refused(404, f"there is no feeder {name!r}: `feeder list` shows them")
    return {"removed": name}


def shapes(box: Box) -> list[FeederShape]:
    """Return the feeders that reach into a box (west, south, east, north)."""
    west, south, east, north = box
    query = FeederLine.select().where(
        FeederLine.west <= east, FeederLine.east >= west,
        FeederLine.south <= north, FeederLine.north >= south)
    return [{"name": row.name, "parts": row.geometry} for row in query.order_by(FeederLine.name)]
