"""The device interface under gunicorn: well-formed requests are answered, and a slow client does not delay
others."""
from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import dev
from tests import listening
from tests.listening import GET, LAST, Listening

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=2)
    return path


@pytest.fixture(scope="module")
def interface(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A device interface with timeouts longer than those of the clients of these tests."""
    with listening.listening(
        tree,
        tmp_path_factory.mktemp("log") / "log",
        handshake_timeout_s=600,
        header_timeout_s=600,
        body_timeout_s=600,
        keepalive_s=600,
        max_body_bytes=100_000,
        max_connections=2000,
        connections_per_certificate=2000,
        threads=4,
    ) as it:
        yield it


@pytest.fixture(scope="module")
def impatient(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A device interface with short timeouts."""
    with listening.listening(
        tree,
        tmp_path_factory.mktemp("log") / "log",
        handshake_timeout_s=1,
        header_timeout_s=1,
        body_timeout_s=1,
        keepalive_s=1,
    ) as it:
        yield it


def body_of(answer: tuple[bytes, bytes]) -> dict:
    assert answer[0].startswith(b"HTTP/1.1 200 OK\r\n"), answer
    return json.loads(answer[1])


# -- what is well-formed

@pytest.mark.parametrize("host, clients", [
    ("::1", {"::1": "::1"}),
    ("127.0.0.1, [::1]", {"127.0.0.1": "127.0.0.1", "::1": "::1"}),
    ("::", {"127.0.0.1": "127.0.0.1", "::1": "::1"}),
])
def test_it_listens_on_ipv6_and_on_several_addresses(
    tree: Path, tmp_path: Path, host: str, clients: dict[str, str]
) -> None:
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with listening.listening(tree, tmp_path / "log", host=host) as it:
        for address, seen in clients.items():
            sock = socket.create_connection((address, it.port), timeout=listening.PATIENCE)
            with listening.secure(sock, listening.context(tree, "device-1")) as client:
                client.sendall(GET)
                assert body_of(listening.answer(client))["remote"] == seen
    first = host.partition(",")[0]
    url = f"https://{f'[{first}]' if ':' in first else first}:{it.port}"
    assert f"devices are served on {url}" in it.log.read_text()


def test_the_application_learns_who_calls(interface: Listening) -> None:
    lfdis = {entry["name"]: entry["lfdi"] for entry in dev.read_entries(interface.tree)}
    for name in ("device-1", "device-2", "aggregator"):
        with interface.client(name) as client:
            client.sendall(b"GET /edev?s=0&l=5 HTTP/1.1\r\nHost: x\r\nAccept: application/sep+xml\r\n\r\n")
            answer = body_of(listening.answer(client))
        assert answer["peer"] == lfdis[name]
        assert (answer["method"], answer["path"], answer["query"], answer["scheme"]) == (
            "GET",
            "/edev",
            "s=0&l=5",
            "https",
        )
        assert answer["headers"] == {"HTTP_HOST": "x", "HTTP_ACCEPT": "application/sep+xml"}


def test_the_head_of_an_answer(interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(GET)
        head, body = listening.answer(client)
    assert re.fullmatch(
        rb"HTTP/1.1 200 OK\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\nContent-Type: application/json\r\n"
        rb"Content-Length: %d\r\nConnection: keep-alive" % len(body),
        head,
    )


def test_many_requests_on_one_connection(interface: Listening) -> None:
    with interface.client() as client:
        for number in range(20):
            client.sendall(GET.replace(b"dcap", b"%d" % number))
            assert body_of(listening.answer(client))["path"] == f"/{number}"


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_requests_may_come_at_once_or_in_pieces(size: int, interface: Listening) -> None:
    posted = b"POST /rsp HTTP/1.1\r\nHost: x\r\nContent-Type: application/sep+xml\r\nContent-Length: 5\r\n\r\nhello"
    sent = GET + posted + GET.replace(b"dcap", b"tm") + LAST
    with interface.client() as client:
        for at in range(0, len(sent), size):
            client.sendall(sent[at:at + size])
        answer = listening.everything(client)
    bodies = [json.loads(match) for match in re.findall(rb"\{\"peer.*?\}\}", answer)]
    assert [(match["method"], match["path"], match["size"]) for match in bodies] == [
        ("GET", "/dcap", 0), ("POST", "/rsp", 5), ("GET", "/tm", 0), ("GET", "/dcap", 0)]
    assert bodies[1]["headers"]["CONTENT_TYPE"] == "application/sep+xml"


@pytest.mark.parametrize("size", [1, 16_000, 17_000, 100_000])
def test_a_body_arrives_whole(size: int, interface: Listening) -> None:
    body = os.urandom(size)
    with interface.client() as client:
        client.sendall(b"PUT /der HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + body)
        assert body_of(listening.answer(client))["body"] == hashlib.sha256(body).hexdigest()


def test_a_body_in_chunks(interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(b"POST /mup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                       b"chunked\r\n\r\n5;a=b\r\nhello\r\n")
        client.sendall(b"6\r\n world\r\n0\r\n\r\n" + GET)
        answer = body_of(listening.answer(client))
        assert (answer["body"], answer["length"]) == (hashlib.sha256(b"hello world").hexdigest(), "11")
        assert body_of(listening.answer(client))["path"] == "/dcap"


def test_a_client_that_asks_first(interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(b"PUT /der HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert body_of(listening.answer(client))["size"] == 5


def test_head_has_no_body(interface: Listening) -> None:
    answer = interface.request(GET.replace(b"GET", b"HEAD") + LAST.replace(b"GET", b"HEAD"))
    assert re.findall(rb"Content-Length: (\d+)", answer)[0] > b"1"
    assert b"peer" not in answer and answer.count(b"HTTP/1.1 200 OK") == 2


def test_no_content(interface: Listening) -> None:
    answer = interface.request(LAST.replace(b"/dcap", b"/none"))
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n") and b"Content-Length" not in answer


@pytest.mark.parametrize("request_", [LAST, b"GET /dcap HTTP/1.0\r\n\r\n"])
def test_a_client_that_has_enough(request_: bytes, interface: Listening) -> None:
    assert b"Connection: close" in interface.request(request_)


def test_an_answer_larger_than_any_buffer(interface: Listening) -> None:
    answer = interface.request(LAST.replace(b"/dcap", b"/big"))
    assert len(answer.partition(b"\r\n\r\n")[2]) == 3_000_000


# -- what is not

@pytest.mark.parametrize(
    "request_, status",
    [
        (b"hello\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET dcap HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: exi\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 9000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n", 413),
    ],
)
def test_what_is_malformed_or_too_large_is_told_so_at_once(
    request_: bytes, status: int, interface: Listening
) -> None:
    answer = interface.request(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/sep+xml\r\n" in answer and b"Connection: close\r\n" in answer
    assert answer.endswith(b"</Error>")


@pytest.mark.parametrize("head, piece", [
    (b"Content-Length: 10000000\r\n\r\n", b"x" * 10_000),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
])
def test_ten_megabytes_of_junk(head: bytes, piece: bytes, interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(b"POST /mup HTTP/1.1\r\nHost: x\r\n" + head)
        for _ in range(1000):
            client.sendall(piece)       # it goes on reading, so that the answer is not lost
        assert listening.everything(client).startswith(b"HTTP/1.1 413 ")


def test_a_header_with_an_underscore_is_nobodys(interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX_SSL_Client_Cert: a\r\nX-SSL-Client-Cert: b\r\n"
                       b"content_length: 5\r\n\r\n")
        answer = body_of(listening.answer(client))
    assert answer["headers"] == {"HTTP_HOST": "x"} and answer["length"] is None


@pytest.mark.parametrize("path", [b"/fail", b"/split"])
def test_an_application_that_fails(path: bytes, interface: Listening) -> None:
    answer = interface.request(GET.replace(b"/dcap", path))
    assert answer.startswith(b"HTTP/1.1 500 Internal Server "
                          b"Error\r\n") and b"X-More" not in answer and b"asked" not in answer
    assert interface.request(LAST).startswith(b"HTTP/1.1 200 ")


# -- who is slow

def test_a_thousand_who_are_slow_keep_nobody_waiting(interface: Listening) -> None:
    """Were one of them to hold a thread (there are four), the last client would give up long before the server
    does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    slow = [interface.connect() for _ in range(1000)]
    for sock in slow[:50]:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")       # the beginning of a ClientHello
    for begun in (b"", b"GET /dc", b"GET /dcap HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                                                b"9\r\n\r\nxx",
                  b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"):
        for _ in range(10):
            client = interface.client()
            client.sendall(begun)
            slow.append(client)
    for _ in range(10):     # who asks for much and reads nothing
        client = interface.client()
        client.sendall(GET.replace(b"/dcap", b"/big"))
        slow.append(client)
    try:
        for _ in range(10):
            assert interface.request(LAST).startswith(b"HTTP/1.1 200 ")
    finally:
        for sock in slow:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_request_that_is_held_up_keeps_nobody_waiting(interface: Listening) -> None:
    with interface.client() as held:
        held.sendall(GET.replace(b"/dcap", b"/hold"))
        assert interface.request(LAST).startswith(b"HTTP/1.1 200 ")
        assert interface.request(LAST.replace(b"/dcap", b"/release")).startswith(b"HTTP/1.1 200 ")
        assert body_of(listening.answer(held))["path"] == "/hold"


@pytest.mark.parametrize("begun", [
    b"G", b"GET /dcap HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nxx",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"])
def test_who_is_too_slow_is_told(begun: bytes, impatient: Listening) -> None:
    assert impatient.request(begun).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_who_says_nothing_is_left(impatient: Listening) -> None:
    with impatient.connect() as silent, impatient.client() as idle, impatient.client() as alive:
        alive.sendall(GET)
        listening.answer(alive)
        assert [listening.everything(client) for client in (silent, idle, alive)] == [b"", b"", b""]


def test_who_reads_nothing_is_left(impatient: Listening) -> None:
    with impatient.client() as client:
        client.sendall(GET.replace(b"/dcap", b"/big") * 20)
        listening.until(lambda: gone(client))


def gone(client: ssl.SSLSocket) -> bool:
    """Whether the other side has closed, found out without reading."""
    try:
        client.sendall(b"x")
        return False
    except OSError:
        return True


def test_a_body_that_is_cut_off(interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(b"POST /cut HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nxx")
    assert interface.request(LAST).startswith(b"HTTP/1.1 200 ")
    assert "/cut" not in interface.log.read_text()


# -- processes

def test_the_oldest_stranger_gives_way(tree: Path, tmp_path: Path) -> None:
    with listening.listening(tree, tmp_path / "log", max_connections=3, handshake_timeout_s=600) as interface:
        with interface.client() as known, interface.connect() as first, interface.connect() as second:
            known.sendall(GET)
            listening.answer(known)
            with interface.client("device-2") as third:
                third.sendall(GET)
                listening.answer(third)
                assert first.recv(1) == b""
                with interface.client("device-2") as fourth:
                    # A client of TLS 1.3 is ready before the server has read its certificate.
                    fourth.sendall(GET)
                    listening.answer(fourth)
                    assert second.recv(1) == b""
                    with interface.client("device-2"):
                        assert listening.everything(known) == b""


@pytest.mark.restart
def test_sessions_are_resumed_by_every_worker(tree: Path, tmp_path: Path) -> None:
    client = listening.context(tree, "device-1")
    with listening.listening(tree, tmp_path / "log") as interface:
        with listening.secure(interface.connect(), client) as first:
            session = first.session
            first.sendall(LAST)
            first_body = body_of(listening.answer(first))
        os.kill(first_body["pid"], signal.SIGKILL)
        listening.until(lambda: interface.log.read_text().count("Booting worker") == 2)
        with listening.secure(interface.connect(), client, session) as again:
            assert again.session_reused
            again.sendall(LAST)
            other = body_of(listening.answer(again))
    assert other["pid"] != first_body["pid"] and other["peer"] == first_body["peer"]


@pytest.mark.restart
def test_it_stops_when_what_is_under_way_is_done(tree: Path, tmp_path: Path) -> None:
    with listening.listening(tree, tmp_path / "log", threads=4) as interface:
        with interface.client() as held, interface.client() as idle, interface.client() as other:
            held.sendall(GET.replace(b"/dcap", b"/hold"))
            other.sendall(b"GET /release HTTP/1.1\r\nHost")
            idle.sendall(GET)
            listening.answer(idle)
            interface.process.terminate()
            listening.until(lambda: "Handling signal: term" in interface.log.read_text())
            other.sendall(b": x\r\n\r\n")
            assert b"Connection: close" in listening.answer(other)[0]
            head, body = listening.answer(held)
            assert json.loads(body)["path"] == "/hold"
            assert listening.everything(idle) == b""
        assert interface.process.wait(listening.PATIENCE) == 0


@pytest.mark.restart
@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_that_is_told_to_end_before_it_is_ready_ends(
    workers: int, tree: Path, tmp_path: Path
) -> None:
    with listening.listening(tree, tmp_path / "log", config="tests.signalled", workers=workers) as interface:
        assert interface.process.wait(listening.PATIENCE) == 0
        assert "SIGKILL" not in interface.log.read_text()


def test_all_that_is_logged_has_one_form(tree: Path, tmp_path: Path) -> None:
    with listening.listening(tree, tmp_path / "log", log_format="json") as interface:
        interface.request(LAST.replace(b"/dcap", b"/fail"))
        listening.until(lambda: "failed" in interface.log.read_text())
    entries = [json.loads(line) for line in interface.log.read_text().splitlines()]
    assert {entry["command"] for entry in entries} == {"serve"}
    assert {entry["logger"] for entry in entries} == {
        "gunicorn.error", "server.protocol.connection", "server.start"}
    failed, = [entry for entry in entries if entry["level"] == "error"]
    assert (
        failed["message"] == "GET /fail failed" and failed["reference"] and "Traceback" in failed["exception"]
    )


def test_the_log_tells_who_was_refused_and_nothing_of_the_certificate(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    dev.make_dev(other, devices=1)
    stranger = listening.context(other, "device-1")
    stranger.load_verify_locations(tree / "ca.pem")
    with listening.listening(tree, tmp_path / "log") as interface:
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            listening.secure(interface.connect(), stranger)
        listening.until(lambda: "refused" in interface.log.read_text())
        log = interface.log.read_text()
    assert "127.0.0.1 is refused: unable to get local issuer certificate" in log
    assert "BEGIN" not in log and "development" not in log
