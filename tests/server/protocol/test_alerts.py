"""Fatal alerts of TLS are noted, whoever sends them, and are in the server's own LogEvents (6.10)."""
from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from certs import authority
from server.devices import devicelogs
from server.protocol.connection import Connection
from tests import listening
from tests.certs import bad
from tests.server.protocol.test_tls import ROOT, Handshake, run, tree  # noqa: F401

UNKNOWN_CA, UNSUPPORTED = 48, 43


def test_an_alert_that_is_sent_is_noted(tree: Path, tmp_path: Path) -> None:  # noqa: F811
    handshake, files = Handshake(tree), bad.BAD["RSA key"][0](ROOT).files(tmp_path)
    with handshake() as sock, pytest.raises(ssl.SSLError):
        listening.secure(sock, listening.context(tree, files))
    assert handshake.channel and handshake.channel.faults.alert == UNSUPPORTED


def test_an_alert_that_is_received_is_noted(tree: Path, tmp_path: Path) -> None:  # noqa: F811
    handshake, client = Handshake(tree), listening.context(tree, "device-1")
    stranger = tmp_path / "ca.pem"
    stranger.write_bytes(authority.root("another").pem())
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(stranger)
    client.set_ciphers("ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
    with handshake() as sock, pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        listening.secure(sock, client)
    assert handshake.channel and handshake.channel.faults.alert == UNKNOWN_CA


def test_the_warning_that_ends_a_connection_is_none(tree: Path) -> None:  # noqa: F811
    handshake = Handshake(tree)
    with handshake() as sock, listening.secure(sock, listening.context(tree, "device-1")) as client:
        client.unwrap().close()
    assert handshake.channel and handshake.channel.faults.alert is None


def test_the_server_logs_the_alert_of_a_refused_connection(
    server: None, tree: Path, tmp_path: Path  # noqa: F811
) -> None:
    """The logEventID is the number of the alert."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = listening.context(tree, bad.BAD["RSA key"][0](ROOT).files(tmp_path))

    def connect() -> None:
        with theirs, pytest.raises(ssl.SSLError):
            listening.secure(theirs, client)

    thread = threading.Thread(target=connect)
    thread.start()
    listener = SimpleNamespace(context=Handshake(tree).context, handshake_timeout_s=9.0)
    connection = Connection(ours, ("10.0.0.9", 1), listener)  # type: ignore[arg-type]
    connection.sock = SocketOfAddress(ours)  # type: ignore[assignment]
    run(connection.steps, ours)
    ours.close()
    thread.join()
    row, = devicelogs.rows(None, 9)
    assert (row["function_set"], row["code"], row["log_event_id"]) == ("security", 0, UNSUPPORTED)
    assert (row["event"], row["details"]) == ("TLS alert: unsupported certificate", "10.0.0.9")


class SocketOfAddress:
    """A socket of a pair that says an address and a port, as one of a network does."""

    def __init__(self, sock: socket.socket):
        self._sock = sock

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 8443
