"""A connection over real mutual TLS, to a server that answers as it is told."""
from __future__ import annotations

import gc
import select
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from certs import dev
from clients.transport.connection import (Connection, Refusal, Unanswered, Unreachable, retry_after_s,
                                          retry_delay_s)
from clients.transport.mtls import SUITES, ConnectionLost, Https, tls_context
from server.resources import codec
from tests import listening

TIME = {"currentTime": 1, "dstEndTime": 0, "dstOffset": 0, "dstStartTime": 0, "quality": 4, "tzOffset": 0}
BODY = codec.encode("Time", TIME)
HANG_UP = (0, {}, b"")
Script = list[tuple[int, dict[str, str], bytes]]


class Server(ThreadingHTTPServer):
    """Answers from `script`, in turn (200 with a Time where it is empty); HANG_UP closes without an
    answer."""
    daemon_threads = True

    def __init__(self, certs: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: Script = []
        self.seen: list[tuple[str, str, str | None]] = []
        self.bodies: list[bytes] = []
        self.handshakes: list[tuple[str, bool]] = []
        self.tls = listening.server_context(certs)
        self.tls.set_ciphers(SUITES)

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.tls.wrap_socket(request, server_side=True) as secured:
            self.handshakes.append((secured.cipher()[0], secured.session_reused))
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def answer(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.server.seen.append((self.command, self.path, self.headers.get("If-None-Match")))
        status, headers, body = self.server.script.pop(0) if self.server.script else (200, {}, BODY)
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in ({"Content-Type": "application/sep+xml"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + int(headers.get("X-Short", 0))))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = headers.get("X-Then") == "hang up"

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=1)
    return path


@pytest.fixture
def server(certs: Path) -> Iterator[Server]:
    started = Server(certs)
    thread = threading.Thread(target=started.serve_forever, args=(0.01,))
    thread.start()
    yield started
    started.shutdown()
    thread.join()
    started.server_close()


class Watch:
    """A clock that is turned."""
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def connection(server: Server, certs: Path, watch: Watch) -> Iterator[Connection]:
    tls = tls_context(*(str(certs / name) for name in ("ca.pem", "device-1.pem", "device-1.key")))
    client = Connection(Https(server.base, tls, timeout=5), watch)
    yield client
    client.close()


def test_ccm8_is_spoken_and_the_connection_is_kept_and_resumed(
    server: Server, connection: Connection
) -> None:
    for _ in range(3):
        assert connection.get("/tm").data == TIME
    assert server.handshakes == [("ECDHE-ECDSA-AES128-CCM8", False)]
    connection.close()
    connection.get("/tm")
    assert server.handshakes[1:] == [("ECDHE-ECDSA-AES128-CCM8", True)]


def test_what_is_not_changed_is_remembered(server: Server, connection: Connection) -> None:
    server.script = [
        (200, {"ETag": '"1"'}, BODY),
        (304, {}, b""),
        (200, {"ETag": '"2"'}, BODY),
        (304, {}, b""),
    ]
    answers = [connection.get("/tm") for _ in range(4)]
    assert [tag for _, _, tag in server.seen] == [None, '"1"', '"1"', '"2"']
    assert answers[1] is answers[0] and answers[3] is answers[2] and answers[3].data == TIME


def test_methods_and_location(server: Server, connection: Connection) -> None:
    server.script = [(204, {}, b""), (201, {"Location": "/tm/1"}, b""), (204, {}, b"")]
    assert connection.put("/tm", "Time", TIME).status == 204
    assert connection.post("/tm", "Time", TIME).location == "/tm/1"
    assert connection.delete("/tm").status == 204
    assert [method for method, _, _ in server.seen] == ["PUT", "POST", "DELETE"]


def test_no_xml_declaration_is_sent(server: Server, connection: Connection) -> None:
    """IEEE 2030.5-2018, 5.6.2."""
    for send in (connection.put, connection.post):
        send("/tm", "Time", TIME)
        assert server.bodies.pop().startswith(b'<Time xmlns="urn:ieee:std:2030.5:ns">')


@pytest.mark.parametrize("status, body, words", [
    (403, codec.encode("Error", {"reasonCode": 3}), "GET /tm: 403 Forbidden, reasonCode 3"),
    (404, b"", "GET /tm: 404 Not Found"),
    (500, b"<html>", "GET /tm: 500 Internal Server Error with an invalid body"),
    (200, b"<Time xmlns='urn:ieee:std:2030.5:ns'/>", "GET /tm: 200 OK with an invalid body"),
])
def test_a_refusal_names_method_href_status_and_error(server: Server, connection: Connection, status: int,
                                                       body: bytes, words: str) -> None:
    server.script = [(status, {}, body)]
    with pytest.raises(Refusal) as caught:
        connection.get("/tm")
    assert str(caught.value).startswith(words) and caught.value.status == status
    assert (caught.value.error is not None) is (status == 403)


def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    server: Server, connection: Connection
) -> None:
    server.script = [(200, {"X-Then": "hang up"}, BODY), HANG_UP]
    connection.get("/tm")
    with pytest.raises(Unreachable):
        connection.get("/tm")
    assert len(server.handshakes) == 2, "the second try came over a fresh connection, so it is not repeated"


def test_a_post_is_not_repeated(server: Server, connection: Connection, watch: Watch) -> None:
    connection.get("/tm")
    server.script = [HANG_UP]
    with pytest.raises(Unanswered):
        connection.post("/tm", "Time", TIME)
    assert [method for method, _, _ in server.seen] == ["GET", "POST"]
    watch.now += 1
    server.script = [(200, {}, BODY), HANG_UP]
    connection.get("/tm")
    assert connection.put("/tm", "Time", TIME).status == 200, "but a PUT is, over a fresh connection"
    assert [method for method, _, _ in server.seen] == ["GET", "POST", "GET", "PUT", "PUT"]


def test_it_is_silent_until_it_may_come_again(server: Server, connection: Connection, watch: Watch) -> None:
    server.script = [(503, {"Retry-After": "30"}, b"")]
    with pytest.raises(Unreachable) as caught:
        connection.get("/tm")
    assert caught.value.until == 1030
    watch.now = 1029.9
    with pytest.raises(Unreachable) as caught:
        connection.post("/tm", "Time", TIME)
    assert caught.value.until == 1030 and len(server.seen) == 1
    watch.now = 1030
    assert connection.get("/tm").status == 200


def test_it_waits_longer_with_each_failure(server: Server, connection: Connection, watch: Watch) -> None:
    waits = []
    server.script = [HANG_UP] * 3 + [(200, {}, BODY), HANG_UP]
    for expected in (1, 2, 4, None, 1):
        try:
            connection.close()
            connection.get("/tm")
        except Unreachable as caught:
            waits.append(caught.until - watch.now)
            assert waits[-1] == expected
            watch.now = caught.until
    assert waits == [1, 2, 4, 1]
    assert [retry_delay_s(failures) for failures in (1, 7, 1000)] == [1, 60, 60]


@pytest.mark.parametrize("value, seconds", [
    (None, 0), ("", 0), ("17", 17), ("Sun, 14 Jun 2026 12:00:30 "
                                     "GMT", 30), ("Sun, 14 Jun 2026 11:00:00 GMT", 0), ("soon", 0)])
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float) -> None:
    assert retry_after_s(value, 1781438400) == seconds


def test_a_server_of_another_authority_is_not_spoken_to(
    server: Server, certs: Path, tmp_path: Path, watch: Watch
) -> None:
    dev.make_dev(tmp_path / "other", devices=1)
    tls = tls_context(
        str(tmp_path / "other" / "ca.pem"), str(certs / "device-1.pem"), str(certs / "device-1.key")
    )
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Connection(Https(server.base, tls), watch).post("/tm", "Time", TIME)
    assert not server.seen


def test_only_https_is_an_address() -> None:
    with pytest.raises(ValueError, match="http://127.0.0.1"):
        Https("http://127.0.0.1", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


# --- no socket is left open -----------------------------------------------------------------------

class Patient(ssl.SSLContext):
    """Secures a connected socket only after the other side has closed it, which otherwise takes luck."""

    def wrap_socket(self, sock: socket.socket, *positional: Any, **named: Any) -> ssl.SSLSocket:
        if connected(sock):
            hung_up(sock)
        return super().wrap_socket(sock, *positional, **named)


def connected(sock: socket.socket) -> bool:
    """Whether a socket has a peer."""
    try:
        return bool(sock.getpeername())
    except OSError:
        return False


def hung_up(sock: socket.socket) -> None:
    """Wait until the other side has closed a connection."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP | select.POLLHUP)
    poll.poll(20_000)


def reset(sock: socket.socket) -> None:
    """Close a connection the hard way (RST), as the system does for a process that is killed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def close(sock: socket.socket) -> None:
    """Close a connection before its handshake."""
    sock.close()


def cut_off(sock: socket.socket) -> None:
    """Break off in the middle of the handshake."""
    sock.recv(5)
    reset(sock)


@pytest.mark.parametrize("end", [reset, close, cut_off])
def test_a_socket_that_the_other_side_closes_before_the_handshake_is_over_is_closed(
        end: Callable[[socket.socket], None]) -> None:
    def serve() -> None:
        end(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=serve)
        thread.start()
        tls = (
            Patient(ssl.PROTOCOL_TLS_CLIENT)
            if end is not cut_off
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        tls.check_hostname = False
        https = Https(f"https://127.0.0.1:{listener.getsockname()[1]}", tls, timeout=20)
        with pytest.raises(ConnectionLost):
            https.exchange("GET", "/tm", None, {})
        thread.join()
        assert https.sock is None
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_an_answer_that_is_cut_off_leaves_no_socket_open(server: Server, connection: Connection) -> None:
    server.script = [(200, {"Connection": "close", "X-Short": "3", "X-Then": "hang up"}, BODY)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(Unreachable) as unreachable:
            connection.get("/tm")
        # what holds the error is held by it: only the collector ends that
        frames: list[Any] = [unreachable]
        frames.append(frames)
        del unreachable, frames
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
