"""Devices on the map, with the feeders between them."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from server import operations, scopes
from server.devices import enrolment, lastcontact
from server.errors import BadArgument, Refused
from server.grid.fleet import feeders, fleetmap
from server.grid.groups import virtualders
from server.operations.declaration import UploadedFile
from tests import peers
from tests.conftest import on_sqlite
from tests.ordered import create_order
from tests.server.grid.conftest import Home


def view(**values: Any) -> Any:
    return operations.load("map").operations[""].run(values)


@pytest.fixture
def town(peer: Callable[[int], peers.Peer]) -> None:
    """Three devices with coordinates, of which one is in an event, and one without."""
    homes = [Home(peer(number), enrolment.enrol(
        peers.lfdi(number), name=f"d{number}", kind="battery",
        labels={"lat": str(48 + number / 10), "lon": "16.5"} if number < 4 else {"feeder": "lat"}))
        for number in (1, 2, 3, 4)]
    homes[0].rate(80, 5000, 5000, 10_000)
    homes[0].post(-1200)
    lastcontact.flush()
    virtualders.create("north", members=["d1"])
    virtualders.create("south", members=["d2", "d3"])
    create_order("north", 600, limit=50.0)
    enrolment.suspend(enrolment.find("d3"))


def test_devices_one_by_one(town: None) -> None:
    found = view()
    assert (found["located"], found["unlocated"], found["cells"]) == (3, 1, [])
    first, second, third = found["devices"]
    assert (first["lat"], first["lon"], first["injection_w"]) == (48.1, 16.5, -1200)
    assert first["seen"] and first["in_event"] and not second["seen"] and not second["in_event"]
    assert second["injection_w"] is None and third["state"] == "suspended"
    assert found["south"] < 48.1 and found["north"] > 48.3
    assert [device["name"] for device in view(vder="south")["devices"]] == ["d2", "d3"]
    part = view(west=16, south=48.15, east=17, north=48.25)
    assert [device["name"] for device in part["devices"]] == ["d2"] and part["unlocated"] == 1


def test_many_devices_are_counted_in_cells(town: None) -> None:
    cells = view(cluster=True, west=0, south=0, east=90, north=90)["cells"]
    assert [(cell["devices"], cell["suspended"], cell["unseen"], cell["in_event"]) for cell in cells] == [
        (3, 1, 2, 1)]
    assert cells[0]["lat"] == pytest.approx(48.2)
    assert sum(cell["devices"] for cell in view(cluster=True)["cells"]) == 3


def test_only_what_is_visible_is_there(town: None) -> None:
    feeders.load(json.dumps(feature("F1", "Point", [16, 48])), "f")
    with scopes.within(virtualders.find("north")):
        found = view()
    assert [device["name"] for device in found["devices"]] == ["d1"]
    assert (found["located"], found["unlocated"], found["feeders"]) == (1, 0, [])


def test_an_empty_map_is_the_world(server: None) -> None:
    assert view() == {"west": -180.0, "south": -90.0, "east": 180.0, "north": 90.0, "located": 0,
                      "unlocated": 0, "devices": [], "cells": [], "feeders": []}


@on_sqlite
@pytest.mark.parametrize("sides", [{"west": 1.0}, {"west": 2.0, "south": 0.0, "east": 1.0, "north": 1.0}])
def test_a_box_that_is_none(server: None, sides: dict[str, float]) -> None:
    with pytest.raises(BadArgument):
        view(**sides)


@on_sqlite
@pytest.mark.parametrize("labels", [{"lat": "91"}, {"lat": "north"}, {"lon": "1e2"}, {"lon": "-181"},
                                    {"lat": ""}, {"lat": " 48"}, {"lon": "nan"}])
def test_coordinates_that_are_none(device: peers.Peer, labels: dict[str, str | None]) -> None:
    with pytest.raises(Refused, match="in degrees"):
        enrolment.relabel(enrolment.find("one"), labels)
    with pytest.raises(Refused, match="in degrees"):
        enrolment.enrol(peers.lfdi(7), labels={key: value or "" for key, value in labels.items()})


def test_labels_of_before_that_are_no_number_are_left_out(town: None) -> None:
    row = enrolment.find("d4")
    row.labels = {"lat": "upstairs", "lon": "16.5"}
    row.save()
    assert view()["located"] == 3 and fleetmap.MOST_SINGLE > 3


def feature(name: Any, kind: str, coordinates: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name},
            "geometry": {"type": kind, "coordinates": coordinates}}


def collection(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def test_feeders_are_imported_replaced_and_removed(server: None) -> None:
    run = operations.load("feeder").operations
    text = collection(feature("F1", "LineString", [[16, 48], [16.1, 48.1, 200]]),
                      feature("F2", "MultiLineString", [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),
                      feature("F1", "Point", [16.2, 48]),
                      feature("area", "Polygon", [[[0, 0], [1, 0], [1, 1], [0, 0]]]))
    assert run["import"].run({"file": UploadedFile("f.json", text.encode())}) == {
        "file": "f.json", "features": 3, "points": 11, "added": 3, "replaced": 0}
    assert run["list"].run({})[0] == {
        "name": "F1", "points": 3, "west": 16, "south": 48, "east": 16.2, "north": 48.1}
    shown = view(west=15, south=47, east=17, north=49)["feeders"]
    assert shown == [{"name": "F1", "parts": [[[16, 48], [16.1, 48.1]], [[16.2, 48]]]}]
    again = collection(feature("F2", "Point", [0, 0]))
    assert feeders.load(again, "g", only=True)["replaced"] == 1
    assert [row["name"] for row in feeders.rows()] == ["F2"]
    assert run["remove"].run({"name": "F2"}) == {"removed": "F2"} and feeders.rows() == []
    with pytest.raises(Refused, match="no feeder 'F2'"):
        feeders.remove("F2")


@on_sqlite
@pytest.mark.parametrize("text, why", [
    ("{", "not JSON"), ("[]", "no GeoJSON"), ('{"type": "FeatureCollection"}', "no GeoJSON"),
    (collection(), "no features"), (collection(3), "feature 1: give it a name"),
    (collection(feature("", "Point", [1, 2])), "give it a name"),
    (collection(feature("a", "Circle", [1, 2])), r"feature 1 \(a\): its geometry is one of"),
    (collection(feature("a", "Point", [200, 2])), "is nowhere"),
    (collection(feature("a", "Point", [True, 2])), "is no point"),
    (collection(feature("a", "Point", ["1", 2])), "is no point"),
    (collection(feature("a", "Point", None)), "is no point"),
    (collection(feature("a", "LineString", [])), "no coordinates"),
    (collection(feature("a", "LineString", [1, 2])), "is no point"),
    (collection(feature("a", "Polygon", [[1, 2]])), "is no point"),
    ("[" * 100_000, "not JSON")])
def test_what_is_no_feeder(server: None, text: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        feeders.load(text, "f.json")
    assert refused.value.status == 400 and refused.value.why.startswith("f.json: ") and feeders.rows() == []


@on_sqlite
def test_feeders_are_no_more_than_a_map_can_show(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeders, "MAX_POINTS", 3)
    feeders.load(collection(feature("a", "LineString", [[1, 2], [3, 4]])), "f")
    with pytest.raises(Refused, match="are the most together") as refused:
        feeders.load(collection(feature("b", "LineString", [[1, 2], [3, 4]])), "f")
    assert refused.value.status == 409
    with pytest.raises(Refused, match="3 points are the most"):
        feeders.load(collection(feature("b", "LineString", [[1, 2]] * 4)), "f")


@on_sqlite
def test_who_would_be_in_by_a_rule(server: None) -> None:
    match = operations.load("vder").operations["match"].run
    assert match({"rule": "*"}) == {"rule": "*", "devices": 0, "matched": 0, "first": [], "warnings": []}
    for number, kind in ((1, "pv"), (2, "pv"), (3, "battery")):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind=kind, labels={"feeder": "F1"})
    found = match({"rule": "kind = pv and feeder = F1", "limit": 1})
    assert (found["devices"], found["matched"], found["warnings"]) == (3, 2, [])
    assert [row["name"] for row in found["first"]] == ["d1"]
    assert "Did you mean" in str(match({"rule": "feder = F1"})["warnings"]) or match(
        {"rule": "feder = F1"})["warnings"]
    with pytest.raises(BadArgument, match="character 6"):
        match({"rule": "kind pv"})
