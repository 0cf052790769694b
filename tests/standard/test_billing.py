"""Billing: accounts, agreements, periods and what was billed, is expected and aimed at (IEEE 2030.5-2018,
10.7)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.resources import store
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer

DAY = 86400
READINGS = {"HistoricalReading": "ver", "ProjectionReading": "pro", "TargetReading": "tar"}
AGREEMENT = "/bill/1/ca/1"
SETS = f"{AGREEMENT}/ver/1/brs"


def interval(start: int, duration: int = DAY) -> dict[str, int]:
    return {"start": NOON + start, "duration": duration}


@pytest.fixture
def customer(device: Peer) -> Peer:
    """A device whose owner has the account /bill/1 with the agreement /bill/1/ca/1."""
    store.add("CustomerAccount", "/bill", {"currency": 978, "pricePowerOfTenMultiplier": -2}, device.lfdi)
    store.add("CustomerAgreement", "/bill/1/ca", {"serviceLocation": "12 Elm Street"})
    return device


def reading_set(device: Peer, kind: str, value: int) -> str:
    """A reading of a kind with one set of one value; the href of the reading."""
    href = store.add(kind, f"{AGREEMENT}/{READINGS[kind]}", {"description": kind})
    of_set = store.add("BillingReadingSet", f"{href}/brs", {"timePeriod": interval(0)})
    store.add("BillingReading", f"{of_set}/br", {"value": value, "Charge": [{"kind": 0, "value": 5}]})
    return href


def items(device: Peer, href: str, kind: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = device.get(f"{href}?l=255").data.get(kind, [])
    return listed


def test_each_reading_has_reading_sets_of_its_own(customer: Peer) -> None:
    """10.7.3: the sets of what was billed, is expected and aimed at are behind a link of each reading;
    C.16 to C.18 follow them."""
    values = {}
    for number, kind in enumerate(READINGS, 1):
        reading = customer.get(reading_set(customer, kind, number)).data
        link = reading["BillingReadingSetListLink"]
        assert link == {"href": f"{reading['href']}/brs", "all": 1}
        of_set, = items(customer, link["href"], "BillingReadingSet")
        assert of_set["BillingReadingListLink"] == {"href": f"{of_set['href']}/br", "all": 1}
        value, = items(customer, of_set["BillingReadingListLink"]["href"], "BillingReading")
        assert customer.get(value["href"]).data == value
        values[kind] = value["value"]
    assert values == {"HistoricalReading": 1, "ProjectionReading": 2, "TargetReading": 3}
    agreement = customer.get(AGREEMENT).data
    assert [agreement[f"{kind}ListLink"]["all"] for kind in READINGS] == [1, 1, 1]
    assert customer.get("/brs").data["all"] == 0
    assert store.reindex() == 0


@on_sqlite
def test_a_reading_says_what_it_measures(customer: Peer) -> None:
    """10.7.3: ReadingTypeLink leads to the type of the values, once there is one."""
    href = reading_set(customer, "HistoricalReading", 1)
    assert "ReadingTypeLink" not in customer.get(href).data
    store.put(f"{href}/rt", {"uom": 72, "flowDirection": 1})
    assert customer.get(href).data["ReadingTypeLink"] == {"href": f"{href}/rt"}
    assert customer.get(f"{href}/rt").data["uom"] == 72


@on_sqlite
def test_what_is_removed_takes_all_below_it_along(customer: Peer) -> None:
    """8.8: a resource that is removed is gone with what is below it."""
    href = reading_set(customer, "HistoricalReading", 1)
    store.remove(href)
    assert customer.get(f"{href}/brs/1/br/1").status == customer.get(f"{href}/brs/1").status == 404
    store.remove("/bill/1")
    assert customer.get(AGREEMENT).status == 404


def test_a_customer_s_documents_are_that_customer_s_alone(
    customer: Peer, peer: Callable[[int], Peer]
) -> None:
    """10.7.1: bills are personal; another device gets nothing at any of their hrefs."""
    enrolment.enrol(peers.lfdi(2))
    history = reading_set(customer, "HistoricalReading", 1)
    store.put("/bill/1/ss", {"mRID": "0C", "providerID": 37244})
    store.add("BillingPeriod", f"{AGREEMENT}/bp", {"interval": interval(0), "billToDate": 100})
    for href in ("/bill/1", "/bill/1/ca", "/bill/1/ss", AGREEMENT, f"{AGREEMENT}/bp/1", f"{AGREEMENT}/actbp",
                 history, f"{history}/brs", f"{history}/brs/1", f"{history}/brs/1/br/1"):
        assert (customer.get(href).status, peer(2).get(href).status) == (200, 404), href
    assert (customer.get("/bill").data["all"], peer(2).get("/bill").data["all"]) == (1, 0)
    assert customer.get("/bill/1").data["ServiceSupplierLink"] == {"href": "/bill/1/ss"}


def test_reading_sets_at_the_top_are_nobody_s_at_first(customer: Peer) -> None:
    """10.7.1: what was billed is shown to nobody until it is said whose it is."""
    href = store.add("BillingReadingSet", "/brs", {"timePeriod": interval(0)})
    assert customer.get(href).status == 404
    own = store.add("BillingReadingSet", "/brs", {"timePeriod": interval(0)}, customer.lfdi)
    assert customer.get(own).status == 200


def test_a_device_finds_its_account_by_its_assignments(customer: Peer, peer: Callable[[int], Peer]) -> None:
    """8.6: FunctionSetAssignments, and DeviceCapability, link to the CustomerAccountList of who has an
    account."""
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("street", members=["one", "two"])
    link = {"href": "/bill", "all": 1}
    assert customer.get("/edev/1/fsa/1").data["CustomerAccountListLink"] == link
    assert customer.get("/dcap").data["CustomerAccountListLink"] == link
    assert "CustomerAccountListLink" not in peer(2).get("/edev/2/fsa/1").data
    store.remove("/bill/1")
    assert "CustomerAccountListLink" not in customer.get("/edev/1/fsa/1").data


@on_sqlite
def test_the_order_of_lists(customer: Peer) -> None:
    """10.7.2, table 45: accounts by customerName, agreements by serviceLocation, readings by description,
    each then by mRID, descending; sets by time, descending; values by time, block and tier."""
    for name, mrid in (("B", "01"), ("A", "02"), ("A", "03")):
        store.add("CustomerAccount", "/bill", {"currency": 978, "pricePowerOfTenMultiplier": -2, "mRID": mrid,
                                               "customerName": name}, customer.lfdi)
    accounts = [item["mRID"][-2:] for item in items(customer, "/bill", "CustomerAccount")]
    assert accounts[1:] == ["03", "02", "01"]
    for name, mrid in (("b", "01"), ("a", "02"), ("a", "03")):
        for kind, step in READINGS.items():
            of_kind = {"description": name, "mRID": f"{mrid}{step.encode().hex()}"}
            store.add(kind, f"{AGREEMENT}/{step}", of_kind)
    for kind, step in READINGS.items():
        listed = items(customer, f"{AGREEMENT}/{step}", kind)
        assert [item["mRID"][-8:-6] for item in listed] == ["03", "02", "01"]
    sets = SETS
    for start in (0, 2 * DAY, DAY):
        store.add("BillingReadingSet", sets, {"timePeriod": interval(start)})
    listed = items(customer, sets, "BillingReadingSet")
    assert [item["timePeriod"]["start"] - NOON for item in listed] == [2 * DAY, DAY, 0]
    for start, block, tier in ((9, 0, 0), (0, 2, 1), (0, 1, 2), (0, 1, 1)):
        store.add("BillingReading", f"{sets}/1/br", {"timePeriod": interval(start, 1), "value": 1,
                                                     "consumptionBlock": block, "touTier": tier})
    listed = items(customer, f"{sets}/1/br", "BillingReading")
    assert [(item["consumptionBlock"], item["touTier"]) for item in listed] == [
        (1, 1), (1, 2), (2, 1), (0, 0)]


@on_sqlite
def test_periods_say_when_their_sums_were_computed(customer: Peer) -> None:
    """10.7.3: statusTimeStamp is when the sums were computed; the server notes it where the utility does
    not."""
    href = store.add("BillingPeriod", f"{AGREEMENT}/bp", {"interval": interval(-DAY, 2 * DAY)})
    assert "statusTimeStamp" not in customer.get(href).data
    data = {"interval": interval(-DAY, 2 * DAY), "billToDate": 500}
    store.put(href, data)
    clock.advance(60)
    store.put(href, data)
    assert customer.get(href).data["statusTimeStamp"] == NOON
    store.put(href, {**data, "billToDate": 600})
    assert customer.get(href).data["statusTimeStamp"] == NOON + 60
    store.put(href, {**data, "billToDate": 700, "statusTimeStamp": NOON - 5})
    assert customer.get(href).data["statusTimeStamp"] == NOON - 5


@on_sqlite
def test_an_agreement_links_to_what_there_is(customer: Peer) -> None:
    """10.7.3: links of an agreement to tariff, usage point and prepayment resolve, and go when their target
    does."""
    store.add("TariffProfile", "/tp", {"primacy": 1, "serviceCategoryKind": 0})
    store.add("Prepayment", "/ppy", {"prepayMode": 0}, customer.lfdi)
    customer.post("/mup", "MirrorUsagePoint", {"mRID": "AA", "deviceLFDI": customer.lfdi, "roleFlags": "0002",
                                               "serviceCategoryKind": 0, "status": 1})
    links = {"TariffProfileLink": {"href": "/tp/1"}, "PrepaymentLink": {"href": "/ppy/1"},
             "UsagePointLink": {"href": "/upt/1"}}
    store.put(AGREEMENT, {"mRID": "0A", **links})
    left = set(links)
    assert links.items() <= customer.get(AGREEMENT).data.items()
    for key, remove in (
            ("UsagePointLink", "/mup/1"), ("PrepaymentLink", "/ppy/1"), ("TariffProfileLink", "/tp/1")):
        store.remove(remove)
        left.remove(key)
        assert {name for name in customer.get(AGREEMENT).data if name in links} == left


REFUSED = [
    ("CustomerAgreement", f"{AGREEMENT}", {"TariffProfileLink": {"href": "/tp/9"}}, "no TariffProfile /tp/9"),
    ("CustomerAgreement", f"{AGREEMENT}", {"PrepaymentLink": {"href": "/bill/1"}}, "no Prepayment /bill/1"),
    ("BillingPeriod", f"{AGREEMENT}/bp/1", {"interval": interval(0, 0)}, "interval/duration: it is 0"),
    ("BillingReadingSet", f"{SETS}/2", {"timePeriod": interval(0, 0)}, "duration: it is 0"),
    ("BillingReading", f"{SETS}/1/br/2", {"touTier": 16}, "touTier: 16 is reserved"),
    ("BillingReading", f"{SETS}/1/br/2", {"consumptionBlock": 17}, "consumptionBlock: 17"),
    ("BillingReading", f"{SETS}/1/br/2", {"Charge": [{"kind": 5, "value": 1}]}, "Charge/kind: 5"),
    ("BillingReading", f"{SETS}/1/br/2", {"timePeriod": interval(-1, 9)}, "not within its set"),
    ("BillingReading", f"{SETS}/1/br/2", {"timePeriod": interval(9, DAY)}, "not within its set"),
]


@on_sqlite
@pytest.mark.parametrize("kind, href, data, why", REFUSED)
def test_what_contradicts_itself_is_refused(
    customer: Peer, kind: str, href: str, data: dict[str, Any], why: str
) -> None:
    """10.7.3: reserved codes, empty periods, readings outside their set, links to nothing."""
    reading_set(customer, "HistoricalReading", 1)
    if kind in ("CustomerAgreement", "BillingReadingSet"):
        data = {"mRID": "0D", **data}
    with pytest.raises(Refused, match=why) as refused:
        store.put(href, data)
    assert refused.value.status == 400


@on_sqlite
def test_devices_write_no_bills(customer: Peer) -> None:
    """10.7, interface description: writing is the utility's."""
    account = {"currency": 978, "pricePowerOfTenMultiplier": 0, "mRID": "0B"}
    assert customer.post("/bill", "CustomerAccount", account).status == 403
    assert customer.put("/bill/1", "CustomerAccount", account).status == 405
    assert customer.delete("/bill/1").status == 403
    href = reading_set(customer, "HistoricalReading", 1)
    of_set = {"mRID": "0E", "timePeriod": interval(0)}
    assert customer.post(f"{href}/brs", "BillingReadingSet", of_set).status == 403
