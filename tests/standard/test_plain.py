"""Function sets that are kept and no more: the utility says, devices read; devices say what is theirs.

Pricing, messaging, billing, prepayment, flow reservation, files, configuration, network status
(IEEE 2030.5-2018, 8 to 10).
"""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enddevices, enrolment
from server.resources import links, numbering, store, table
from tests import peers
from tests.peers import Peer
from tests.standard import every_resource
from tests.wsgi import Client

# What a device may write of what is its own; the rest is the utility's.
POSTED = {
    "SubscriptionList",
    "ResponseList",
    "SupportedLocaleList",
    "IPInterfaceList",
    "IPAddrList",
    "RPLInstanceList",
    "RPLSourceRoutesList",
    "LLInterfaceList",
    "NeighborList",
    "LogEventList",
    "PriceResponseCfgList",
    "LoadShedAvailabilityList",
    "MirrorUsagePointList",
    "MirrorUsagePoint",
    "FlowReservationRequestList",
    "DERList",
    "ConnectionPoint",
}
PUT = {
    "EndDevice",
    "DeviceStatus",
    "Subscription",
    "DeviceInformation",
    "SupportedLocale",
    "PowerStatus",
    "IPInterface",
    "IPAddr",
    "RPLInstance",
    "RPLSourceRoutes",
    "LLInterface",
    "Neighbor",
    "LogEvent",
    "Configuration",
    "PriceResponseCfg",
    "FileStatus",
    "LoadShedAvailability",
    "MirrorUsagePoint",
    "FlowReservationRequest",
    "DER",
    "DERSettings",
    "DERStatus",
    "DERAvailability",
    "DERCapability",
    "ConnectionPoint",
}
DELETED = PUT - {
    "EndDevice",
    "PowerStatus",
    "Configuration",
    "FileStatus",
    "DERSettings",
    "DERStatus",
    "DERAvailability",
    "DERCapability",
    "ConnectionPoint",
} | {
    "Response",
    "PriceResponse",
    "TextResponse",
    "DERControlResponse",
    "FlowReservationResponseResponse",
    "DrResponse",
}
MAY = {"PUT": PUT, "POST": POSTED, "DELETE": DELETED}


@pytest.fixture
def hrefs(server: None) -> dict[str, str]:
    return every_resource.fill()


@pytest.fixture
def owner(hrefs: dict[str, str], application: Any) -> Peer:
    return Peer(Client(application), every_resource.LFDI)


def leaves_first(hrefs: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(hrefs.items(), key=lambda pair: -pair[1].count("/"))


@pytest.mark.parametrize("method", MAY)
def test_what_is_a_device_s_to_write(hrefs: dict[str, str], owner: Peer, method: str) -> None:
    """By every row: where the mode lets a device write, it may write its own and nothing else."""
    for name, href in leaves_first(hrefs):
        if table.rows[name].mode(method) in "MO" and name != "EndDeviceList":
            document = every_resource.document(name, method) if method != "DELETE" else None
            reply = owner.request(method, href, document)
            wanted = (201, 204) if name in MAY[method] else (404,) if name == "NotificationList" else (403,)
            assert reply.status in wanted, (name, reply.status, reply.body)
            if reply.status == 201:
                assert owner.get(reply.location).status == 200, name
            if method == "DELETE" and reply.status == 204:
                assert owner.get(href).status == 404, name


OWN_LISTS = sorted(POSTED - {"MirrorUsagePoint", "ConnectionPoint", "ResponseList", "MirrorUsagePointList",
                             "SubscriptionList", "LoadShedAvailabilityList"})


KEYED = {"IPInterfaceList": {"ifIndex": 99}, "IPAddrList": {"address": "FE80" + 28 * "9"},
         "LLInterfaceList": {"EUI64": 16 * "9"}, "NeighborList": {"shortAddress": 99},
         "RPLInstanceList": {"RPLInstanceID": 99}, "RPLSourceRoutesList": {"DestAddress": 32 * "9"}}
"""What tells an item of these lists from others (9.5)."""


def test_what_a_device_posts_is_listed_changed_and_removed(hrefs: dict[str, str], owner: Peer) -> None:
    for name in OWN_LISTS:
        href, item = hrefs[name], table.item(name)
        assert item is not None
        before = owner.get(href).data["all"]
        document = every_resource.sample(item.name)
        if "mRID" in document:
            document["mRID"] = numbering.new_mrid()
        if name in KEYED:  # another one: of the same key, it would be the same (204)
            document |= KEYED[name]
        if "RateComponentLink" in document:  # a device has one for each component
            document["RateComponentLink"] = {"href": "/tp/1/rc/2"}
        reply = owner.post(href, item.element, document)
        assert reply.status == 201, name
        assert document.items() <= owner.get(reply.location).data.items(), name
        assert owner.get(href).data["all"] == before + 1, name
        if item.mode("PUT") in "MO":
            assert owner.put(reply.location, item.element, document).status == 204, name
            assert document.items() <= owner.get(reply.location).data.items(), name
        if item.mode("DELETE") in "MO":
            assert owner.delete(reply.location).status == 204, name
            assert owner.get(href).data["all"] == before, name


UTILITY = [row.name for row in table.rows.values() if not row.is_list and row.path.startswith((
    "/tp", "/msg", "/bill", "/brs", "/ppy", "/file"))]


def test_what_the_utility_says_is_read_changed_and_removed(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in leaves_first(hrefs):
        if name in UTILITY:
            document = every_resource.sample(name)
            shown = owner.get(href)
            served = {key: value for key, value in document.items() if key != "EventStatus"}
            assert served.items() <= shown.data.items(), name
            if "description" in document:
                store.put(href, {**document, "description": "changed"})
                changed = owner.get(href)
                assert (changed.data["description"], changed.etag == shown.etag) == ("changed", False), name
            store.remove(href)
            assert owner.get(href).status == 404, name
            assert owner.get(table.parent(href)).status == 200, name


def test_a_device_may_have_a_connection_point_from_the_start(server: None, peer: Any) -> None:
    """CSIP-AUS, annex E: clients follow the link in their EndDevice, and PUT there."""
    settings.profile = "csip-aus"
    enrolment.enrol(peers.lfdi(1))
    device = peer(1)
    link = device.get("/edev/1").data["csipaus:ConnectionPointLink"]["href"]
    assert device.get(link).status == 200
    reply = device.put(link, "ConnectionPoint", {"csipaus:connectionPointId": "4102345671"})
    assert (reply.status, reply.location) == (204, link)
    assert device.get(link).data["csipaus:connectionPointId"] == "4102345671"
    settings.profile = "csip"
    enrolment.enrol(peers.lfdi(2))
    settings.profile = "csip-aus"
    store.reindex()
    enddevices.add_connection_points()
    assert "csipaus:ConnectionPointLink" in peer(2).get("/edev/2").data


def test_owners_count_what_stands_below(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in leaves_first(hrefs):
        for link in links.link_rows(name):
            if link.row.is_list and link.row.of is None and name in UTILITY:
                item = table.item(link.row.name)
                assert item is not None
                before = owner.get(href).data[link.key]["all"]
                document = store.add(
                    item.element,
                    f"{href}/{link.step}",
                    {
                        **every_resource.sample(item.name),
                        **({"mRID": numbering.new_mrid()}
                           if "mRID" in every_resource.sample(item.name) else {}),
                        **({"startValue": 9000, "consumptionBlock": 9}
                           if item.name == "ConsumptionTariffInterval" else {}),
                    },
                )
                assert owner.get(href).data[link.key]["all"] == before + 1, (name, link.key)
                store.remove(document)
                assert owner.get(href).data[link.key]["all"] == before, (name, link.key)


def test_capability_shows_a_function_set_once_there_is_something(device: Peer) -> None:
    for name in ("TariffProfile", "MessagingProgram", "CustomerAccount", "Prepayment", "File"):
        href = table.parent(table.rows[name].path)
        assert f"{name}ListLink" not in device.get("/dcap").data
        document = store.add(name, href, every_resource.sample(name), audience=device.lfdi)
        assert device.get("/dcap").data[f"{name}ListLink"] == {"href": href, "all": 1}
        store.remove(document)
        assert f"{name}ListLink" not in device.get("/dcap").data


@pytest.mark.parametrize("view, source, start, duration", [
    ("ActiveBillingPeriodList", "BillingPeriodList", -60, 120),
    ("ActiveSupplyInterruptionOverrideList", "SupplyInterruptionOverrideList", 60, 60),
    ("ActiveTimeTariffIntervalList", "TimeTariffIntervalList", 60, 60)])
def test_active_lists_turn_with_the_clock(
    hrefs: dict[str, str], owner: Peer, view: str, source: str, start: int, duration: int
) -> None:
    item = table.item(source)
    assert item is not None
    for document in store.items(hrefs[source], ended=True):
        store.remove(document.href)
    interval = {"start": clock.now() + start, "duration": duration}
    body = {**every_resource.sample(item.name), "interval": interval}
    for key in ("EventStatus", "randomizeStart", "randomizeDuration", "mRID"):
        body.pop(key, None)
    store.add(item.element, hrefs[source], body)
    parent = table.parent(hrefs[view])
    for instant in (start - 1, start, start + duration - 1, start + duration):
        if instant < 0:
            continue
        clock.turn_to(every_resource.NOW + instant)
        active = int(start <= instant < start + duration)
        assert owner.get(parent).data[f"{view}Link"]["all"] == active, instant
        assert owner.get(hrefs[view]).data["all"] == active, instant


def test_a_connection_point_is_stated_and_stated_again(device: Peer) -> None:
    """CSIP-AUS: by PUT or by POST, with Location either way."""
    assert "csipaus:ConnectionPointLink" not in device.get("/edev/1").data
    for number, (method, status) in enumerate((("POST", 201), ("POST", 204), ("PUT", 204))):
        document = {"csipaus:connectionPointId": f"410234567{number}"}
        reply = getattr(device, method.lower())("/edev/1/cp", "ConnectionPoint", document)
        assert (reply.status, reply.headers.get("Location")) == (status, "/edev/1/cp")
        assert document.items() <= device.get("/edev/1/cp").data.items()
    shown = device.get("/edev/1", Accept="application/sep+xml; level=+S1").data
    assert shown["csipaus:ConnectionPointLink"] == {"href": "/edev/1/cp"}
    assert "csipaus:ConnectionPointLink" not in device.get("/edev/1").data
