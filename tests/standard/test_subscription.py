"""Subscriptions as a resource: who may subscribe to what, and what is refused (IEEE 2030.5-2018, 8.7,
C.7)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import alarms
from server.config import settings
from server.devices import enrolment
from server.functionsets import subscription as function_set
from server.grid.groups import virtualders
from server.models import Device, Subscription
from server.resources import schema, sql, store, subscribability, table
from tests import peers
from tests.conftest import on_sqlite
from tests.peers import Peer
from tests.standard import every_resource
from tests.wsgi import Client

OWN = "10.0.0.1"  # from which the clients of these tests connect
LIST = "/edev/1/sub"


def subscription(resource: str = "/edev/1/fsa", **more: Any) -> dict[str, Any]:
    return {"subscribedResource": resource, "encoding": 0, "level": "+S1", "limit": 10,
            "notificationURI": f"https://{OWN}:9443/n", **more}


def test_one_is_created_read_changed_and_removed(device: Peer) -> None:
    reply = device.post(LIST, "Subscription", subscription())
    assert (reply.status, reply.location) == (201, f"{LIST}/1")
    assert device.get(reply.location).data == {"href": f"{LIST}/1", **subscription()}
    assert device.get("/edev/1").data["SubscriptionListLink"] == {"href": LIST, "all": 1}
    row = Subscription.get()
    assert (row.lfdi, row.resource, row.receiver, row.own_address, row.base, row.level) == (
        peers.lfdi(1), "/edev/1/fsa", f"https://{OWN}:9443", OWN, "https://localhost", "+S1")
    changed = subscription(limit=3, level="-S2")
    assert device.put(reply.location, "Subscription", changed).status == 204
    assert (Subscription.get().item_limit, Subscription.get().level) == (3, "-S2")
    assert device.delete(reply.location).status == 204
    assert device.get(reply.location).status == 404 and not Subscription.select().exists()
    assert device.get("/edev/1").data["SubscriptionListLink"]["all"] == 0


def test_the_same_once_more_renews_it(device: Peer) -> None:
    first = device.post(LIST, "Subscription", subscription())
    again = device.post(LIST, "Subscription", subscription("/edev/1/fsa?l=3", limit=4))
    assert (again.status, again.location) == (204, first.location)
    assert device.get(f"{LIST}?l=9").data["all"] == 1 and Subscription.get().item_limit == 4
    other = subscription(notificationURI=f"https://{OWN}:9443/other")
    second = device.post(LIST, "Subscription", other)
    assert second.status == 201, "another URI is another subscription"
    assert device.put(second.location, "Subscription", subscription()).status == 409


REFUSED: dict[str, tuple[dict[str, Any], int, int, str]] = {
    "not there": ({"subscribedResource": "/nowhere/7"}, 404, 1, "there is no /nowhere/7 for you"),
    "not its own": ({"subscribedResource": "/edev/2/fsa"}, 404, 1, "there is no /edev/2/fsa for you"),
    "no href": ({"subscribedResource": "derp"}, 400, 1, "is not an href of this server"),
    "of another server": ({"subscribedResource": "https://other/derp"}, 400, 1, "is not an href"),
    "not subscribable": ({"subscribedResource": "/tm"}, 400, 1, "a Time cannot be subscribed to"),
    "a computed copy": ({"subscribedResource": "/edev/1/der/1/cdp"}, 404, 1, "there is no"),
    "EXI": ({"encoding": 1}, 400, 1, "encoding: 1 is not available here"),
    "reserved encoding": ({"encoding": 9}, 400, 1, "encoding: 9 is reserved"),
    "relative URI": ({"notificationURI": "/n"}, 400, 1, "it has to be absolute"),
    "other scheme": ({"notificationURI": f"ftp://{OWN}/n"}, 400, 1, "it has to be absolute"),
    "loopback": ({"notificationURI": "http://127.0.0.1/n"}, 400, 1, "127.0.0.0/8, which is not"),
    "loopback of IPv6": ({"notificationURI": "http://[::ffff:127.0.0.1]/n"}, 400, 1, "127.0.0.0/8"),
    "this machine": ({"notificationURI": "http://localhost/n"}, 400, 1, "localhost is this machine"),
    "metadata": ({"notificationURI": "http://169.254.169.254/"}, 400, 1, "169.254.0.0/16"),
    "another machine": ({"notificationURI": "https://10.0.0.6/n"}, 400, 1, "neither the address that"),
    "condition": ({"Condition": {"attributeIdentifier": 0, "lowerThreshold": 1, "upperThreshold": 2}}, 400, 3,
                  "without a condition only"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why(device: Peer, case: str) -> None:
    enrolment.enrol(peers.lfdi(2))
    more, status, code, reason = REFUSED[case]
    reply = device.post(LIST, "Subscription", subscription() | more)
    assert (reply.status, reply.data) == (status, {"reasonCode": code})
    assert reason in reply.body.decode()
    assert not Subscription.select().exists() and device.get(LIST).data["all"] == 0


def test_a_network_may_be_allowed(device: Peer) -> None:
    settings.notification_networks = "10.0.0.0/24, 127.0.0.0/8"
    for uri in ("https://10.0.0.6/n", "http://127.0.0.1:99/n", "http://localhost/n", "https://a.example/n"):
        assert device.post(LIST, "Subscription", subscription(notificationURI=uri)).status == 201, uri


def test_nobody_subscribes_below_another_s_device(peer: Callable[[int], Peer]) -> None:
    aggregator = enrolment.enrol(peers.lfdi(1), kind="aggregator")
    enrolment.enrol(peers.lfdi(2), manager=aggregator.lfdi)
    client, managed = peer(1), peer(2)
    assert "SubscriptionListLink" in client.get("/edev/1").data
    assert "SubscriptionListLink" not in client.get("/edev/2").data
    assert client.post("/edev/2/sub", "Subscription", subscription("/edev/2/fsa")).status == 403
    assert managed.post("/edev/2/sub", "Subscription", subscription("/edev/2/fsa")).status == 403
    assert managed.post(LIST, "Subscription", subscription("/edev/2/fsa")).status == 404
    assert client.post(LIST, "Subscription", subscription("/edev/2/fsa")).status == 201, "for its device"


def test_an_aggregator_may_have_as_many_for_each_device(peer: Callable[[int], Peer]) -> None:
    settings.quota_subscriptions = 2
    aggregator = enrolment.enrol(peers.lfdi(1), kind="aggregator")
    enrolment.enrol(peers.lfdi(2), manager=aggregator.lfdi)
    client = peer(1)

    def post(number: int) -> Any:
        return client.post(LIST, "Subscription", subscription(notificationURI=f"https://{OWN}/{number}"))
    assert [post(number).status for number in range(4)] == [201] * 4
    reply = post(4)
    assert (reply.status, reply.data) == (403, {"reasonCode": 2})
    assert alarms.rows()[0]["kind"] == "quota"
    assert post(3).status == 204, "a renewal is not one more"


def test_thresholds(device: Peer) -> None:
    mirror = {"mRID": "0F", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
              "deviceLFDI": peers.lfdi(1), "MirrorMeterReading": [
                  {"mRID": "1F", "ReadingType": {"uom": 38}, "Reading": {"value": 5}}]}
    assert device.post("/mup", "MirrorUsagePoint", mirror).status == 201
    reading = "/upt/1/mr/1/rs/0/r/0"
    assert device.get(reading).data["subscribable"] == 3

    def post(identifier: int, lower: int, upper: int) -> Any:
        return device.post(LIST, "Subscription", subscription(reading, Condition={
            "attributeIdentifier": identifier, "lowerThreshold": lower, "upperThreshold": upper}))
    assert post(0, 10, 1).data == {"reasonCode": 1}
    assert post(1, 10, 1000).data == {"reasonCode": 3}
    assert post(0, 10, 1000).status == 201
    row = Subscription.get()
    assert (row.lower, row.upper, row.watched) == (10, 1000, "/upt/1/mr/1/rs")


def test_the_subscriber_s_own_name_of_this_server_is_no_other_server(device: Peer) -> None:
    assert device.post(LIST, "Subscription", subscription("https://localhost/edev/1/fsa")).status == 201
    assert Subscription.get().resource == "/edev/1/fsa"


def test_every_representation_says_whether_it_can_be_subscribed_to(server: None, application: Any) -> None:
    """What says that it is subscribable, is; what does not say it, is refused."""
    hrefs = every_resource.fill()
    settings.quota_subscriptions = 1000
    owner = Peer(Client(application), every_resource.LFDI)
    own_list = hrefs["SubscriptionList"]
    sql.execute("UPDATE device SET manager = '' WHERE lfdi = ?", every_resource.LFDI)
    for name, href in hrefs.items():
        reply = owner.get(href)
        if reply.status != 200:
            continue
        says = reply.data.get("subscribable", 0)
        assert says == subscribability.of(name), name
        status = owner.post(own_list, "Subscription", subscription(href)).status
        assert status == (201 if says else 400), (name, status)
    five = {"EndDeviceList", "FunctionSetAssignmentsList", "DERProgramList", "DERControlList",
            "DefaultDERControl"}
    assert all(subscribability.of(name) for name in five), "CSIP demands these"


def test_what_the_schema_marks_can_be_subscribed_to_but_for_a_few() -> None:
    without = {row.name for row in table.rows.values()
               if "subscribable" in schema.type_spec(row.element).by_key and not subscribability.of(row.name)}
    assert without == {"CurrentDERProgram", "MirrorUsagePoint", "MirrorUsagePointList", "ProxiedDevice",
                       "ProxiedDeviceList"}


@on_sqlite
def test_what_only_2023_has_is_there_for_a_subscription_of_its_level(device: Peer) -> None:
    for href, status in {"/edev/1/agg": 201, "/edev/1/der/1/cdc": 201, "/edev/1/pxy": 400,
                         "/edev/1/der/1/part": 400}.items():
        assert device.post(LIST, "Subscription", subscription(href)).status == 404, href
        assert device.post(LIST, "Subscription", subscription(href, level="-S2")).status == status, href


def test_nobody_sends_notifications_to_a_server_that_subscribes_nowhere(device: Peer) -> None:
    notification = {"subscribedResource": "/derp", "status": 0, "subscriptionURI": "https://x/sub/1"}
    assert device.post("/ntfy", "Notification", notification).status == 404
    assert device.get("/ntfy").data["all"] == 0


def test_rows_are_rebuilt_and_what_could_never_have_been_told_goes(device: Peer) -> None:
    href = device.post(LIST, "Subscription", subscription()).location
    renewed = Subscription.get().renewed_at
    virtualders.create("street")
    sql.execute("DELETE FROM subscription")
    store.reindex()
    row = Subscription.get()
    assert (row.href, row.renewed_at) == (href, renewed) and store.reindex() == 0
    sql.execute("DELETE FROM subscription")
    Device.update(state=Device.ENROLLED).execute()
    document = store.get(href)
    assert document is not None
    sql.execute("UPDATE document SET submitted = ? WHERE href = ?",
                '{"subscribedResource": "/nowhere", "encoding": 0, "level": "+S1", "limit": 1, '
                '"notificationURI": "https://10.0.0.1/n"}', href)
    assert function_set._rebuild() == 1 and store.get(href) is None
