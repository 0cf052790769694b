"""The handshake: which suite, which curve, whose certificate. Clients are Python's own TLS."""
from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certs import authority
from server.devices import identity
from server.devices.trust import Untrusted
from server.protocol import tls
from tests import listening
from tests.certs import bad

ROOT = authority.root("root")
ALL = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-CCM8"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tree")
    server, device = authority.server(ROOT, ["127.0.0.1"]), authority.device(ROOT, b"1")
    for name, data in {"ca.pem": ROOT.pem(), "server.pem": server.pem(), "server.key": server.key_pem(),
                       "device-1.pem": device.pem(), "device-1.key": device.key_pem()}.items():
        (path / name).write_bytes(data)
    return path


def run(steps: tls.Waits, sock: socket.socket) -> object:
    """Run steps that wait for the socket, and return their result."""
    try:
        while True:
            wants = next(steps)
            select.select(*([[sock], []] if wants == tls.READABLE else [[], [sock]]), [], 10)
    except StopIteration as done:
        return done.value


class Handshake:
    """The server's side of one handshake, and its result: the peer, or the error."""

    def __init__(self, tree: Path):
        self.context = tls.context(tree / "server.pem", tree / "server.key", tree / "ca.pem")
        self.result: object = None
        self.channel: tls.TlsChannel | None = None

    @contextmanager
    def __call__(self) -> Iterator[socket.socket]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(10)
        thread = threading.Thread(target=self.serve, args=(ours,))
        thread.start()
        try:
            with theirs:
                yield theirs
        finally:
            thread.join()

    def serve(self, sock: socket.socket) -> None:
        with sock:
            channel = self.channel = tls.TlsChannel(sock, self.context)
            try:
                self.result = run(channel.handshake(), sock)
                while data := run(channel.receive(), sock):
                    run(channel.send(data), sock)
                run(channel.shutdown(), sock)
            except (Untrusted, OSError) as why:
                self.result = self.result or why


@pytest.fixture
def handshake(tree: Path) -> Handshake:
    return Handshake(tree)


@pytest.mark.parametrize(
    "offer, chosen",
    [
        ("ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM8"),
        (ALL, "ECDHE-ECDSA-AES128-CCM8"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM8"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (
            "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
        ),
    ],
)
def test_the_suite_is_ours_to_choose(offer: str, chosen: str, handshake: Handshake, tree: Path) -> None:
    with handshake() as sock, listening.secure(sock, listening.context(tree, "device-1", offer)) as client:
        assert client.cipher()[:2] == (chosen, "TLSv1.2")


@pytest.mark.parametrize(
    "offer", ["ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256"]
)
def test_no_other_suite(offer: str, handshake: Handshake, tree: Path) -> None:
    with handshake() as sock, pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        listening.secure(sock, listening.context(tree, "device-1", offer))
    assert isinstance(handshake.result, Untrusted)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3])
def test_no_other_version(version: ssl.TLSVersion, handshake: Handshake, tree: Path) -> None:
    client = listening.context(tree, "device-1")
    client.maximum_version = client.minimum_version = version
    with handshake() as sock, pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        listening.secure(sock, client)


def test_the_curve_is_p256(handshake: Handshake, tree: Path) -> None:
    with handshake() as sock, listening.secure(sock, listening.context(tree, "device-1")):
        pass        # Python's TLS would rather have X25519
    assert handshake.channel and handshake.channel.tls.get_group_name() in ("prime256v1", "secp256r1")


def test_an_issuer_alone_can_be_trusted(tree: Path, tmp_path: Path) -> None:
    issuer = authority.authority(ROOT, "issuer")
    (tmp_path / "issuer.pem").write_bytes(issuer.pem())
    handshake = Handshake(tree)
    handshake.context = tls.context(tree / "server.pem", tree / "server.key", tmp_path / "issuer.pem")
    device = authority.device(issuer, b"1")
    with (
        handshake() as sock,
        listening.secure(sock, listening.context(tree, bad.presented(device).files(tmp_path))) as client,
    ):
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"


def test_records_that_arrive_together(handshake: Handshake, tree: Path) -> None:
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = listening.context(tree, "device-1").wrap_bio(inward, outward, server_hostname="127.0.0.1")

    def exchange(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                sock.sendall(outward.read())
                inward.write(sock.recv(65536))

    with handshake() as sock:
        exchange(client.do_handshake)
        sock.sendall(outward.read())
        for cut in (None, -3, -60):
            client.write(b"one")
            client.write(b"two")
            together = outward.read()
            sock.sendall(together[:cut])
            got = exchange(lambda: client.read(100)) if cut != -60 else b""
            sock.sendall(together[cut:] if cut else b"")
            while len(got) < 6:
                got += exchange(lambda: client.read(100))
            assert got == b"onetwo"


@pytest.mark.parametrize("name", bad.good(ROOT))
def test_who_is_let_in(name: str, handshake: Handshake, tree: Path, tmp_path: Path) -> None:
    presented = bad.good(ROOT)[name]
    context = listening.context(tree, presented.files(tmp_path))
    with handshake() as sock, listening.secure(sock, context) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"
    assert handshake.result == identity.peer(presented.ders[0])


@pytest.mark.parametrize("name", bad.BAD)
def test_who_is_refused(name: str, handshake: Handshake, tree: Path, tmp_path: Path) -> None:
    make, why = bad.BAD[name]
    client = listening.context(tree, make(ROOT).files(tmp_path))
    with handshake() as sock, pytest.raises(ssl.SSLError, match="ALERT|WRONG"):
        listening.secure(sock, client)
    assert isinstance(handshake.result, Untrusted)
    assert why in str(handshake.result)


def test_nobody_without_a_certificate(handshake: Handshake, tree: Path) -> None:
    with handshake() as sock, pytest.raises(ssl.SSLError, match="ALERT"):
        listening.secure(sock, listening.context(tree, None))
    assert "did not return a certificate" in str(handshake.result)


def test_who_is_refused_gets_no_ticket(handshake: Handshake, tree: Path, tmp_path: Path) -> None:
    client = listening.context(tree, bad.BAD["issuer: policy mapping"][0](ROOT).files(tmp_path))
    with handshake() as sock:
        with client.wrap_socket(sock, server_hostname="127.0.0.1", do_handshake_on_connect=False) as late:
            with pytest.raises(ssl.SSLError, match="ALERT"):
                late.do_handshake()
            assert late.session is None or not late.session.has_ticket


def test_a_session_is_resumed(handshake: Handshake, tree: Path) -> None:
    client = listening.context(tree, "device-1")
    with handshake() as sock, listening.secure(sock, client) as first:
        session = first.session
    caller = handshake.result
    with handshake() as sock, listening.secure(sock, client, session) as second:
        assert second.session_reused
    assert handshake.result == caller


def test_who_takes_no_ticket_is_not_remembered(handshake: Handshake, tree: Path) -> None:
    client = listening.context(tree, "device-1")
    client.options |= ssl.OP_NO_TICKET
    with handshake() as sock, listening.secure(sock, client) as first:
        session = first.session
    with handshake() as sock, listening.secure(sock, client, session) as second:
        assert not second.session_reused


@pytest.mark.parametrize("size", [1, 16383, 16384, 16385, 100_000])
def test_bytes_of_any_number_come_through(size: int, handshake: Handshake, tree: Path) -> None:
    sent = bytes(range(256)) * (size // 256 + 1)
    with handshake() as sock, listening.secure(sock, listening.context(tree, "device-1")) as client:
        writer = threading.Thread(target=client.sendall, args=(sent[:size],))
        writer.start()
        got = b""
        while len(got) < size:
            got += client.recv(65536)
        writer.join()
        assert got == sent[:size]


def test_it_says_goodbye(handshake: Handshake, tree: Path) -> None:
    with handshake() as sock:
        client = listening.context(tree, "device-1").wrap_socket(
            sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        client.unwrap().close()     # raises unless the other side says goodbye as well
    assert handshake.result


def test_bytes_that_are_not_tls(handshake: Handshake) -> None:
    with handshake() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(100)
    assert isinstance(handshake.result, Untrusted)


@pytest.mark.parametrize("pieces, even", [
    ([b"\x16\x03\x01\x00\x02hi"], True),
    ([b"\x16\x03\x01\x00\x02hi\x16\x03\x01\x00\x00"], True),
    ([b"\x16\x03\x01\x00\x02hi", b"\x16\x03\x01\x00\x01x"], True),
    ([b"\x16\x03\x01\x00\x02h"], False),
    ([b"\x16\x03\x01\x00\x02hi\x16\x03"], False),
    # the second looks like a record and is none
    ([b"\x16\x03\x01\x00\x07h", b"\x16\x03\x01\x00\x01x"], False),
])
def test_where_records_end(pieces: list[bytes], even: bool, handshake: Handshake) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = tls.TlsChannel(ours, handshake.context)
        for piece in pieces:
            channel.feed(piece)
        assert channel.at_boundary is even
