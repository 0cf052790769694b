"""Lists: paging by s, a and l, exact counts, and the order of each list of the table.

IEEE 2030.5-2018, 4.6 and 4.7 (lists) and the interface description's orderings; CSIP CORE-004.
"""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.resources import numbering, ordering, schema, store, table
from server.resources.table import Row
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard import every_resource
from tests.wsgi import Client

EVENT = {"functionSet": 11, "logEventCode": 0, "logEventPEN": 40732, "profileID": 2}
LOG = "/edev/1/lel"
TIMES = [1000, 1010, 1020, 1030, 1040, 1050, 1060]


@pytest.fixture
def log(device: Peer) -> Peer:
    """A device with seven LogEvents, posted out of order."""
    for number in (3, 1, 4, 0, 6, 2, 5):
        device.post(LOG, "LogEvent", {**EVENT, "createdDateTime": TIMES[number], "logEventID": number})
    return device


# --- paging ---------------------------------------------------------------------------------------

# The places in the list of the items on the page; the LogEvent of the last time has place 0.
PAGES = {
    "": [0],
    "?l=0": [],
    "?l=1": [0],
    "?l=3": [0, 1, 2],
    "?l=7": [0, 1, 2, 3, 4, 5, 6],
    "?l=255": [0, 1, 2, 3, 4, 5, 6],
    "?l=4294967295": [0, 1, 2, 3, 4, 5, 6],
    "?l=99999999999999999999999": [0, 1, 2, 3, 4, 5, 6],
    "?s=2": [2],
    "?s=2&l=3": [2, 3, 4],
    "?s=5&l=9": [5, 6],
    "?l=2&s=6": [6],
    "?s=7": [],
    "?s=7&l=5": [],
    "?s=4294967295&l=1": [],
    "?s=99999999999999999999999": [],
    "?a=1020&l=9": [0, 1, 2, 3],
    "?a=0&l=2": [0, 1],
    "?a=1019&l=1": [0],
    "?a=1060&l=9": [],
    "?a=1020&s=1&l=2": [1, 2],
    "?a=9999999999&l=9": [],
    "?a=99999999999999999999999&l=9": [],
    "?unheard=1&l=2": [0, 1],
    "?l=2&l=5": [0, 1],
    "?L=5": [0],
    "?": [0],
    "?&&": [0],
    "?l=2&": [0, 1],
    "?s=%32&l=1": [2],
}


NO_NUMBERS = [
    "l=-1",
    "s=-1",
    "a=-1",
    "l=",
    "s=x",
    "l=1.0",
    "l=1e3",
    "a=soon",
    "l=+1",
    "s=0x10",
    "l=\u0663",
    "l=%00",
    "l=1%20",
    "s=--1",
]


def test_a_page_has_the_items_that_were_asked_for(log: Peer) -> None:
    for query, wanted in PAGES.items():
        reply = log.get(LOG + query)
        assert reply.status == 200, query
        places = [6 - item["logEventID"] for item in reply.data.get("LogEvent", [])]
        assert places == wanted, query
        assert (reply.data["all"], reply.data["results"], reply.data["href"]) == (7, len(wanted), LOG), query


def test_what_is_no_number_is_refused(log: Peer) -> None:
    for query in NO_NUMBERS:
        reply = log.get(f"{LOG}?{query}")
        assert (reply.status, reply.name) == (400, "Error"), query


def test_pages_put_together_are_the_list(log: Peer) -> None:
    whole = log.get(f"{LOG}?l=255").data["LogEvent"]
    for limit in range(1, 9):
        parts = [log.get(f"{LOG}?s={start}&l={limit}").data for start in range(0, 9, limit)]
        assert [item for part in parts for item in part.get("LogEvent", [])] == whole


def test_a_list_that_knows_no_times_does_not_apply_a(device: Peer) -> None:
    assert device.get("/derp?a=soon&l=9").data["results"] == 0
    assert device.get("/edev/1/der?a=4000000000&l=9").data["results"] == 1
    assert device.get("/edev/1/der?a=soon&l=9").data["results"] == 1


def test_an_empty_list_is_an_answer(device: Peer) -> None:
    for href in (LOG, "/derp", "/mup", "/edev/1/fsa", "/edev/1/der/1/derp"):
        reply = device.get(href)
        assert (reply.status, reply.data["all"], reply.data["results"]) == (200, 0, 0), href


def test_a_limit_of_our_own_can_be_set(log: Peer) -> None:
    settings.list_limit = 5
    assert log.get(LOG).data["results"] == 5
    assert log.get(f"{LOG}?l=1").data["results"] == 1


def test_one_page_has_255_items_at_most(device: Peer) -> None:
    settings.log_events = 300
    with store.transaction():
        for number in range(260):
            store.add("LogEvent", LOG, {**EVENT, "createdDateTime": number, "logEventID": number})
    reply = device.get(f"{LOG}?l=4000")
    assert (reply.data["all"], reply.data["results"], len(reply.data["LogEvent"])) == (260, 255, 255)


def test_counts_follow_what_comes_and_goes(log: Peer) -> None:
    first, second = (item["href"] for item in log.get(f"{LOG}?l=2").data["LogEvent"])
    log.delete(first)
    assert log.get(LOG).data["all"] == 6
    assert log.get(LOG).data["LogEvent"][0]["href"] == second
    assert log.get("/edev/1").data["LogEventListLink"]["all"] == 6


def test_a_number_is_never_given_twice(log: Peer) -> None:
    newest = log.post(LOG, "LogEvent", {**EVENT, "createdDateTime": 2000, "logEventID": 9}).location
    log.delete(newest)
    assert log.post(LOG, "LogEvent", {**EVENT, "createdDateTime": 2000, "logEventID": 9}).location != newest


# --- order ----------------------------------------------------------------------------------------

# These come about otherwise: by enrolment, as readings, as answers to events. They are below.
_APART = {
    "ConsumptionTariffIntervalList",  # whose start values ascend as they come
    "RateComponentList",  # of which two are never removed; see test_pricing
    "EndDeviceList",
    "ReadingSetList",
    "ReadingList",
    "ResponseList",
    "ResponseSetList",
    "MirrorUsagePointList",
    "UsagePointList",
    "MeterReadingList",
}
ORDERED = sorted((row.name for row in table.rows.values()
                  if row.is_list and row.order and not row.of and not row.edition and row.name not in _APART),
                 # what stands below first, since it is replaced; assignments last, since programs change them
                 key=lambda name: (name == "FunctionSetAssignmentsList", -table.rows[name].path.count("/")))
DIGITS = [(1, 0, 2), (0, 1, 1), (2, 2, 0), (0, 0, 0), (1, 0, 1), (0, 1, 0)]


def test_every_list_has_its_order(server: None, application: Any) -> None:
    """Six items with values that tie and differ in each key, added in no order."""
    hrefs = every_resource.fill()
    device = Peer(Client(application), every_resource.LFDI)
    store.remove(hrefs["DeviceInformation"])  # or Files for other products than its own are left out
    for name in ORDERED:
        row, item = table.rows[name], table.item(name)
        assert item is not None
        for document in store.items(hrefs[name], ended=True):
            store.remove(document.href)
        for number, digits in enumerate(DIGITS):
            owner = every_resource.audience(hrefs[name])
            store.add(item.element, hrefs[name], varied(row, item, digits, number), audience=owner)
        listed = device.get(f"{hrefs[name]}?l=255").data[item.element]
        assert len(listed) == 6, name
        assert listed == in_order(row, item, listed), name


def varied(row: Row, item: Row, digits: tuple[int, ...], number: int) -> dict[str, Any]:
    """The sample of an item, its order keys changed by these digits."""
    data = every_resource.sample(item.name)
    if item.name == "Subscription":
        data["notificationURI"] += str(number)
    if "mRID" in schema.type_spec(item.element).by_key:
        data["mRID"] = f"{(number * 5 + 3) % 7:032X}"
    for step, digit in zip(row.order, digits, strict=False):
        path = step.lstrip("-")
        field = schema.type_spec(item.element).field_at(path)
        if field is None or path in ("href", "mRID"):
            continue
        *above, last = path.split("/")
        holder = data
        for part in above:
            holder[part] = holder = dict(holder[part])
        kind, known = field.simple.kind, holder.get(last)
        holder[last] = ((known or 0) + digit if kind == "int" else f"{digit + 1:0{field.simple.width}X}"
                        if kind == "hex" else "abc"[digit])
    return data


def in_order(row: Row, item: Row, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted as the table says, the last key first."""
    for step in reversed(row.order):
        path = step.lstrip("-")
        if path == "href":
            listed = sorted(listed, key=lambda entry: table.number(entry["href"]))
        elif schema.type_spec(item.element).field_at(path):
            listed = sorted(
                listed,
                key=lambda entry, path=path: ordering.value_at(entry, path),  # type: ignore[misc]
                reverse=step.startswith("-"),
            )
    return listed


def test_what_is_no_list_ignores_parameters_of_lists(device: Peer) -> None:
    """4.7: s, a and l are for lists; what is none is served whole."""
    for href in ("/tm", "/dcap", "/edev/1", "/edev/1/der/1/ders", "/sdev/di"):
        assert device.get(f"{href}?s=5&l=0&a={NOON}").body == device.get(href).body, href


def test_devices_are_listed_by_their_last_change_and_then_by_sfdi(server: None, peer: Any) -> None:
    """8.5.2, table 21: changedTime descending, sFDI ascending, href ascending; and `a`, since the first key
    is a time (4.7; CSIP CORE-004 asks for an empty list after the present time)."""
    enrolment.enrol(peers.lfdi(100), kind=enrolment.AGGREGATOR)
    for number in range(1, 7):
        enrolment.enrol(peers.lfdi(number), manager=peers.lfdi(100))
    settings.registration = True
    for seconds, number in ((1, 4), (2, 2), (2, 6), (0, 3)):
        clock.turn_to(NOON + seconds)
        own = peer(number).get("/edev").data["EndDevice"][0]
        assert peer(number).put(own["href"], "EndDevice", own).status == 204
    client = peer(100)
    listed = client.get("/edev?l=255").data["EndDevice"]
    keys = [(-item["changedTime"], item["sFDI"]) for item in listed]
    assert keys == sorted(keys)
    assert {-changed for changed, _ in keys[:2]} == {NOON + 2} and -keys[2][0] == NOON + 1
    assert client.get(f"/edev?l=255&a={NOON}").data["EndDevice"] == listed[:3]
    assert client.get(f"/edev?l=255&a={NOON + 2}").data["results"] == 0
    assert client.get(f"/edev?s=3&a={NOON + 2}").data["results"] == 0


def test_mirrors_and_what_they_mirror_are_listed_by_mrid_from_the_last(device: Peer) -> None:
    for number in (2, 9, 5):
        mrid = f"{number:032X}"
        quantity = {"mRID": mrid, "ReadingType": {"uom": 38}}
        device.post(
            "/mup",
            "MirrorUsagePoint",
            {
                "mRID": mrid,
                "deviceLFDI": device.lfdi,
                "roleFlags": "0001",
                "serviceCategoryKind": 0,
                "status": 1,
            },
        )
        device.post("/mup/1", "MirrorMeterReading", {**quantity, "mRID": f"{number + 64:032X}"})
    for href, name in (("/mup", "MirrorUsagePoint"), ("/upt", "UsagePoint"), ("/upt/1/mr", "MeterReading")):
        listed = [int(item["mRID"], 16) % 64 for item in device.get(f"{href}?l=9").data[name]]
        assert listed == [9, 5, 2], href


def test_readings_are_listed_by_local_id_block_and_tier(device: Peer) -> None:
    device.post("/mup", "MirrorUsagePoint", {
        "mRID": "01", "deviceLFDI": device.lfdi, "roleFlags": "0001", "serviceCategoryKind": 0, "status": 1})
    keys = [("0200", 0, 0), ("0001", 1, 0), ("0001", 0, 2), ("0001", 0, 1), ("0010", 0, 0)]
    sets = [
        {
            "mRID": f"{number:032X}",
            "timePeriod": {"duration": 60, "start": start},
            "Reading": [
                {"localID": local, "consumptionBlock": block, "touTier": tier, "value": 1}
                for local, block, tier in keys
            ],
        }
        for number, start in ((7, 1000), (3, 2000), (9, 2000))
    ]
    device.post(
        "/mup/1", "MirrorMeterReading", {"mRID": "02", "ReadingType": {"uom": 38}, "MirrorReadingSet": sets}
    )
    listed = device.get("/upt/1/mr/1/rs?l=9").data["ReadingSet"]
    assert [int(item["mRID"], 16) for item in listed] == [9, 3, 7]
    readings = device.get(f"{listed[0]['href']}/r?l=9").data["Reading"]
    assert [(item["localID"], item["consumptionBlock"], item["touTier"]) for item in readings] == sorted(keys)
    assert device.get(f"{listed[0]['href']}/r?s=3&l=9").data["results"] == 2
    assert device.get("/upt/1/mr/1/rs?a=1000&l=9").data["results"] == 2


def test_active_lists_keep_the_order_of_what_they_select_from(server: None, application: Any) -> None:
    """10.6.2, table 44: messages by start ascending, and only those that are active."""
    every_resource.fill()
    device = Peer(Client(application), every_resource.LFDI)
    for start in (-30, -10, -20, 40):
        store.add(
            "TextMessage",
            "/msg/1/txt",
            {
                **every_resource.sample("TextMessage"),
                "mRID": numbering.new_mrid(),
                "interval": {"duration": 60, "start": every_resource.NOW + start},
            },
        )
    active = device.get("/msg/1/acttxt?l=9").data
    starts = [item["interval"]["start"] - every_resource.NOW for item in active["TextMessage"]]
    assert starts == sorted(starts) and {-30, -20, -10} <= set(starts) and 40 not in starts
    assert active["all"] == len(starts)
    assert device.get("/msg/1/txt?l=9").data["all"] == len(starts) + 1
