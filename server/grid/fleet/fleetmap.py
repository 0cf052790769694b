"""Devices by their coordinates, which are the labels `lat` and `lon`: single ones, or how many in a cell."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from server import clock, scopes
from server.config import settings
from server.errors import BadArgument
from server.grid.fleet import feeders
from server.grid.fleet.feeders import Box, FeederShape
from server.grid.groups import virtualders
from server.grid.series import meterrows, presentpower
from server.models import CHUNK, Device, VirtualDER, chunked, is_postgres, vder_of_audience
from server.resources import documents, sql
from server.units import Instant, Watts

MOST_SINGLE = 2000  # devices that are listed one by one
CELLS = 40  # in each direction, of which those without devices are left out
WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
_NUMBER = "^-{0,1}[0-9]{1,3}([.][0-9]+){0,1}$"


class MapDevice(TypedDict):
    """A device at its place. `seen` is whether it has been in contact lately (setting alarm_silence_s),
    `injection_w` what it injects now, None where that is not known, `in_event` whether an event is in effect
    for it."""
    id: int
    name: str
    kind: str
    state: str
    lat: float
    lon: float
    seen: bool
    injection_w: Watts | None
    in_event: bool


class MapCell(TypedDict):
    """Devices near each other: where they are on average, and how many they are."""
    lat: float
    lon: float
    devices: int
    suspended: int
    unseen: int
    in_event: int


class MapView(TypedDict):
    """What is in a part of the map: `devices` one by one or, where they are many, `cells` of them.

    `located` counts the devices in it, `unlocated` those of all that have no coordinates. The bounds are
    those that were asked for, or those of the devices and feeders.
    """
    west: float
    south: float
    east: float
    north: float
    located: int
    unlocated: int
    devices: list[MapDevice]
    cells: list[MapCell]
    feeders: list[FeederShape]


def view(box: Box | None, cluster: bool | None = None, vder: str | None = None) -> MapView:
    """Return what is in a box (west, south, east, north), by default in that of all devices and feeders; of
    devices only the members of a virtual DER, if given. Refused (404) where there is none of that name.

    `cluster` decides whether devices are counted in cells; by default where there are many.
    """
    if box is not None and not (box[0] < box[2] and box[1] < box[3]):
        raise BadArgument("west", "west has to be less than east, and south less than north")
    whole, of = box is None, _Part(scopes.top(), virtualders.find(vder) if vder else None)
    drawn = feeders.shapes(box or WORLD) if scopes.top() is None else []
    located, bounds = of.bounds(box or WORLD)
    if box is None:
        box = _around(bounds, drawn)
    total, = next(iter(sql.rows(f"SELECT count(*) FROM device d WHERE TRUE {of.condition}", *of.numbers)))
    if cluster is None:
        cluster = located > MOST_SINGLE
    everywhere = located if whole else of.bounds(WORLD)[0]
    return {
        "west": box[0], "south": box[1], "east": box[2], "north": box[3],
        "located": located, "unlocated": total - everywhere,
        "devices": [] if cluster else _devices(of, box),
        "cells": _cells(of, box) if cluster and located else [],
        "feeders": drawn,
    }


def _label(label: str) -> str:
    """SQL of the text of a label of a device; NULL where it has none."""
    return f"(d.labels::json->>'{label}')" if is_postgres() else f"json_extract(d.labels, '$.{label}')"


def _number(text: str) -> str:
    """SQL of the number that a text is; NULL where it is none."""
    if is_postgres():
        return f"(CASE WHEN {text} ~ '{_NUMBER}' THEN CAST({text} AS double precision) END)"
    return f"(CASE WHEN {text} GLOB '[-0-9]*' THEN CAST({text} AS REAL) END)"


class _Part(NamedTuple):
    """Which devices are asked for: those of the virtual DER where rights end, and members of another."""
    top: VirtualDER | None
    vder: VirtualDER | None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The parameters of `condition`."""
        return tuple(vder.id for vder in self if vder is not None)

    @property
    def condition(self) -> str:
        return "AND d.id IN (SELECT device_id FROM membership WHERE vder_id = ?) " * len(self.numbers)

    def located(self, columns: str) -> str:
        """SQL of the devices in a box, whose parameters are those of `within`.

        Materialized, since the database would read the labels anew for each use of a coordinate.
        """
        return (f"FROM (WITH labelled AS MATERIALIZED (SELECT {columns}, {_label('lat')} AS lat_text, "
                f"{_label('lon')} AS lon_text FROM device d WHERE d.labels LIKE ? {self.condition}) "
                f"SELECT *, {_number('lat_text')} AS lat, {_number('lon_text')} AS lon FROM labelled) "
                "AS located WHERE lat BETWEEN ? AND ? AND lon BETWEEN ? AND ?")

    def within(self, box: Box) -> tuple[float | str, ...]:
        return ('%"lat"%', *self.numbers, box[1], box[3], box[0], box[2])

    def bounds(self, box: Box) -> tuple[int, Box | None]:
        """How many devices are in a box, and the box around these."""
        count, *bounds = next(iter(sql.rows(
            f"SELECT count(*), min(lon), min(lat), max(lon), max(lat) {self.located('d.id')}",
            *self.within(box))))
        return count, (bounds[0], bounds[1], bounds[2], bounds[3]) if count else None


def _around(bounds: Box | None, drawn: Iterable[FeederShape]) -> Box:
    """The box around devices and feeders, with a margin; the world where there are none."""
    points = [point for shape in drawn for part in shape["parts"] for point in part]
    if bounds is not None:
        points += [[bounds[0], bounds[1]], [bounds[2], bounds[3]]]
    if not points:
        return WORLD
    longitudes, latitudes = [point[0] for point in points], [point[1] for point in points]
    margin = max(0.002, 0.05 * (max(longitudes) - min(longitudes)), 0.05 * (max(latitudes) - min(latitudes)))
    return (max(min(longitudes) - margin, WORLD[0]), max(min(latitudes) - margin, WORLD[1]),
            min(max(longitudes) + margin, WORLD[2]), min(max(latitudes) + margin, WORLD[3]))


def _in_event(now: Instant) -> str:
    """SQL of whether an event is in effect for a device: an order with a share of it, or an event of a
    program that it sees. It has numbers alone, and no parameters."""
    orders = [number for number, in sql.rows(
        "SELECT id FROM dispatch_order WHERE start <= ? AND start + duration_s > ? AND cancelled_at IS NULL",
        now, now)]
    audiences = [audience for audience, in sql.rows(
        f"SELECT DISTINCT audience FROM document WHERE {documents.ACTIVE} "
        "AND kind IN ('DERControl', 'EndDeviceControl')")]
    vders = [number for number in map(vder_of_audience, audiences) if number]
    conditions = [
        f"d.{column} IN (SELECT {column if column == 'lfdi' else 'device_id'} FROM {table} "
        f"WHERE {key} IN ({', '.join(map(str, numbers))}))"
        for column, table, key, numbers in (("lfdi", "share", "order_id", orders),
                                            ("id", "membership", "vder_id", vders)) if numbers]
    return f"({' OR '.join(conditions) or 'FALSE'})"


def _unseen() -> str:
    """SQL of whether a device has not been in contact lately; its parameter is since when."""
    return "(d.last_contact_at IS NULL OR d.last_contact_at < ?)"


def _devices(of: _Part, box: Box) -> list[MapDevice]:
    now = clock.now()
    rows = sql.rows(
        f"SELECT id, name, kind, state, lat, lon, unseen, in_event {of.located(_columns(now))} "
        f"ORDER BY id LIMIT {MOST_SINGLE}", now - settings.alarm_silence_s, *of.within(box))
    power = _injection([row[0] for row in rows], now)
    return [{"id": number, "name": name or f"device {number}", "kind": kind, "state": state, "lat": lat,
             "lon": lon, "seen": not unseen, "injection_w": power.get(number), "in_event": bool(in_event)}
            for number, name, kind, state, lat, lon, unseen, in_event in rows]


def _columns(now: Instant) -> str:
    return f"d.id, d.name, d.kind, d.state, {_unseen()} AS unseen, {_in_event(now)} AS in_event"


def _cells(of: _Part, box: Box) -> list[MapCell]:
    now = clock.now()
    west, south, east, north = box
    wide, high = (east - west) / CELLS, (north - south) / CELLS

    def count(condition: str) -> str:
        return f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END)"
    rows = sql.rows(
        f"SELECT avg(lat), avg(lon), count(*), {count('state <> ' + repr(Device.ENROLLED))}, "
        f"{count('unseen')}, {count('in_event')} {of.located(_columns(now))} "
        "GROUP BY CAST((lat - ?) / ? AS INTEGER), CAST((lon - ?) / ? AS INTEGER)",
        now - settings.alarm_silence_s, *of.within(box), south, high, west, wide)
    return [{"lat": lat, "lon": lon, "devices": devices, "suspended": suspended, "unseen": unseen,
             "in_event": in_event} for lat, lon, devices, suspended, unseen, in_event in rows]


def _injection(numbers: list[int], now: Instant) -> dict[int, Watts]:
    """What devices inject now by the meters of their own kind, or else of their premises, as far as known."""
    own: dict[int, Watts] = {}
    for kinds in ("m.kind <> 'premises'", "m.kind = 'premises'"):
        for chunk in chunked([number for number in numbers if number not in own], CHUNK):
            numbered = f"m.device_id IN ({sql.marks(len(chunk))})"
            read = meterrows.read(f"WHERE {kinds} AND {numbered} ORDER BY m.href", *chunk)
            rows = [row for row in read if row.read_at is not None and row.read_at <= now]
            if not rows:
                continue
            found: dict[int, int] = {}
            owner = [found.setdefault(row.device, len(found)) for row in rows]
            timeouts = [presentpower.POSTS * settings.post_rate] * len(rows)
            power = presentpower.of_meters(rows, owner, len(found), timeouts, now).injection_w
            own |= {number: float(power[index]) for number, index in found.items()
                    if math.isfinite(power[index])}
    return own
