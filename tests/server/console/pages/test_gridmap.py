"""The page of the map."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from server.config import settings
from server.console.pages import gridmap
from server.devices import enrolment
from server.grid.fleet import feeders, fleetmap
from server.grid.groups import virtualders
from server.operators.roles import Role
from tests import peers
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text
from tests.server.operations.test_maps import feature

pytestmark = on_sqlite
HREF = "/console/map"


def make() -> None:
    for number in (1, 2, 3):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}",
                        labels={"lat": str(48 + number / 100), "lon": "16.5"} if number < 3 else {})
    virtualders.create("north", members=["d1"])
    feeders.load(json.dumps(feature("F1", "LineString", [[16.4, 48], [16.6, 48.1]])), "f.json")


def figure(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="map-data">(.*?)</script>', page, re.DOTALL)
    assert found, "there is no map"
    return json.loads(found[1])


def test_an_empty_map(admin: Person) -> None:
    page = admin.see(HREF)
    assert "No device has coordinates yet" in text(page) and "map-data" not in page


@pytest.mark.parametrize("by, groups", [("state", {"feeders", "silent"}), ("load", {"feeders", "not known"}),
                                        ("event", {"feeders", "in none"}), ("else", {"feeders", "silent"})])
def test_devices_and_feeders(admin: Person, by: str, groups: set[str]) -> None:
    make()
    page = admin.see(f"{HREF}?by={by}")
    drawn = figure(page)
    assert {trace["name"] for trace in drawn["data"]} == groups
    assert drawn["layout"]["map"]["style"] == "white-bg" and "layers" not in drawn["layout"]["map"]
    assert drawn["data"][1]["customdata"] == ["/console/devices/1", "/console/devices/2"]
    assert "1 devices have no coordinates" in text(page)
    assert len(figure(admin.see(f"{HREF}?by={by}&vder=north"))["data"][1]["lat"]) == 1


def test_many_devices_are_places_to_look_closer(admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleetmap, "MOST_SINGLE", 1)
    make()
    page = admin.see(f"{HREF}?by=event")
    cells = figure(page)["data"][1]
    assert cells["name"] == "devices near each other" and cells["customdata"][0].startswith(f"{HREF}?west=")
    assert "Look closer" in text(page)
    closer = admin.see(cells["customdata"][0])
    assert "Show all of it" in text(closer)


def test_tiles_are_of_a_configured_address_alone(admin: Person) -> None:
    make()
    assert "tiles.example" not in admin.open(HREF).headers["Content-Security-Policy"]
    settings.map_tiles_url = "https://tiles.example.org/{z}/{x}/{y}.png"
    answer = admin.open(HREF)
    policy = answer.headers["Content-Security-Policy"]
    assert "img-src 'self' https://tiles.example.org" in policy and "script-src 'self';" in policy
    assert figure(answer.data.decode())["layout"]["map"]["layers"][0]["source"] == [settings.map_tiles_url]
    assert gridmap.policy("https://a.example:8443/{z}").count("https://a.example:8443") == 2


@pytest.mark.parametrize("query", ["west=1", "west=a&south=1&east=2&north=3", "vder=nowhere"])
def test_what_is_no_part_of_the_map(admin: Person, query: str) -> None:
    make()
    answer = admin.open(f"{HREF}?{query}")
    assert answer.status_code in (400, 404) and 'role="alert"' in answer.data.decode()


def test_who_sees_and_may_what(person: Callable[..., Person]) -> None:
    make()
    assert "Import feeders" not in person(Role.VIEWER).see(HREF)
    part = person(Role.VIEWER, virtualders.find("north"))
    drawn = figure(part.see(HREF))
    assert [trace["name"] for trace in drawn["data"]] == ["silent"] and len(drawn["data"][0]["lat"]) == 1


def test_a_part_of_the_map_fits(server: None) -> None:
    for west, east, expected in ((-180, 180, 0), (16, 17, 8), (16, 16.000001, 14)):
        shown = gridmap.zoom({"west": west, "east": east, "south": 48, "north": 48.01})
        assert int(shown) == expected, (west, east, shown)
