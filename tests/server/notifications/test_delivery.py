"""Deliveries to receivers that are there, slow, dead, wrong or hostile; over mutual TLS and without."""
from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from certs import dev
from server import alarms, clock
from server.config import settings
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.models import Device, Subscription
from server.notifications import addresses, delivery, queue, receivers, service, subscriptions
from server.resources import codec, store
from server.resources.codes import NotificationStatus
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer
from tests.server.notifications.conftest import subscribe
from tests.server.notifications.receiver import Receiver, receiving

pytestmark = pytest.mark.usefixtures("credentials")
CONNECT = {"opModConnect": True}


def change(number: int = 1) -> None:
    dercontrols.post("street", CONNECT, 600, NOON + 86400 + 3600 * number)


def put_program(primacy: int) -> None:
    document = store.get("/derp/1")
    assert document is not None
    store.put("/derp/1", {**document.submitted, "primacy": primacy})


def context(tree: Path, suites: str = "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0") -> ssl.SSLContext:
    """Return the context of a receiver with the certificate of device-1, for clients with one."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(suites)
    made.load_cert_chain(tree / "device-1.pem", tree / "device-1.key")
    made.load_verify_locations(tree / "ca.pem")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_a_notification_is_what_a_get_returns(street: Peer, receiver: Receiver) -> None:
    href = subscribe(street, "/derp/1/derc", receiver.uri(), limit=2)
    for number in range(3):
        change(number)
    service.deliver_due()
    received, = receiver.received
    assert received.headers["Content-Type"] == "application/sep+xml"
    body, shown = received.body, street.get("/derp/1/derc?l=2").body
    typed = b'<Resource xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="DERControlList" '
    inside = body[body.index(typed) + len(typed):body.index(b"</Resource>")]
    assert inside == shown[shown.index(b"all="):shown.rindex(b"</DERControlList>")]
    assert received.data["Resource"]["all"] == 3 and received.data["Resource"]["results"] == 2
    assert {key: received.data[key] for key in ("subscribedResource", "status", "subscriptionURI")} == {
        "subscribedResource": "/derp/1/derc", "status": 0, "subscriptionURI": f"https://localhost{href}"}
    assert codec.decode(body)[0] == "Notification"
    service.deliver_due()
    assert len(receiver.received) == 1 and queue.backlog() == (0, 0, None)


def test_the_edition_and_a_limit_of_0(street: Peer, receiver: Receiver) -> None:
    subscribe(street, "/derp/1", receiver.uri("/2023"), level="-S2")
    subscribe(street, "/derp/1", receiver.uri("/bare"), limit=0)
    subscribe(street, "/derp", receiver.uri("/list"), limit=0)
    put_program(9)
    service.deliver_due()
    by_path = {received.path: received for received in receiver.received}
    assert by_path["/2023"].headers["Content-Type"] == "application/sep+xml; level=-S2"
    assert by_path["/2023"].data["createdDateTime"] == NOON
    assert "Resource" not in by_path["/bare"].data
    assert by_path["/list"].data["Resource"]["results"] == 0


def test_mutual_tls_with_ccm8_and_connections_that_are_kept(street: Peer, tree: Path) -> None:
    with receiving(context(tree)) as receiver:
        for number in range(12):
            subscribe(street, "/derp/1", receiver.uri(f"/{number}"))
        put_program(9)
        service.deliver_due()
        assert {received.path for received in receiver.received} == {f"/{number}" for number in range(12)}
        assert {received.cipher for received in receiver.received} == {"ECDHE-ECDSA-AES128-CCM8"}
        own = ssl.PEM_cert_to_DER_cert((tree / "server.pem").read_text().partition("-----END")[0]
                                       + "-----END CERTIFICATE-----\n")
        assert {received.certificate for received in receiver.received} == {own}
        assert len({received.connection for received in receiver.received}) <= delivery.CONNECTIONS


def test_many_receivers_share_a_bounded_number_of_connections(
    street: Peer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 receivers: each has an address of its own, and keeps connections open as long as it may."""
    monkeypatch.setattr(delivery, "IN_FLIGHT", 30)
    monkeypatch.setattr(delivery, "MOST_IDLE", 20)
    opened: list[int] = [0]
    connect, close = receivers.connect, receivers.ReceiverConnection.close

    async def connected(*arguments: Any) -> receivers.ReceiverConnection:
        opened.append(opened[-1] + 1)
        return await connect(*arguments)

    def closed(connection: receivers.ReceiverConnection) -> None:
        opened.append(opened[-1] - 1)
        close(connection)

    monkeypatch.setattr(receivers, "connect", connected)
    monkeypatch.setattr(receivers.ReceiverConnection, "close", closed)
    with many_receivers() as (port, told):
        template = Subscription.get(Subscription.href == subscribe(street, "/derp/1", receiver.uri()))
        for number in range(300):
            base = f"http://127.1.{number // 200}.{number % 200 + 1}:{port}"
            Subscription.insert({**template.__data__, "href": f"/edev/1/sub/{number + 10}", "receiver": base,
                                 "uri": f"{base}/n"}).execute()
        put_program(9)
        service.deliver_due()
    assert told == dict.fromkeys((f"127.1.{number // 200}.{number % 200 + 1}" for number in range(300)), 1)
    assert 20 < max(opened) <= 30 + 20 and opened[-1] == 0
    assert not Subscription.select().where(Subscription.due_at.is_null(False)).exists()


@contextmanager
def many_receivers() -> Iterator[tuple[int, dict[str, int]]]:
    """Serve all addresses of this machine at one port, in a thread; how many times each was told."""
    told: dict[str, int] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                header = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(header.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
                told[address] = told.get(address, 0) + 1
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def end() -> None:
        server.close()
        await asyncio.sleep(0.05)

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "0.0.0.0", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1], told
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_receiver_with_a_foreign_certificate_is_told_nothing(
    street: Peer, tree: Path, tmp_path: Path
) -> None:
    dev.make_dev(tmp_path / "other")
    with receiving(context(tmp_path / "other")) as receiver:
        subscribe(street, "/derp/1", receiver.uri())
        put_program(9)
        service.deliver_due()
        assert not receiver.received
    assert "certificate" in Subscription.get().last_error.lower()


@pytest.mark.parametrize("status, result", [
    (200, "delivered"), (204, "delivered"), (302, "failed"), (400, "refused"), (404, "refused"),
    (410, "refused"), (429, "failed"), (500, "failed"), (503, "failed")])
def test_what_an_answer_means(street: Peer, receiver: Receiver, status: int, result: str) -> None:
    href = subscribe(street, "/derp/1", receiver.uri())
    receiver.answer = lambda path: status
    put_program(9)
    service.deliver_due()
    assert [received.path for received in receiver.received] == ["/n"], "a redirect is not followed"
    row = Subscription.get_or_none()
    assert delivery.result_of(status).value == result
    if result == "delivered":
        assert row.due_at is None and row.sent_at == NOON
    elif result == "refused":
        assert row is None and store.get(href) is None
        assert street.get("/edev/1").data["SubscriptionListLink"]["all"] == 0
    else:
        assert row.due_at == NOON + queue.FIRST_RETRY_S and row.last_error == f"it answered {status}"


@pytest.mark.parametrize("answer", [
    b"nonsense\r\n\r\n", b"HTTP/1.1 2\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000, b""])
def test_an_answer_that_is_none_is_a_failure(street: Peer, receiver: Receiver, answer: bytes) -> None:
    subscribe(street, "/derp/1", receiver.uri())
    receiver.answer = lambda path: answer
    put_program(9)
    service.deliver_due()
    assert Subscription.get().failing_since == NOON


def test_it_is_tried_again_until_it_is_taken_and_the_latest_state_is_sent(
    street: Peer, receiver: Receiver
) -> None:
    subscribe(street, "/derp/1", receiver.uri())
    receiver.answer = lambda path: 500
    put_program(9)
    for _ in range(4):
        service.deliver_due()
        clock.turn_to(Subscription.get().due_at)
    assert len(receiver.received) == 4 and Subscription.get().failing_since == NOON
    put_program(10)
    receiver.answer = lambda path: 201
    service.deliver_due()
    assert receiver.received[-1].data["Resource"]["primacy"] == 10
    row = Subscription.get()
    assert (row.due_at, row.failing_since, row.last_error) == (None, None, None)


def test_retries_come_ever_later_and_soon_after_five_minutes() -> None:
    at, delays = NOON, []
    while at < NOON + 86400:
        delays.append(queue.retry_at(NOON, at) - at)
        at += delays[-1]
    assert delays[0] == 2 and delays == sorted(delays) and delays[-1] == 600
    assert queue.retry_at(NOON, NOON + 300) <= NOON + 360
    assert len(delays) < 200


def test_after_a_day_it_is_given_up(street: Peer) -> None:
    href = subscribe(street, "/derp/1")  # where nobody listens
    put_program(9)
    service.deliver_due()
    assert Subscription.get().failing_since == NOON
    clock.turn_to(NOON + 86400)
    service.deliver_due()
    assert store.get(href) is None and not Subscription.select().exists(), "it was told once more, in vain"
    alarm, = alarms.rows()
    assert (alarm["kind"], alarm["source"]) == ("undelivered", "device 1") and "has ended" in alarm["detail"]


def test_no_receiver_holds_up_another(
    street: Peer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "ANSWER_S", 1.5)
    with receiving() as slow:
        slow.delay_s = 5
        for number in range(20):
            subscribe(street, "/derp/1", slow.uri(f"/{number}"))
        subscribe(street, "/derp/1", receiver.uri("/z"))
        put_program(9)
        began = time.monotonic()
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(asyncio.wait_for(_until(receiver), 20))
        finally:
            loop.close()
        assert time.monotonic() - began < 12
    failing = Subscription.select().where(Subscription.failing_since.is_null(False)).count()
    assert failing == 20, "the rest of the slow one waits without an attempt of its own"


async def _until(receiver: Receiver) -> None:
    at: list[float] = []

    def stopped() -> bool:
        if receiver.received and not at:
            at.append(time.monotonic())
        return bool(at) and time.monotonic() - at[0] > 2
    began = time.monotonic()
    await delivery.Delivery().run(stopped)
    assert at[0] - began < 1.4, "it did not wait for the slow one"


def test_a_worker_that_dies_loses_nothing(street: Peer, receiver: Receiver) -> None:
    subscribe(street, "/derp/1", receiver.uri())
    put_program(9)
    from server.notifications import expansion
    expansion.run()
    assert len(queue.claim(10)) == 1, "it was claimed, and then the worker was killed"
    service.deliver_due()
    assert not receiver.received, "nobody else sends it meanwhile"
    clock.advance(queue.LEASE_S)
    service.deliver_due()
    assert len(receiver.received) == 1
    clock.advance(queue.LEASE_S)
    service.deliver_due()
    assert len(receiver.received) == 1, "what was acknowledged is not sent again"


def test_what_changes_on_the_way_is_sent_afterwards(street: Peer) -> None:
    from server.notifications import expansion
    subscribe(street, "/derp/1")
    put_program(9)
    expansion.run()
    claim, = queue.claim(10)
    put_program(10)
    expansion.run()
    assert queue.claim(10) == [], "not beside the first"
    queue.settle([queue.Outcome(claim, queue.Result.DELIVERED)])
    late, = queue.claim(10)
    clock.advance(queue.LEASE_S)
    assert len(queue.claim(10)) == 1, "its worker is taken for dead"
    queue.settle([queue.Outcome(late, queue.Result.FAILED)])
    assert Subscription.get().failing_since is None, "a lease that is over counts no more"


def test_a_name_is_checked_when_it_is_resolved(
    street: Peer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.notification_networks = "10.0.0.0/8"
    subscribe(street, "/derp/1", f"http://receiver.example:{receiver.port}/n")

    async def resolve(target: addresses.Target) -> list[str]:
        return ["127.0.0.1", "169.254.169.254"]
    monkeypatch.setattr(receivers, "_resolve", resolve)
    put_program(9)
    service.deliver_due()
    assert not receiver.received and "127.0.0.1 is in 127.0.0.0/8" in Subscription.get().last_error


@pytest.mark.parametrize("how", ["removed", "unseen", "cancelled", "moved"])
def test_the_last_notification_says_why(street: Peer, receiver: Receiver, how: str) -> None:
    href = subscribe(street, "/derp/1", receiver.uri())
    if how == "removed":
        store.remove("/derp/1")
    elif how == "unseen":
        put_program(9)
        store.put("/derp/1", store.get("/derp/1").submitted, audience="nobody")  # type: ignore[union-attr]
    elif how == "cancelled":
        subscriptions.end([href], NotificationStatus.CANCELLED)
    else:
        subscriptions.end([href], NotificationStatus.RESOURCE_MOVED, "https://other.example/derp/4")
    service.deliver_due()
    data = receiver.received[-1].data
    assert data["status"] == {"removed": 4, "unseen": 1, "cancelled": 1, "moved": 2}[how]
    assert data.get("newResourceURI") == ("https://other.example/derp/4" if how == "moved" else None)
    assert "Resource" not in data and data["subscriptionURI"].endswith(href)
    assert not Subscription.select().exists() and store.get(href) is None


def test_a_device_that_is_removed_is_told_so_and_one_that_is_suspended_nothing(
    street: Peer, receiver: Receiver
) -> None:
    subscribe(street, "/edev/1", receiver.uri("/own"))
    subscribe(street, "/derp/1", receiver.uri("/program"))
    Device.update(state=Device.SUSPENDED).execute()
    put_program(9)
    service.deliver_due()
    assert not receiver.received and Subscription.select().count() == 2
    Device.update(state=Device.ENROLLED).execute()
    enrolment.remove(Device.get(Device.lfdi == peers.lfdi(1)))
    service.deliver_due()
    assert {received.path: received.data["status"] for received in receiver.received} == {
        "/own": 4, "/program": 1}
    assert not Subscription.select().exists()


def test_a_connection_that_was_closed_meanwhile_is_no_failure(street: Peer, receiver: Receiver) -> None:
    """The receiver closes it after the first answer, without saying so."""
    for number in range(6):
        subscribe(street, "/derp/1", receiver.uri(f"/{number}"))
    receiver.answer = lambda path: b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    put_program(9)
    service.deliver_due()
    done: Any = Subscription.select().where(Subscription.sent_at == NOON).count()
    assert done == 6
