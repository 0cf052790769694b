"""Tariffs of a virtual DER: imported, set, replaced, cancelled, as devices read them."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.errors import BadArgument, Refused
from server.grid.controls import tariffs
from server.grid.groups import virtualders
from server.resources import store
from server.resources.codes import EventStatus
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer

HOUR, DAY = 3600, 86400
OVER = "start,end,price\n2025-06-15T10:00Z,2025-06-15T11:00Z,1"
TOMORROW = "2025-06-16T{:02d}:00Z"


@pytest.fixture
def street(device: Peer) -> str:
    """A virtual DER with one device."""
    virtualders.create("street", members=["one"])
    return "street"


def file(*prices: float, first: int = 0) -> str:
    """A CSV with the prices of the hours of tomorrow."""
    rows = [f"{TOMORROW.format(first + hour)},{price}" for hour, price in enumerate(prices)]
    return "\n".join(["start,price", *rows])


def listed(device: Peer, tariff: str, component: int = 1) -> list[tuple[int, int, int]]:
    """The intervals that a device reads: hour, status, price."""
    found = []
    for event in device.get(f"{tariff}/rc/{component}/tti?l=99").data.get("TimeTariffInterval", []):
        block, = device.get(f"{event['href']}/cti").data["ConsumptionTariffInterval"]
        found.append(((event["interval"]["start"] - NOON) // HOUR, event["EventStatus"]["currentStatus"],
                      block["price"]))
    return found


def test_a_file_becomes_intervals_that_devices_read(street: str, device: Peer) -> None:
    done = tariffs.put(street, file(0.2, 0.3, 0.3, 0.25), "t.csv", currency="EUR")
    assert (done["published"], done["cancelled"], done["addressed"], done["warnings"]) == (3, 0, 1, [])
    profile = device.get(done["href"]).data
    assert (profile["currency"], profile["pricePowerOfTenMultiplier"], profile["primacy"]) == (978, -5, 100)
    assert listed(device, done["href"]) == [(12, 0, 20000), (13, 0, 30000), (15, 0, 25000)]
    assert "replyTo" not in device.get(f"{done['href']}/rc/1/tti/1").data


def test_a_second_import_supersedes_and_cancels_and_never_edits(street: str, device: Peer) -> None:
    href = tariffs.put(street, file(0.2, 0.3, 0.4), "t.csv")["href"]
    before = {document.href: document.submitted for document in store.items(f"{href}/rc/1/tti")}
    again = tariffs.put(street, file(0.2, 0.35, 0.4), "t.csv")
    assert (again["published"], again["cancelled"], again["unchanged"]) == (1, 1, 2)
    assert listed(device, href) == [(12, 0, 20000), (13, 0, 35000), (13, 2, 30000), (14, 0, 40000)]
    for number, content in before.items():
        document = store.get(number)
        assert document is not None
        assert {**document.submitted, "EventStatus": 0} == {**content, "EventStatus": 0}
    same = tariffs.put(street, file(0.2, 0.35, 0.4), "t.csv")
    assert (same["published"], same["cancelled"], same["unchanged"]) == (0, 0, 3)


def test_a_flat_price_comes_back_after_a_peak(street: str, device: Peer) -> None:
    href = tariffs.set_price(street, 0.3, NOON + 30 * DAY, export_price=0.08)["href"]
    tariffs.put(street, file(2.5, 2.5, first=18), "t.csv")
    prices = {}
    for at in (NOON, NOON + 30 * HOUR, NOON + 32 * HOUR):
        clock.turn_to(at)
        active, = device.get(f"{href}/rc/1/acttti?l=9").data["TimeTariffInterval"]
        block, = device.get(f"{active['href']}/cti").data["ConsumptionTariffInterval"]
        prices[(at - NOON) // HOUR] = block["price"]
        row, = tariffs.list_tariffs(street)
        assert (row["price"], row["export_price"]) == (block["price"] / 1e5, 0.08)
    assert prices == {0: 30000, 30: 250000, 32: 30000}
    first = device.get(f"{href}/rc/1/tti/1").data["EventStatus"]
    assert (first["currentStatus"], first["dateTime"]) == (EventStatus.SUPERSEDED, NOON + 30 * HOUR)


@on_sqlite
def test_a_long_file_is_published_in_parts_and_goes_on_where_it_was_interrupted(
    street: str, device: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part leaves a price for every hour: the new ones up to some instant, then those of before."""
    href = tariffs.set_price(street, 0.1, NOON + 2 * DAY)["href"]
    monkeypatch.setattr(tariffs, "TOGETHER", 2)
    publish = tariffs._published
    parts: list[int] = []

    def published(*arguments: Any) -> Any:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(len(arguments[2][tariffs.DELIVERED]))
        return publish(*arguments)

    def prices() -> list[list[float]]:
        spans = tariffs.show(href, 2 * DAY)["intervals"]
        hours = [NOON + hour * HOUR for hour in range(11, 18)]
        return [[span["price"] for span in spans if span["start"] <= hour < span["end"]] for hour in hours]

    text = file(0.2, 0.3, 0.4, 0.5, 0.6)
    monkeypatch.setattr(tariffs, "_published", published)
    with pytest.raises(KeyboardInterrupt):
        tariffs.put(street, text, "t.csv")
    assert parts == [2, 2] and prices() == [[0.1], [0.2], [0.3], [0.4], [0.5], [0.1], [0.1]]
    monkeypatch.setattr(tariffs, "_published", publish)
    done = tariffs.put(street, text, "t.csv")
    assert (done["href"], done["published"], done["unchanged"]) == (href, 2, 4)
    assert (done["start"], done["end"]) == (NOON + 12 * HOUR, NOON + 17 * HOUR)
    assert prices() == [[0.1], [0.2], [0.3], [0.4], [0.5], [0.6], [0.1]]


@on_sqlite
def test_blocks_are_told_from_the_amount_on(street: str, device: Peer) -> None:
    href = tariffs.set_price(street, 0.2, NOON + DAY, blocks=[(500, 0.3), (900, 0.4)], tier=2)["href"]
    blocks = device.get(f"{href}/rc/1/tti/1/cti?l=9").data["ConsumptionTariffInterval"]
    assert [(block["consumptionBlock"], block["startValue"], block["price"]) for block in blocks] == [
        (1, 0, 20000), (2, 500, 30000), (3, 900, 40000)]
    read = device.get(f"{href}/rc/1/rt").data
    assert (read["numberOfTouTiers"], read["numberOfConsumptionBlocks"]) == (2, 3)
    shown, = tariffs.show(href, DAY)["intervals"]
    assert shown["blocks"] == [{"from_kwh": 500, "price": 0.3}, {"from_kwh": 900, "price": 0.4}]


def test_show_counts_who_received_a_price_and_who_acts_on_it(street: str, device: Peer) -> None:
    href = tariffs.set_price(street, 0.3, NOON + DAY, response_required=1)["href"]
    event = device.get(f"{href}/rc/1/tti/1").data
    device.put("/edev/1/cfg", "Configuration", {"currentLocale": "en", "userDeviceName": "d"})
    for body in ({"consumeThreshold": 10000, "maxReductionThreshold": 25000},):
        assert device.post("/edev/1/cfg/prcfg", "PriceResponseCfg", {
            **body, "RateComponentLink": {"href": f"{href}/rc/1"}}).status == 201
    assert device.post(event["replyTo"], "PriceResponse", {
        "endDeviceLFDI": device.lfdi, "status": 1, "subject": event["mRID"]}).status == 201
    shown = tariffs.show(href, DAY)
    assert shown["intervals"][0]["responses"] == {"received": 1}
    assert shown["thresholds"] == [{"direction": "delivered", "devices": 1, "consume": 0, "reduce": 1}]
    assert (shown["members"], shown["ahead"], shown["end"]) == (1, 0, NOON + DAY)


def test_cancelled_prices_stay_listed_as_such(street: str, device: Peer) -> None:
    href = tariffs.put(street, file(0.2, 0.3, 0.4), "t.csv")["href"]
    done = tariffs.cancel(href, NOON + 13 * HOUR, "mistake")
    assert done["cancelled"] == 2
    assert [status for _, status, _ in listed(device, href)] == [0, 2, 2]
    assert tariffs.cancel(f"{href}/rc/1/tti/1")["cancelled"] == 1
    with pytest.raises(Refused, match="no prices after"):
        tariffs.cancel(href)


@on_sqlite
@pytest.mark.parametrize("action, words", [
    (lambda: tariffs.put("street", file(0.2, 0.3), "t.csv", currency="XYZ"), "'XYZ' is no currency"),
    (lambda: tariffs.put("street", OVER, "t.csv"), "past"),
    (lambda: tariffs.set_price("street", 0.2, NOON), "it ends at"),
    (lambda: tariffs.set_price("street", 0.2, NOON + 9, blocks=[(5, 1.0), (5, 2.0)]), "comes after"),
    (lambda: tariffs.show("/tp/9", 1), "there is no tariff /tp/9"),
    (lambda: tariffs.cancel("/tp/9"), "there is no tariff")])
def test_what_is_impossible_is_refused_and_leaves_nothing(street: str, action: Any, words: str) -> None:
    with pytest.raises((Refused, BadArgument), match=words):
        action()
    assert store.items("/tp") == []


@on_sqlite
def test_the_currency_of_a_tariff_stays(street: str) -> None:
    settings.currency = "USD"
    assert tariffs.set_price(street, 0.2, NOON + DAY)["currency"] == "USD"
    assert tariffs.set_price(street, 0.3, NOON + DAY)["currency"] == "USD"
    with pytest.raises(Refused, match="is in USD.*--rate-code"):
        tariffs.set_price(street, 0.2, NOON + DAY, currency="EUR")
    assert tariffs.set_price(street, 0.2, NOON + DAY, currency="EUR", rate_code="E")["href"] == "/tp/2"


@on_sqlite
def test_a_dry_run_writes_nothing_and_nobody_is_told(device: Peer) -> None:
    virtualders.create("empty")
    done = tariffs.put("empty", file(0.2, 0.3), "t.csv", dry_run=True)
    assert (done["published"], done["dry_run"]) == (2, True) and store.items("/tp") == []
    assert done["warnings"] == ["empty has no members, so nobody gets it"]


@on_sqlite
def test_a_day_of_quarter_hours_takes_few_statements(street: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the intervals take a few statements more, not ten times as many."""
    from server.resources import sql
    counts = []
    execute = sql.execute

    def counted(*arguments: Any) -> Any:
        counts.append(1)
        return execute(*arguments)

    monkeypatch.setattr(sql, "execute", counted)
    used = []
    for day, steps in ((17, 9), (18, 90)):
        rows = [f"2025-06-{day}T{step // 4:02d}:{step % 4 * 15:02d}Z,0.{step + 10}" for step in range(steps)]
        counts.clear()
        tariffs.put(street, "\n".join(["start,price", *rows]), "t.csv")
        used.append(len(counts))
    assert used[1] <= used[0] + 2 and used[0] < 70
