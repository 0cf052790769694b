"""Certificates that change while the device interface runs: renewed, broken, ended, revoked."""
from __future__ import annotations

import hashlib
import math
import signal
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from certs import authority, dev
from server.devices.identity import Peer
from server.protocol.connection import Connection
from tests import listening
from tests.listening import GET, LAST, Listening

pytestmark = [pytest.mark.flow, pytest.mark.restart]
CLOSED = (ssl.SSLError, ConnectionError)


@pytest.fixture
def interface(tmp_path: Path) -> Iterator[Listening]:
    tree = tmp_path / "dev"
    dev.make_dev(tree, devices=2)
    (tree / "crl").mkdir()
    with listening.listening(tree, tmp_path / "log", crl=tree / "crl", keepalive_s=600, threads=4) as it:
        yield it


def certificate_of(interface: Listening) -> str:
    with interface.client() as client:
        return hashlib.sha256(client.getpeercert(True) or b"").hexdigest()


def reload(interface: Listening, logged: str) -> None:
    """Send SIGHUP, and wait until this is logged and the workers are replaced."""
    booted = interface.log.read_text().count("Booting worker")
    interface.process.send_signal(signal.SIGHUP)
    listening.until(lambda: logged in interface.log.read_text())
    listening.until(lambda: interface.log.read_text().count("Booting worker") > booted)
    listening.until(lambda: interface.log.read_text().count("Worker exiting") >= booted)


def test_a_renewed_certificate_is_taken_and_nobody_is_cut(interface: Listening) -> None:
    before = certificate_of(interface)
    tree = interface.tree
    issuer = dev.load_holder(tree / "authorities/issuer.pem", tree / "authorities/issuer.key")
    renewed = authority.server(issuer, ["127.0.0.1"])
    (tree / "server.pem").write_bytes(renewed.pem())
    (tree / "server.key").write_bytes(renewed.key_pem())
    with interface.client() as slow:
        slow.sendall(GET[:-2])
        interface.process.send_signal(signal.SIGHUP)
        listening.until(lambda: interface.log.read_text().count("Booting worker") == 2)
        listening.until(lambda: certificate_of(interface) != before)
        slow.sendall(GET[-2:])
        assert listening.answer(slow)[0].startswith(b"HTTP/1.1 200 "), "a request in the old process"
    assert certificate_of(interface) == hashlib.sha256(renewed.der).hexdigest()
    assert "the certificates were read again" in interface.log.read_text()


def test_files_that_cannot_be_used_leave_the_old_ones_in_use(interface: Listening) -> None:
    before = certificate_of(interface)
    (interface.tree / "server.key").write_bytes((interface.tree / "device-1.key").read_bytes())
    reload(interface, "The old ones stay in use.")
    assert certificate_of(interface) == before
    (interface.tree / "server.pem").unlink()
    reload(interface, "The old ones stay in use.")
    assert certificate_of(interface) == before


def test_a_second_main_process_is_refused_in_words(interface: Listening) -> None:
    interface.process.send_signal(signal.SIGUSR2)
    listening.until(lambda: "SIGUSR2 is not supported" in interface.log.read_text())
    assert interface.request(LAST).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("ends_at, revoked, fault", [
    (math.inf, False, ""),
    (1.0, False, "the certificate of AB has ended"),
    (math.inf, True, "the certificate of AB is revoked"),
])
def test_each_request_asks_whether_the_certificate_still_holds(
    ends_at: float, revoked: bool, fault: str
) -> None:
    peer = Peer("AB", 0, ends_at, (b"issuer", 1))
    connection = Connection.__new__(Connection)
    connection.listener = SimpleNamespace(revocations={peer.certificate} if revoked else set())
    assert connection._peer_fault(peer) == fault


def test_a_revoked_certificate_loses_its_connections_and_tickets(interface: Listening) -> None:
    client = listening.context(interface.tree, "device-1")
    with interface.client("device-2") as other, listening.secure(interface.connect(), client) as idle:
        for connection in (other, idle):
            connection.sendall(GET)
            assert listening.answer(connection)[0].startswith(b"HTTP/1.1 200 ")
        session = idle.session
        dev.revoke(interface.tree, (interface.tree / "device-1.pem").read_bytes(), datetime.now(UTC))
        assert idle.recv(1) == b"", "the connection that was open"
        with pytest.raises(CLOSED):
            interface.request(LAST)
        with listening.secure(interface.connect(), client, session) as resumed:
            resumed.sendall(LAST)
            assert listening.everything(resumed).startswith(b"HTTP/1.1 403 ")
        other.sendall(GET)
        assert listening.answer(other)[0].startswith(b"HTTP/1.1 200 ")
    assert "a certificate that is revoked" in interface.log.read_text()
