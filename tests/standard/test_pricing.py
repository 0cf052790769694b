"""Pricing: tariffs, their components, intervals and prices (IEEE 2030.5-2018, 10.5, 10.2, annexes C.15, D.1).

What it says is told in our own words; T says that it is in the text, X in the schema.
"""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment, operatordocuments
from server.devices.operatordocuments import SubmittedDocument
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import vder_audience
from server.resources import retention, sql, store
from server.resources.codes import EventStatus
from server.resources.retention import DAY
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer

FORWARD, REVERSE = 1, 19
HOUR = 3600


@pytest.fixture
def tariff(device: Peer) -> str:
    """A tariff of the virtual DER in which the device is."""
    number = virtualders.create("street", members=["one"])["id"]
    return store.add("TariffProfile", "/tp", {"primacy": 1, "serviceCategoryKind": 0, "currency": 978},
                     vder_audience(number))


def interval(tariff: str, start: int = 0, duration: int = HOUR, tier: int = 0, component: int = 1,
             **fields: Any) -> str:
    """Publish an interval, `start` seconds from now."""
    return store.add("TimeTariffInterval", f"{tariff}/rc/{component}/tti", {
        "interval": {"start": clock.now() + start, "duration": duration}, "touTier": tier, **fields})


def price(interval: str, value: int, block: int = 1, start: int = 0, **fields: Any) -> str:
    return store.add("ConsumptionTariffInterval", f"{interval}/cti", {
        "consumptionBlock": block, "price": value, "startValue": start, **fields})


# --- tariffs and components -----------------------------------------------------------------------

def test_a_tariff_has_a_component_of_either_direction(tariff: str, device: Peer) -> None:
    """10.5.3.2 T: at least two RateComponents, of energy delivered and received. D.1: of one ReadingType
    each, whose flowDirection tells which; in kWh, since prices are for its unit."""
    components = device.get(f"{tariff}/rc?l=9").data["RateComponent"]
    types = [device.get(component["ReadingTypeLink"]["href"]).data for component in components]
    assert {read["flowDirection"] for read in types} == {FORWARD, REVERSE}
    assert {(read["uom"], read["powerOfTenMultiplier"], read["commodity"]) for read in types} == {(72, 3, 1)}
    with pytest.raises(Refused, match="energy delivered") as refused:
        store.remove(f"{tariff}/rc/1")
    assert refused.value.status == 409
    third = store.add("RateComponent", f"{tariff}/rc", {"roleFlags": "0002"})
    with pytest.raises(Refused, match="energy delivered"):
        store.remove(f"{tariff}/rc/1")  # of the third the direction is unknown
    store.put(f"{third}/rt", {"flowDirection": FORWARD})
    store.remove(f"{tariff}/rc/1")


@on_sqlite
def test_components_are_in_the_order_of_their_mrids(tariff: str, device: Peer) -> None:
    """10.5.2 T, table 42: TariffProfile and RateComponent by mRID descending."""
    for mrid in (f"{number:032X}" for number in (5, 10, 7)):
        store.add("RateComponent", f"{tariff}/rc", {"roleFlags": "0002", "mRID": mrid})
        store.add("TariffProfile", "/tp", {"primacy": 1, "serviceCategoryKind": 1, "mRID": mrid})
    for href, name in ((f"{tariff}/rc", "RateComponent"), ("/tp", "TariffProfile")):
        mrids = [item["mRID"] for item in device.get(f"{href}?l=9").data[name]]
        assert mrids == sorted(mrids, reverse=True) and len(mrids) >= 4


@on_sqlite
def test_the_reading_type_of_a_component_is_the_utilitys(tariff: str, device: Peer) -> None:
    """X: a RateComponent has a ReadingTypeLink, which resolves. Devices read it."""
    href = f"{tariff}/rc/1/rt"
    assert device.put(href, "ReadingType", {"flowDirection": FORWARD}).status == 403
    content = {"flowDirection": FORWARD, "kind": 8, "uom": 38}
    written = operatordocuments.put(href, SubmittedDocument("ReadingType", content))
    assert not written["created"] and device.get(href).data["uom"] == 38
    with pytest.raises(Refused, match="energy delivered"):
        operatordocuments.put(href, SubmittedDocument("ReadingType", {"flowDirection": REVERSE}))


@on_sqlite
@pytest.mark.parametrize("limits, fits", [
    ({}, True), ({"Start": 0, "End": 5}, True), ({"Start": 1}, False), ({"End": 1}, False),
    ({"Start": 5, "End": 4}, False)])
def test_limits_of_a_flow_rate_are_there_together(tariff: str, limits: dict[str, int], fits: bool) -> None:
    """X: flowRateStartLimit and flowRateEndLimit only together."""
    data = {"roleFlags": "0002", **{f"flowRate{name}Limit": {"multiplier": 0, "unit": 38, "value": value}
                                    for name, value in limits.items()}}
    if fits:
        store.add("RateComponent", f"{tariff}/rc", data)
    else:
        with pytest.raises(Refused, match="flowRate"):
            store.add("RateComponent", f"{tariff}/rc", data)


# --- intervals and prices -------------------------------------------------------------------------

@on_sqlite
def test_counts_of_tiers_and_blocks_are_the_greatest_ever_used(tariff: str, device: Peer) -> None:
    """X: numberOfTouTiers is the greatest touTier ever used, 0 of a flat price; numberOfConsumptionBlocks is
    at least 1 once there are prices."""
    href = f"{tariff}/rc/1/rt"

    def counts() -> tuple[int, int]:
        data = device.get(href).data
        return data.get("numberOfTouTiers", 0), data.get("numberOfConsumptionBlocks", 0)

    assert counts() == (0, 0)
    flat = interval(tariff)
    price(flat, 30)
    assert counts() == (0, 1)
    price(flat, 35, block=3, start=500)
    peak = interval(tariff, HOUR, tier=4)
    assert counts() == (4, 3)
    store.remove(peak)
    interval(tariff, HOUR, tier=2)
    assert counts() == (4, 3)
    content = {"flowDirection": FORWARD, "numberOfTouTiers": 3, "numberOfConsumptionBlocks": 3}
    with pytest.raises(Refused, match="numberOfTouTiers: 4 have been used"):
        operatordocuments.put(href, SubmittedDocument("ReadingType", content))


@on_sqlite
@pytest.mark.parametrize("tier, fits", [(0, True), (15, True), (16, False)])
def test_tiers_are_those_of_the_standard(tariff: str, tier: int, fits: bool) -> None:
    """X, TOUType: 0 none, 1 to 15 for A to O."""
    try:
        interval(tariff, tier=tier)
    except Refused as refused:
        assert refused.status == 400 and not fits
    assert len(store.items(f"{tariff}/rc/1/tti")) == fits


@on_sqlite
@pytest.mark.parametrize("blocks, fits", [
    ([(1, 0)], True), ([(1, 0), (2, 500), (3, 501)], True), ([(0, 0)], True), ([(1, 500)], False),
    ([(1, 0), (2, 500), (3, 500)], False), ([(1, 0), (2, 500), (3, 100)], False),
    ([(1, 0), (1, 500)], False), ([(2, 0), (1, 500)], False), ([(17, 0)], False)])
def test_blocks_begin_at_0_and_ascend(tariff: str, blocks: list[tuple[int, int]], fits: bool) -> None:
    """X: the first startValue of an interval is 0, each next one strictly greater; blocks are 1 to 16."""
    published = interval(tariff)
    try:
        for block, start in blocks:
            price(published, 30, block, start)
    except Refused as refused:
        assert refused.status == 400 and not fits
    assert (len(store.items(f"{published}/cti")) == len(blocks)) == fits


@on_sqlite
def test_blocks_of_an_interval_may_come_at_once(tariff: str, device: Peer) -> None:
    """10.5.2 T: ConsumptionTariffInterval by startValue ascending."""
    published = interval(tariff)
    store.add_all("ConsumptionTariffInterval", [
        (f"{published}/cti", {"consumptionBlock": block, "startValue": start})
        for block, start in ((3, 900), (1, 0), (2, 500))])
    listed = device.get(f"{published}/cti?l=9").data["ConsumptionTariffInterval"]
    assert [block["startValue"] for block in listed] == [0, 500, 900]


@on_sqlite
@pytest.mark.parametrize("cost, fits", [
    ({}, True), ({"costKind": 3, "amount": 100}, True), ({"costKind": 3, "amount": 101}, False),
    ({"costKind": 4}, False), ({"costLevel": 3}, False), ({"numCostLevels": 0}, False)])
def test_levels_of_a_cost_are_below_their_number(tariff: str, cost: dict[str, int], fits: bool) -> None:
    """X, EnvironmentalCost: CO2, SO2, NOx or the renewable share in percent; levels ascend from 0."""
    whole = {"amount": 480, "costKind": 0, "costLevel": 2, "numCostLevels": 3, **cost}
    if fits:
        price(interval(tariff), 30, EnvironmentalCost=[whole])
    else:
        with pytest.raises(Refused, match="EnvironmentalCost/"):
            price(interval(tariff), 30, EnvironmentalCost=[whole])


@on_sqlite
def test_what_is_published_is_never_edited(tariff: str) -> None:
    """10.2 [rule c]: nothing but the status of an event changes: it is cancelled, or superseded."""
    published = interval(tariff)
    cost = price(published, 30)
    document = store.get(published)
    assert document is not None
    edited = {**document.submitted, "touTier": 3}
    put, delete = operatordocuments.put, operatordocuments.delete
    with pytest.raises(Refused, match="never edited"):
        put(published, SubmittedDocument("TimeTariffInterval", edited))
    with pytest.raises(Refused, match="never edited"):
        put(cost, SubmittedDocument(
            "ConsumptionTariffInterval", {"consumptionBlock": 1, "startValue": 0, "price": 31}))
    with pytest.raises(Refused, match="never edited"):
        delete(cost)
    status = {"currentStatus": EventStatus.CANCELLED, "dateTime": NOON, "potentiallySuperseded": False}
    put(published, SubmittedDocument("TimeTariffInterval", {**document.submitted, "EventStatus": status}))
    cancelled = store.get(published)
    assert cancelled is not None and cancelled.status["currentStatus"] == EventStatus.CANCELLED
    assert delete(published)["below"] == 1


@on_sqlite
def test_the_newer_price_supersedes_the_older_one(tariff: str, device: Peer) -> None:
    """10.2 X: superseded at the newer event's earliest effective start, and listed to its end; the active
    list has the newer one alone."""
    older, newer = interval(tariff, 0, HOUR), interval(tariff, 900, 900)
    active = f"{tariff}/rc/1/acttti?l=9"
    assert [event["href"] for event in device.get(active).data["TimeTariffInterval"]] == [older]
    clock.advance(900)
    assert [event["href"] for event in device.get(active).data["TimeTariffInterval"]] == [newer]
    assert device.get(older).data["EventStatus"]["currentStatus"] == EventStatus.SUPERSEDED
    assert device.get(f"{tariff}/rc/1/tti").data["all"] == 2


def test_a_device_comes_to_the_price_by_links_alone(tariff: str, device: Peer) -> None:
    """C.15 A: from the FunctionSetAssignments over tariff, component and active list to the price; the active
    list may be empty."""
    price(interval(tariff, 0, 900), 281)
    mine, = device.get("/edev").data["EndDevice"]
    assigned, = device.get(mine["FunctionSetAssignmentsListLink"]["href"]).data["FunctionSetAssignments"]
    link = assigned["TariffProfileListLink"]
    profiles = device.get(link["href"]).data
    assert profiles["all"] == link["all"] == 1
    components = device.get(
        f"{profiles['TariffProfile'][0]['RateComponentListLink']['href']}?l=9").data["RateComponent"]
    prices = {}
    for component in components:
        direction = device.get(component["ReadingTypeLink"]["href"]).data["flowDirection"]
        active = device.get(component["ActiveTimeTariffIntervalListLink"]["href"]).data
        for event in active.get("TimeTariffInterval", []):
            blocks = device.get(event["ConsumptionTariffIntervalListLink"]["href"]).data
            prices[direction] = blocks["ConsumptionTariffInterval"][0]["price"]
    assert prices == {FORWARD: 281}


@on_sqlite
def test_another_virtual_ders_tariff_is_not_there(tariff: str, device: Peer, peer: Any) -> None:
    """8.6 and 6.9: who is not in the virtual DER has no link to its tariff, and gets 404."""
    enrolment.enrol(peers.lfdi(2), name="two")
    assert peer(2).get(tariff).status == 404 and peer(2).get("/edev/2/fsa").data["all"] == 0


# --- what devices submit --------------------------------------------------------------------------

@on_sqlite
@pytest.mark.parametrize("kind, status, code", [
    ("PriceResponse", 1, 201), ("PriceResponse", 6, 201), ("PriceResponse", 7, 201),
    ("PriceResponse", 254, 201), ("Response", 1, 201), ("PriceResponse", 4, 400), ("PriceResponse", 5, 400),
    ("PriceResponse", 8, 400), ("PriceResponse", 10, 400), ("PriceResponse", 12, 400),
    ("DERControlResponse", 1, 400)])
def test_a_price_is_answered_by_what_table_27_has(
    tariff: str, device: Peer, kind: str, status: int, code: int
) -> None:
    """8.8, table 27: a price is received, cancelled, superseded or expired; nobody opts out of one."""
    event = store.get(interval(tariff, responseRequired="01"))
    assert event is not None
    shown = device.get(event.href).data
    assert shown["replyTo"] and shown["responseRequired"] == "01"
    reply = device.post(shown["replyTo"], kind, {
        "endDeviceLFDI": device.lfdi, "subject": event.submitted["mRID"], "status": status})
    assert reply.status == code


def test_thresholds_are_for_a_component_that_the_device_sees(tariff: str, device: Peer) -> None:
    """X, PriceResponseCfg: for each component, consume below one price and reduce to the utmost above
    another."""
    def post(component: str, consume: int = 100, reduce: int = 400) -> Any:
        return device.post("/edev/1/cfg/prcfg", "PriceResponseCfg", {
            "consumeThreshold": consume, "maxReductionThreshold": reduce,
            "RateComponentLink": {"href": component}})

    device.put("/edev/1/cfg", "Configuration", {"currentLocale": "en", "userDeviceName": "d"})
    first = post(f"{tariff}/rc/1")
    assert first.status == 201 and post(f"{tariff}/rc/2").status == 201
    again = post(f"{tariff}/rc/1", 90)
    assert (again.status, again.location) == (204, first.location)
    assert device.get(first.location).data["consumeThreshold"] == 90
    foreign = store.add("TariffProfile", "/tp", {"primacy": 1, "serviceCategoryKind": 0},
                        vder_audience(virtualders.create("other")["id"]))
    for wrong in (f"{foreign}/rc/1", tariff, "/tp/9/rc/1"):
        assert post(wrong).status == 400
    assert post(f"{tariff}/rc/1", 500, 400).status == 400
    data = device.get(first.location).data
    elsewhere = {**data, "RateComponentLink": {"href": "/tp/9/rc/1"}}
    reply = device.put(first.location, "PriceResponseCfg", elsewhere)
    assert reply.status == 400


# --- what is over ---------------------------------------------------------------------------------

def test_prices_go_with_their_interval(tariff: str) -> None:
    """What is over for longer than `event_days` is removed, with what is below it."""
    price(interval(tariff, 0, HOUR), 30)
    kept = price(interval(tariff, HOUR, HOUR), 31)
    clock.turn_to(NOON + HOUR + int(settings.event_days * DAY))
    retention.remove_old()
    assert sql.row("SELECT count(*) FROM document WHERE kind = 'ConsumptionTariffInterval'")[0] == 2
    clock.advance(1)
    store.reevaluate({f"{tariff}/rc/1/tti": [(NOON, NOON + 2 * HOUR)]})
    retention.remove_old()
    assert sql.rows("SELECT href FROM document WHERE kind = 'ConsumptionTariffInterval'") == [(kept,)]
    assert len(sql.rows("SELECT href FROM document WHERE kind = 'TimeTariffInterval'")) == 1
