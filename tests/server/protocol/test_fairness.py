"""No client takes from others what a worker has: turns, connections, threads."""
from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from certs import dev
from tests import listening
from tests.listening import GET, LAST, Listening

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=3)
    return path


@pytest.fixture
def interface(tree: Path, tmp_path: Path) -> Iterator[Listening]:
    """A device interface with two threads and three connections for a certificate."""
    with listening.listening(tree, tmp_path / "log", keepalive_s=600, connections_per_certificate=3) as it:
        yield it


def test_who_sends_without_end_keeps_nobody_waiting(interface: Listening) -> None:
    """Three connections, more than there are threads, each full of requests that nobody pauses between."""
    stop = threading.Event()

    def send(client: ssl.SSLSocket) -> None:
        with suppress(OSError):
            while not stop.is_set():
                client.sendall(GET * 500)

    def receive(client: ssl.SSLSocket) -> None:
        with suppress(OSError):
            while client.recv(1 << 20):
                pass

    flooding = [interface.client("device-1") for _ in range(3)]
    threads = [threading.Thread(target=task, args=[client], daemon=True)
               for client in flooding for task in (send, receive)]
    for thread in threads:
        thread.start()
    try:
        with interface.client("device-2") as client:
            for _ in range(20):
                client.sendall(GET)
                assert listening.answer(client)[0].startswith(b"HTTP/1.1 200 ")
    finally:
        stop.set()
        interface.process.kill()  # else the floods drain first
        for thread in threads:
            thread.join(listening.PATIENCE)
        for client in flooding:
            client.close()


def test_a_certificate_has_so_many_connections(interface: Listening) -> None:
    with interface.client("device-2") as other:
        other.sendall(GET)
        listening.answer(other)
        clients = [interface.client("device-1") for _ in range(4)]
        clients[3].sendall(GET)
        assert listening.answer(clients[3])[0].startswith(b"HTTP/1.1 200 ")
        assert clients[0].recv(1) == b"", "its oldest one gives way"
        for client in (clients[1], clients[2], other):
            client.sendall(GET)
            assert listening.answer(client)[0].startswith(b"HTTP/1.1 200 ")
        for client in clients:
            client.close()


def test_a_connection_too_many_is_closed_where_none_is_idle(interface: Listening) -> None:
    clients = [interface.client("device-1") for _ in range(3)]
    for client in clients:
        client.sendall(GET + b"GET /half")
        listening.answer(client)
    with interface.client("device-1") as fourth:
        assert fourth.recv(1) == b""
    assert "has 3 connections already" in interface.log.read_text()
    clients[0].sendall(b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert listening.answer(clients[0])[0].startswith(b"HTTP/1.1 200 ")
    for client in clients:
        client.close()


def held(interface: Listening, device: str, method: bytes = b"GET") -> ssl.SSLSocket:
    """A connection whose request occupies a thread until /release."""
    client = interface.client(device)
    client.sendall(GET.replace(b"/dcap", b"/hold").replace(b"GET", method))
    return client


def release(interface: Listening) -> None:
    assert interface.request(LAST.replace(b"/dcap", b"/release"), interface.client("device-3"))


@pytest.fixture
def patient(tree: Path, tmp_path: Path) -> Iterator[Listening]:
    """A device interface with four threads, where a request waits a second for one."""
    with listening.listening(tree, tmp_path / "log", threads=4, write_wait_s=1, body_timeout_s=1) as it:
        yield it


def test_a_certificate_occupies_half_the_threads(patient: Listening) -> None:
    """One more request waits for its turn, and gets an answer if that does not come."""
    with held(patient, "device-1"), held(patient, "device-1"), patient.client("device-1") as third:
        assert patient.request(LAST, patient.client("device-2")).startswith(b"HTTP/1.1 200 ")
        third.sendall(GET)
        head, body = listening.answer(third)
        assert head.startswith(b"HTTP/1.1 429 ") and b"\r\nRetry-After: 1\r\n" in head
        assert b"<reasonCode>4</reasonCode>" in body
        third.sendall(LAST)
        release(patient)
        assert listening.everything(third).startswith(b"HTTP/1.1 200 "), "it was its turn"


def test_writers_leave_readers_a_thread(patient: Listening) -> None:
    with (held(patient, "device-1", b"PUT") as first, held(patient, "device-1", b"PUT"),
          held(patient, "device-2", b"PUT"), patient.client("device-2") as fourth):
        for _ in range(3):
            assert patient.request(LAST, patient.client("device-3")).startswith(b"HTTP/1.1 200 ")
        fourth.sendall(GET.replace(b"GET", b"PUT"))
        head, body = listening.answer(fourth)
        assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in head
        assert b"<reasonCode>2</reasonCode>" in body
        # By now the requests that are held are beyond their deadline. The main thread, which looks after
        # deadlines, once waited for them then; the arbiter killed the worker and cut all connections.
        assert patient.request(LAST, patient.client("device-3")).startswith(b"HTTP/1.1 200 ")
        fourth.sendall(LAST.replace(b"GET", b"PUT"))
        release(patient)
        assert listening.everything(fourth).startswith(b"HTTP/1.1 200 ")
        assert listening.answer(first)[0].startswith(b"HTTP/1.1 200 ")
