"""The price signal of an area is a tariff as long as it is to be, and changes as the signal does."""
from __future__ import annotations

import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import pricesignals
from server.grid.groups import virtualders
from server.models import VirtualDER
from server.operations import signals
from server.operations.declaration import UploadedFile
from server.resources import store
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer

HOUR = 3600
TARIFF = "/tp/1"


@pytest.fixture
def street(device: Peer) -> str:
    """An area with one device, and a price for three hours from noon."""
    virtualders.create("street", members=["one"])
    put([0.2, 0.3, 0.4])
    return "street"


def put(prices: list[float | None], first: int = 12, kind: str = "price", dry_run: bool = False) -> None:
    rows = [f"2025-06-15T{first + hour}:00Z,{'' if price is None else price}"
            for hour, price in enumerate(prices)]
    content = "\n".join(["start,value", *rows]).encode()
    signals.put("street", kind=kind, csv_file=UploadedFile("p.csv", content), step_s=HOUR, dry_run=dry_run)


def told(device: Peer, component: int = 1) -> list[tuple[int, float, int]]:
    """The intervals that a device reads, neither cancelled nor superseded: hour, price, status."""
    found = []
    for event in device.get(f"{TARIFF}/rc/{component}/tti?l=99").data.get("TimeTariffInterval", []):
        block, = device.get(f"{event['href']}/cti").data["ConsumptionTariffInterval"]
        if (status := event["EventStatus"]["currentStatus"]) < 2:
            found.append(((event["interval"]["start"] - NOON) // HOUR + 12, block["price"] / 1e5, status))
    return found


def test_it_is_published_and_follows_the_signal(street: str, device: Peer) -> None:
    done = pricesignals.set_published(street, True, currency="EUR")
    assert (done["state"], done["href"], done["currency"], done["published"]) == ("on", TARIFF, "EUR", 3)
    assert told(device) == [(12, 0.2, 1), (13, 0.3, 0), (14, 0.4, 0)]
    put([0.35, 0.4, 0.5], first=13)
    assert told(device) == [(12, 0.2, 1), (13, 0.35, 0), (14, 0.4, 0), (15, 0.5, 0)]
    put([0.1, 0.1], kind="export_price")
    assert told(device, 2) == [(12, 0.1, 1)]
    signals.push("street", "price", "0.6", start=NOON + HOUR, step_s=HOUR)
    assert told(device)[1] == (13, 0.6, 0)


def test_where_the_signal_is_withdrawn_there_is_no_price(street: str, device: Peer) -> None:
    pricesignals.set_published(street, True)
    put([0.2, 0.2, 0.2])
    assert told(device) == [(12, 0.2, 1)]
    signals.withdraw("street", kind="price", start=NOON + HOUR)
    assert told(device) == [(12, 0.2, 1)]
    clock.advance(HOUR)
    assert device.get(f"{TARIFF}/rc/1/acttti").data["all"] == 0


@on_sqlite
def test_a_running_price_ends_where_the_signal_does(street: str, device: Peer) -> None:
    """One interval of equal prices has begun; its end is cancelled for then, and what lies beyond is told."""
    put([0.2] * 4)
    pricesignals.set_published(street, True)
    assert told(device) == [(12, 0.2, 1)]
    signals.withdraw("street", kind="price", start=NOON + 2 * HOUR)
    clock.advance(2 * HOUR - 1)
    assert device.get(f"{TARIFF}/rc/1/acttti").data["all"] == 1
    clock.advance(1)
    assert device.get(f"{TARIFF}/rc/1/acttti").data["all"] == 0
    put([0.3], first=15)
    assert told(device) == [(15, 0.3, 0)]


@on_sqlite
def test_off_withdraws_it_and_the_signal_is_followed_no_more(street: str, device: Peer) -> None:
    with pytest.raises(Refused, match="is not published"):
        pricesignals.set_published(street, False)
    pricesignals.set_published(street, True)
    with pytest.raises(Refused, match="published as /tp/1 already"):
        pricesignals.set_published(street, True, rate_code="other")
    off = pricesignals.set_published(street, False)
    assert (off["state"], off["cancelled"]) == ("off", 3)
    put([0.9])
    assert told(device) == []
    assert pricesignals.set_published(street, True)["published"] == 3


@on_sqlite
def test_what_is_only_tried_is_not_published(street: str, device: Peer) -> None:
    assert pricesignals.set_published(street, True, dry_run=True)["published"] == 3
    assert VirtualDER.get(VirtualDER.name == street).price_tariff is None and store.items("/tp") == []
    pricesignals.set_published(street, True)
    put([0.9], dry_run=True)
    assert told(device)[0][1] == 0.2


@on_sqlite
def test_a_tariff_that_was_deleted_is_made_anew(street: str, device: Peer) -> None:
    pricesignals.set_published(street, True)
    store.remove(TARIFF)
    put([0.9])
    assert pricesignals.set_published(street, True)["href"] == "/tp/2"
