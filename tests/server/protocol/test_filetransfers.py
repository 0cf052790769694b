"""Long bodies over mutual TLS: sent in parts, beside other requests, and ended whatever happens."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from certs import dev
from tests import echo_server, listening
from tests.listening import Listening

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A device interface with one process and one thread."""
    tree = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(tree, devices=2)
    with listening.listening(tree, tree / "log", threads=1, workers=1, body_timeout_s=20) as it:
        yield it


def asked(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def test_a_device_that_loads_slowly_keeps_nobody_waiting(interface: Listening) -> None:
    with interface.client("device-1") as slow, interface.client("device-2") as other:
        slow.sendall(asked("/stream"))
        assert slow.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n"), "it reads no further for a while"
        other.sendall(asked("/ended"))
        assert listening.answer(other)[1] == b"False"
    listening.until(lambda: ended(interface))


def ended(interface: Listening) -> bool:
    """Whether a stream was closed since this was asked last."""
    with interface.client("device-2") as client:
        client.sendall(asked("/ended"))
        return listening.answer(client)[1] == b"True"


def test_a_stream_is_whole_and_its_connection_goes_on(interface: Listening) -> None:
    with interface.client() as client:
        client.sendall(asked("/stream") + asked("/dcap"))
        head, body = listening.answer(client)
        assert f"Content-Length: {echo_server.STREAM_BYTES}" in head.decode()
        # the next answer follows at once
        assert body[:echo_server.STREAM_BYTES].count(b"x") == echo_server.STREAM_BYTES
    listening.until(lambda: ended(interface))


def test_a_stream_that_breaks_off_ends_its_connection(interface: Listening) -> None:
    answer = interface.request(asked("/broken"))
    assert answer.partition(b"\r\n\r\n")[2] == b"x" * echo_server.PART_BYTES
    listening.until(lambda: ended(interface))
    assert "Traceback" not in interface.log.read_text()
