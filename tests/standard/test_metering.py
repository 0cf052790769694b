"""Metering: mirrors that devices state and fill, and the usage points that show what they said.

IEEE 2030.5-2018, 10.4 and 10.11 (metering mirror); CSIP BASIC-029.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from server import alarms, clock
from server.config import settings
from server.devices import enrolment
from server.grid.series import devicereadings
from server.models import Meter, Reading, ReadingSet, db
from server.operations.readings import readings
from server.protocol import app
from server.resources import meterreadings, pollrates, retention, store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer, Reply

POWER = {
    "mRID": f"{0xF0:032X}",
    "description": "power",
    "ReadingType": {"uom": 38, "powerOfTenMultiplier": 0},
}
VOLTAGE = {
    "mRID": f"{0xF1:032X}",
    "description": "voltage",
    "ReadingType": {"uom": 29, "powerOfTenMultiplier": -1},
}
AT = "/upt/1/mr/1"


def mirror(device: Peer, **more: Any) -> dict[str, Any]:
    return {"mRID": f"{0xAA:032X}", "description": "meter", "deviceLFDI": device.lfdi, "roleFlags": "0049",
            "serviceCategoryKind": 0, "status": 1, **more}


def reading(value: int, start: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "value": value,
        **({} if start is None else {"timePeriod": {"duration": 300, "start": start}}),
        **more,
    }


def post(device: Peer, *mirrors: dict[str, Any], href: str = "/mup/1") -> Reply:
    """One MirrorMeterReading as itself, several as a list."""
    if len(mirrors) == 1:
        return device.post(href, "MirrorMeterReading", mirrors[0])
    return device.post(href, "MirrorMeterReadingList", {
        "all": len(mirrors), "results": len(mirrors), "MirrorMeterReading": list(mirrors)})


@pytest.fixture
def meter(device: Peer) -> Peer:
    """A device with an empty mirror, /mup/1."""
    assert device.post("/mup", "MirrorUsagePoint", mirror(device)).location == "/mup/1"
    return device


def values(device: Peer, href: str = f"{AT}/rs/1/r") -> list[int]:
    return [item["value"] for item in device.get(f"{href}?l=255").data.get("Reading", [])]


# --- the mirror itself ----------------------------------------------------------------------------

def test_a_mirror_is_stated_and_read_back(meter: Peer) -> None:
    resource = meter.get("/mup/1").data
    assert mirror(meter).items() <= resource.items()
    assert (resource["href"], resource["postRate"]) == ("/mup/1", 300)
    assert meter.get("/mup?l=9").data["MirrorUsagePoint"] == [resource]
    assert meter.get("/dcap").data["MirrorUsagePointListLink"]["all"] == 1


def test_stated_again_it_is_updated_where_it_stands(meter: Peer) -> None:
    again = meter.post("/mup", "MirrorUsagePoint", mirror(meter, description="moved", status=0))
    assert (again.status, again.location) == (204, "/mup/1")
    assert meter.get("/mup").data["all"] == meter.get("/upt").data["all"] == 1
    for href in ("/mup/1", "/upt/1"):
        assert (meter.get(href).data["description"], meter.get(href).data["status"]) == ("moved", 0)


def test_stated_again_in_another_spelling_it_is_the_same(meter: Peer) -> None:
    for spelled in ("aa", f"{0xAA:032x}", "AA"):
        body = f"""<MirrorUsagePoint xmlns="urn:ieee:std:2030.5:ns"><mRID>{spelled}</mRID><roleFlags>49</roleFlags>
            <serviceCategoryKind>0</serviceCategoryKind><status>1</status>
            <deviceLFDI>{meter.lfdi.lower()}</deviceLFDI></MirrorUsagePoint>"""
        assert meter.request("POST", "/mup", body.encode()).location == "/mup/1"
    assert meter.get("/mup").data["all"] == 1


def test_put_again_it_keeps_its_identity(meter: Peer) -> None:
    assert meter.put("/mup/1", "MirrorUsagePoint", mirror(meter, description="put")).status == 204
    assert meter.get("/upt/1").data["description"] == "put"
    assert meter.put("/mup/1", "MirrorUsagePoint", mirror(meter, mRID="AB")).status == 409
    assert meter.put("/mup/2", "MirrorUsagePoint", mirror(meter, mRID="AB")).status == 404
    assert meter.get("/upt").data["all"] == 1


def test_a_mirror_with_its_quantities_and_values_at_once(device: Peer) -> None:
    body = mirror(device, MirrorMeterReading=[{**POWER, "Reading": reading(500, NOON)}, VOLTAGE])
    href = device.post("/mup", "MirrorUsagePoint", body).location
    assert href == "/mup/1" and device.get("/upt/1/mr").data["all"] == 2
    assert device.get(f"{AT}/rs/0/r/0").data["value"] == 500


def test_removed_it_takes_no_more(meter: Peer) -> None:
    post(meter, {**POWER, "Reading": reading(1)})
    assert meter.delete("/mup/1").status == 204
    assert post(meter, {**POWER, "Reading": reading(2)}).status == 404
    assert meter.get("/mup").data["all"] == 0
    assert meter.post("/mup", "MirrorUsagePoint", mirror(meter)).location == "/mup/2"
    post(meter, {**POWER, "Reading": reading(3, NOON)}, href="/mup/2")
    assert meter.get("/upt").data["all"] == 1


def test_of_a_mirror_its_own_elements_are_served(meter: Peer) -> None:
    """10.11.3 c: GET of a MirrorUsagePoint has no MirrorMeterReading in it, nor has the list."""
    post(meter, POWER, VOLTAGE)
    assert "MirrorMeterReading" not in meter.get("/mup/1").data
    assert "MirrorMeterReading" not in meter.get("/mup?l=9").data["MirrorUsagePoint"][0]
    assert meter.get("/upt/1/mr").data["all"] == 2


def test_with_a_mirror_its_usage_point_goes(meter: Peer) -> None:
    """10.11.3 l: who deletes a MirrorUsagePoint deletes the UsagePoint. What was read counts for reports, and
    is there again under the same mRID."""
    post(meter, {**POWER, "Reading": reading(1, NOON)}, {**VOLTAGE, "Reading": reading(2300, NOON)})
    assert meter.delete("/mup/1").status == 204
    for href in ("/upt/1", "/upt/1/mr", AT, f"{AT}/rt", f"{AT}/rs", f"{AT}/rs/1", f"{AT}/rs/1/r/1"):
        assert meter.get(href).status == 404, href
    assert (meter.get("/upt").data["all"], meter.get("/dcap").data["UsagePointListLink"]["all"]) == (0, 0)
    assert [row["value"] for row in readings("one")] == [1, 2300]
    assert store.reindex() == 0 and meter.get("/upt/1").status == 404
    assert meter.post("/mup", "MirrorUsagePoint", mirror(meter)).location == "/mup/2"
    assert meter.get("/upt/1").data["MeterReadingListLink"]["all"] == 0
    assert post(meter, {"mRID": POWER["mRID"], "Reading": reading(2, NOON + 300)}, href="/mup/2").status == 201
    assert meter.get("/upt/1").data["MeterReadingListLink"]["all"] == 1
    assert values(meter) == [1, 2] and meter.get(f"{AT}/rt").status == 200


def test_a_quantity_that_is_stated_again_overwrites_its_meter_reading(meter: Peer) -> None:
    """10.11.3 h: a known MirrorMeterReading's description, version and ReadingType replace those of before."""
    post(meter, {**POWER, "version": 1})
    post(meter, {**POWER, "description": "net power", "version": 2, "ReadingType": {"uom": 61}})
    shown = meter.get(AT).data
    assert (shown["description"], shown["version"], meter.get(f"{AT}/rt").data["uom"]) == ("net power", 2, 61)
    post(meter, {"mRID": POWER["mRID"], "Reading": reading(2, NOON)})
    assert meter.get(AT).data["description"] == "net power"
    assert meter.get("/upt/1/mr").data["MeterReading"] == [meter.get(AT).data]


# --- what it shows --------------------------------------------------------------------------------

def test_a_usage_point_shows_the_mirror(meter: Peer) -> None:
    assert meter.get("/upt").data["all"] == 1
    resource = meter.get("/upt/1").data
    assert (resource["mRID"], resource["roleFlags"], resource["description"]) == (f"{0xAA:032X}", "0049", "meter")
    assert resource["MeterReadingListLink"] == {"href": "/upt/1/mr", "all": 0}


@pytest.mark.parametrize("stated, shown", [("0048", "0049"), ("49", "49"), ("0000", "0001"), ("03", "03")])
def test_a_mirrored_usage_point_says_so_and_whose_it_is(device: Peer, stated: str, shown: str) -> None:
    """The schema's RoleFlagsType, isMirror: set where the server is not what measures; and UsagePoint,
    deviceLFDI: present where it mirrors."""
    device.post("/mup", "MirrorUsagePoint", mirror(device, roleFlags=stated))
    resource = device.get("/upt/1").data
    assert (resource["deviceLFDI"], int(resource["roleFlags"], 16)) == (device.lfdi, int(shown, 16))


def test_a_quantity_is_shown_from_its_type_to_its_values(meter: Peer) -> None:
    reply = post(meter, {**POWER, "Reading": reading(500, NOON - 600, qualityFlags="0001")})
    assert (reply.status, reply.location) == (201, AT)
    shown = meter.get(AT).data
    assert (shown["mRID"], shown["description"]) == (POWER["mRID"], "power")
    assert meter.get(shown["ReadingTypeLink"]["href"]).data == {
        "href": f"{AT}/rt", "uom": 38, "powerOfTenMultiplier": 0}
    assert shown["ReadingSetListLink"]["all"] == 1
    span = meter.get(shown["ReadingSetListLink"]["href"]).data["ReadingSet"][0]
    assert span["timePeriod"] == {"start": NOON - NOON % 86400, "duration": 86400}
    assert span["ReadingListLink"]["all"] == 1
    shown_reading, = meter.get(span["ReadingListLink"]["href"]).data["Reading"]
    assert shown_reading == {"href": f"{AT}/rs/1/r/1", "subscribable": 3, "value": 500, "qualityFlags": "0001",
                   "timePeriod": {"start": NOON - 600, "duration": 300}}
    assert meter.get(shown_reading["href"]).data == shown_reading
    assert meter.get(span["href"]).data == span


def test_the_present_value_is_the_latest(meter: Peer) -> None:
    post(meter, POWER)
    link = meter.get(AT).data["ReadingLink"]["href"]
    assert (meter.get(link).status, meter.get(link).name, "value" in meter.get(link).data) == (
        200,
        "Reading",
        False,
    )
    for value, start in ((10, NOON - 600), (30, NOON - 100), (20, NOON - 300)):
        post(meter, {**POWER, "Reading": reading(value, start)})
    assert meter.get(link).data == {
        "href": link,
        "subscribable": 3,
        "value": 30,
        "timePeriod": {"start": NOON - 100, "duration": 300},
    }


def test_the_present_value_is_the_latest_of_sets_that_overlap(meter: Peer) -> None:
    """10.4, ReadingLink: a set that is posted later and is of before does not hide a later single value, which
    is in the set of its day."""
    post(meter, {**POWER, "Reading": reading(5, NOON)})
    post(meter, {**POWER, "MirrorReadingSet": [span(1, 1)]})
    assert meter.get(f"{AT}/rs/0/r/0").data["value"] == 5
    post(meter, {**POWER, "MirrorReadingSet": [{**span(2, 7), "timePeriod": {"duration": 60, "start": NOON + 60}}]})
    assert meter.get(f"{AT}/rs/0/r/0").data["value"] == 7


def test_a_value_without_a_time_is_of_the_interval_that_has_just_ended(meter: Peer) -> None:
    """The schema's Reading, timePeriod: where it is left out it is as long as the ReadingType's
    intervalLength."""
    energy = {**POWER, "ReadingType": {"uom": 72, "intervalLength": 300}}
    post(meter, {**energy, "Reading": {"value": 1}})
    clock.advance(300)
    post(meter, {"mRID": POWER["mRID"], "Reading": {"value": 2}})
    assert meterreadings.between(AT, NOON - 900, NOON + 900) == [(NOON - 300, 300, 1), (NOON, 300, 2)]


def test_a_set_that_still_grows_has_the_reserved_mrid(meter: Peer) -> None:
    """The schema's mRIDType: 96 bits of ones and the enterprise number are for what changes without a new
    version."""
    settings.enterprise = 40732
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    assert meter.get(f"{AT}/rs").data["ReadingSet"][0]["mRID"] == f"{'F' * 24}{40732:08X}"
    clock.advance(43200)
    mrid = meter.get(f"{AT}/rs").data["ReadingSet"][0]["mRID"]
    assert mrid.endswith(f"{40732:08X}") and not mrid.startswith("F" * 24)


def test_a_value_without_a_time_was_read_now(meter: Peer) -> None:
    for value in (1, 2):
        clock.advance(60)
        post(meter, {**POWER, "Reading": {"value": value}})
    assert meterreadings.between(AT, NOON, NOON + 900) == [(NOON + 60, 0, 1), (NOON + 120, 0, 2)]


# --- values ---------------------------------------------------------------------------------------

def test_one_or_many(meter: Peer) -> None:
    assert post(meter, {**POWER, "Reading": reading(1, NOON)}).location == AT
    reply = post(
        meter, {**POWER, "Reading": reading(2, NOON + 1)}, {**VOLTAGE, "Reading": reading(2300, NOON)}
    )
    assert (reply.status, reply.location) == (201, "/upt/1/mr"), "10.11.3 g: of a list, the MeterReadingList"
    assert values(meter) == [1, 2]
    assert values(meter, "/upt/1/mr/2/rs/1/r") == [2300]
    assert meter.get("/upt/1").data["MeterReadingListLink"]["all"] == 2


def test_a_new_quantity_twice_in_one_list(meter: Peer) -> None:
    assert (
        post(meter, {**POWER, "Reading": reading(1, NOON)}, {**POWER, "Reading": reading(2, NOON + 1)}).status
        == 201
    )
    assert values(meter) == [1, 2] and meter.get("/upt/1/mr").data["all"] == 1


def test_the_type_is_said_once(meter: Peer) -> None:
    later = {"mRID": POWER["mRID"], "Reading": reading(2, NOON + 1)}
    assert post(meter, later).status == 400
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    assert post(meter, later).status == 201
    assert values(meter) == [1, 2]
    assert meter.get(f"{AT}/rt").data["uom"] == 38


def test_posted_twice_it_is_kept_once(meter: Peer) -> None:
    for value in (1, 1, 5):
        post(meter, {**POWER, "Reading": reading(value, NOON)})
    assert (values(meter), Reading.select().count()) == ([5], 1)


def test_of_one_time_tiers_and_phases_are_apart(meter: Peer) -> None:
    for tier in (0, 1, 2):
        post(meter, {**POWER, "Reading": reading(tier, NOON, touTier=tier)})
    assert values(meter) == [0, 1, 2]


def test_a_day_is_a_set(meter: Peer) -> None:
    for day in range(3):
        clock.turn_to(NOON + day * 86400)
        for hour in range(3):
            post(meter, {**POWER, "Reading": reading(10 * day + hour, clock.now() - 3600 * hour)})
    listed = meter.get(f"{AT}/rs?l=9").data
    assert listed["all"] == meter.get(AT).data["ReadingSetListLink"]["all"] == 3
    days = [NOON - 43200 + day * 86400 for day in (2, 1, 0)]
    assert [item["timePeriod"]["start"] for item in listed["ReadingSet"]] == days
    assert len({item["mRID"] for item in listed["ReadingSet"]}) == 3
    assert values(meter, listed["ReadingSet"][1]["href"] + "/r") == [10, 11, 12]


def span(number: int, *numbers: int, **more: Any) -> dict[str, Any]:
    return {"mRID": f"{number:032X}", "timePeriod": {"duration": 900, "start": NOON - 900},
            "Reading": [{"value": item} for item in numbers], **more}


def test_a_set_is_kept_whole_and_replaced_whole(meter: Peer) -> None:
    post(meter, {**POWER, "MirrorReadingSet": [span(1, 10, 20, 30, description="interval")]})
    shown, = meter.get(f"{AT}/rs").data["ReadingSet"]
    assert (shown["mRID"], shown["description"], shown["timePeriod"]) == (
        f"{1:032X}", "interval", {"duration": 900, "start": NOON - 900})
    assert values(meter) == [10, 20, 30]
    assert [item[0] for item in meterreadings.between(AT, 0, NOON + 1)] == [
        NOON - 900,
        NOON - 600,
        NOON - 300,
    ]
    post(meter, {**POWER, "MirrorReadingSet": [span(1, 7, 8)]})
    assert values(meter) == [7, 8]
    post(meter, {**POWER, "MirrorReadingSet": [span(2, 9), span(3, 9)]})
    assert meter.get(AT).data["ReadingSetListLink"]["all"] == ReadingSet.select().count() == 3


def test_of_what_is_twice_in_a_set_the_last_counts(meter: Peer) -> None:
    twice = [reading(1, NOON - 900), reading(2, NOON - 300), {**reading(3, NOON - 900), "timePeriod": {
        "start": NOON - 900, "duration": 60}}, reading(4, NOON - 900, localID="01")]
    post(meter, {**POWER, "MirrorReadingSet": [{**span(1), "Reading": twice}]})
    assert meterreadings.between(AT, 0, NOON) == [(NOON - 900, 60, 3), (NOON - 900, 300, 4), (NOON - 300, 300, 2)]
    assert [row.value for row in meterreadings.timed(AT, 0, NOON, limit=2)] == [4, 2]
    shown = meter.get(f"{AT}/rs/1/r?l=9").data["Reading"]
    assert [(item["href"].rpartition("/")[2], item["value"]) for item in shown] == [("1", 3), ("2", 2), ("3", 4)]


def test_a_set_takes_as_many_statements_whatever_it_has(meter: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    post(meter, {**POWER, "MirrorReadingSet": [span(1, 1)]})
    statements: list[str] = []
    monkeypatch.setattr(app, "_check_at", float("inf"))  # once a second there is one more
    monkeypatch.setattr(pollrates, "_CACHE_S", float("inf"))
    execute = type(db.obj).execute_sql
    monkeypatch.setattr(type(db.obj), "execute_sql", lambda database, statement, *more, **named: (
        statements.append(statement), execute(database, statement, *more, **named))[1])
    counts = []
    for number, size in ((2, 1), (3, 100)) * 2:  # new, and in place of themselves
        statements.clear()
        post(meter, {"mRID": POWER["mRID"], "MirrorReadingSet": [span(number, *range(size))]})
        counts.append(len(statements))
    assert counts[0] == counts[1] and counts[2] == counts[3] and values(meter, f"{AT}/rs/3/r") == [*range(100)]


def test_old_readings_are_forgotten(meter: Peer) -> None:
    for days in (0, 5, 10):
        post(meter, {**POWER, "Reading": reading(days, NOON - days * 86400)})
    assert retention.remove("readings", NOON - 6 * 86400) == 1
    assert meter.get(f"{AT}/rs").data["all"] == 2
    assert meter.get(AT).data["ReadingSetListLink"]["all"] == 2
    assert store.reindex() == 0
    assert Reading.select().count() == 2


# --- refused --------------------------------------------------------------------------------------

INT48 = 1 << 47
BAD = {
    "no calendar": reading(1, 1 << 62), "long before time": reading(1, -(1 << 63)), "too large": reading(INT48), "too small": reading(-INT48 - 1),
    "far too large": reading(1 << 70),
}
GOOD = {
    "clocks that differ": reading(1, NOON + 300),
    "largest": reading(INT48 - 1),
    "smallest": reading(-INT48),
    "an unset clock": reading(1, 0),
    "before 1970": reading(1, -1),
    "the next day": reading(1, NOON + 86_400),
    "a far future": reading(1, NOON + 90_000_000),
}


def test_a_value_has_to_fit_and_to_have_been_read(meter: Peer) -> None:
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    for why, body in BAD.items():
        assert post(meter, {**POWER, "Reading": body}).status == 400, why
        assert post(meter, {**POWER, "MirrorReadingSet": [{**span(1), "Reading": [body]}]}).status == 400, why
    assert (values(meter), ReadingSet.select().count()) == ([1], 1)
    for why, body in GOOD.items():
        assert post(meter, {**POWER, "Reading": body}).status == 201, why


@pytest.mark.parametrize("start, timely", [
    (NOON, True), (NOON + 300, True), (NOON + 86_400, True), (NOON + 86_401, False),
    (NOON - 42 * 86_400, True), (NOON - 42 * 86_400 - 1, False), (0, False), (-1, False)])
def test_a_reading_of_an_unset_clock_is_kept_and_used_by_nothing(meter: Peer, start: int, timely: bool) -> None:
    """It is not refused: the device would try for ever."""
    assert post(meter, {**POWER, "Reading": reading(5, start)}).status == 201
    row, = meterreadings.timed(AT, -1000, 1 << 40)
    assert (row.start, row.value, row.untimely) == (start, 5, not timely)
    assert [alarm["kind"] for alarm in alarms.rows()] == ([] if timely else ["untimely reading"])
    injection_w = devicereadings.mean_injection_w([1], start - start % 900, start - start % 900 + 900)
    assert bool(np.isfinite(injection_w)) == timely
    assert (Meter.get().read_at is not None) == timely and store.reindex() == 0
    newest = meter.get(f"{AT}/rs/0/r/0").data
    assert newest.get("value") == (5 if timely else None)


def test_nothing_is_kept_of_a_list_with_a_fault(meter: Peer) -> None:
    good, bad = {**POWER, "Reading": reading(1, NOON)}, {**VOLTAGE, "Reading": reading(1 << 47, NOON)}
    assert post(meter, good, bad).status == 400
    assert (meter.get("/upt/1/mr").data["all"], Reading.select().count()) == (0, 0)


def test_the_same_mrids_of_two_devices_are_two(meter: Peer, peer: Callable[[int], Peer]) -> None:
    """mRIDs belong to their device: two of one manufacturer may count alike."""
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    enrolment.enrol(peers.lfdi(2))
    other = peer(2)
    assert other.post("/mup", "MirrorUsagePoint", mirror(other)).location == "/mup/2"
    assert post(other, {**POWER, "Reading": reading(9, NOON)}, href="/mup/2").location == "/upt/2/mr/1"
    assert post(other, {**POWER, "Reading": reading(9, NOON + 1)}, href="/mup/1").status == 404
    assert other.post("/mup", "MirrorUsagePoint", mirror(other)).location == "/mup/2", "stated again"
    assert post(meter, {**POWER, "Reading": reading(2, NOON + 300)}).status == 201
    assert values(meter) == [1, 2] and values(other, "/upt/2/mr/1/rs/1/r") == [9]
    assert meter.delete("/mup/1").status == 204
    assert post(other, {**POWER, "Reading": reading(8, NOON + 300)}, href="/mup/2").status == 201
    assert values(other, "/upt/2/mr/1/rs/1/r") == [9, 8]


def test_an_mrid_of_the_device_s_other_mirror_is_refused_too(meter: Peer) -> None:
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    meter.post("/mup", "MirrorUsagePoint", mirror(meter, mRID="BB"))
    assert post(meter, {**POWER, "Reading": reading(2, NOON)}, href="/mup/2").status == 403


def test_an_empty_list_of_readings_is_refused(meter: Peer) -> None:
    assert meter.post("/mup/1", "MirrorMeterReadingList", {"all": 0, "results": 0}).status == 400


def test_usage_points_are_said_by_mirrors_alone(meter: Peer) -> None:
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    point = {"mRID": "01", "roleFlags": "0001", "serviceCategoryKind": 0, "status": 1}
    span_said = {"mRID": "02", "timePeriod": {"duration": 1, "start": 1}}
    for method, href, name, body in (
            ("POST", "/upt", "UsagePoint", point), ("PUT", f"{AT}/rt", "ReadingType", {}),
            ("POST", f"{AT}/rs", "ReadingSet", span_said), ("POST", f"{AT}/rs/1/r", "Reading", {"value": 1}),
            ("PUT", f"{AT}/rs/1/r/1", "Reading", {"value": 2})):
        assert getattr(meter, method.lower())(href, name, body).status == 403, href
    for href in ("/upt/1", AT, f"{AT}/rs/1", f"{AT}/rs/1/r/1"):
        assert meter.delete(href).status == 403, href
    assert values(meter) == [1]


def test_the_utility_removes_a_usage_point_with_all_that_was_read(meter: Peer) -> None:
    post(meter, {**POWER, "Reading": reading(1, NOON)})
    store.remove("/upt/1")
    assert (ReadingSet.select().count(), Reading.select().count()) == (0, 0)
    assert post(meter, {**POWER, "Reading": reading(1, NOON)}).status == 409
    assert meter.post("/mup", "MirrorUsagePoint", mirror(meter)).location == "/mup/1"
    assert post(meter, {**POWER, "Reading": reading(1, NOON)}).status == 201


def test_how_often_to_post_is_the_utility_s_to_say(meter: Peer) -> None:
    settings.post_rate = 60
    assert meter.post("/mup", "MirrorUsagePoint", mirror(meter, mRID="BB")).location == "/mup/2"
    assert meter.get("/mup/2").data["postRate"] == 60


# --- defaults of readings -------------------------------------------------------------------------

@pytest.mark.parametrize("interval_s, count, spans", [
    (900, 2, [(0, 900), (900, 900)]),  # a set that is not full yet
    (900, 4, [(0, 900), (900, 900), (1800, 900), (2700, 900)]),
    (900, 8, [(450 * number, 450) for number in range(8)]),  # more than fit: the set is divided
    (None, 2, [(0, 1800), (1800, 1800)])])
def test_readings_of_a_set_are_as_long_as_the_interval_of_their_type(
    meter: Peer, interval_s: int | None, count: int, spans: list[tuple[int, int]]
) -> None:
    """10.4.3, Reading: without a timePeriod a reading lasts ReadingType.intervalLength, in the order of the
    set."""
    kind = {"uom": 38, **({} if interval_s is None else {"intervalLength": interval_s})}
    post(meter, {**POWER, "ReadingType": kind, "MirrorReadingSet": [{
        "mRID": "0C", "timePeriod": {"start": NOON - 3600, "duration": 3600},
        "Reading": [{"value": number, "localID": f"{number:04X}"} for number in range(count)]}]})
    periods = [item["timePeriod"] for item in meter.get(f"{AT}/rs/1/r?l=255").data["Reading"]]
    assert [(period["start"] - NOON + 3600, period["duration"]) for period in periods] == spans
    assert meter.get(f"{AT}/rs/0/r/0").data["value"] == count - 1


def test_sub_intervals_divide_the_interval(meter: Peer) -> None:
    """10.4.3, ReadingType: subIntervalLength divides intervalLength without remainder."""
    refused = post(meter, {**POWER, "ReadingType": {"uom": 38, "intervalLength": 900, "subIntervalLength": 400}})
    assert refused.status == 400 and meter.get("/upt/1/mr").data["all"] == 0
    assert post(meter, {**POWER, "ReadingType": {
        "uom": 38, "intervalLength": 900, "subIntervalLength": 300}}).status == 201
