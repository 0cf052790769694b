"""A PostgreSQL that does not answer holds nobody up, and is used again as soon as it answers."""
from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import peewee
import pytest

from server import models
from server.config import settings
from server.models import db
from tests import peers

postgres = pytest.importorskip("server.models.postgres")
pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)


class Proxy:
    """Stands before PostgreSQL. It accepts connections and, while it is frozen, passes nothing on: of all, or
    of those that are there (`old_only`)."""

    def __init__(self, host: str, port: int):
        self.target, self.frozen, self.old_only, self.ended = (host, port), False, False, False
        self.pairs: list[tuple[socket.socket, socket.socket, bool]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ended:
            ends = {end: (other, old) for a, b, old in self.pairs for end, other in ((a, b), (b, a))
                    if not (self.frozen or self.old_only and old)}
            readable, _, _ = select.select([self.listener, *ends], [], [], 0.005)
            for sock in readable:
                if sock is self.listener:
                    pair = sock.accept()[0], socket.create_connection(self.target)
                    self.pairs.append((*pair, not self.old_only))
                else:
                    self.forward(sock, ends[sock][0])

    def forward(self, sock: socket.socket, other: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = sock.recv(65536)
            other.sendall(data)
        if not data:
            self.pairs = [pair for pair in self.pairs if sock not in pair]
            sock.close()
            other.close()

    def close(self) -> None:
        self.ended = True
        self.thread.join()
        for sock in (self.listener, *(end for pair in self.pairs for end in pair[:2])):
            sock.close()


@pytest.fixture
def proxy(device: peers.Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The database is behind a proxy, and probes are quick."""
    monkeypatch.setattr(postgres, "PROBE_AFTER_S", 0.05)
    monkeypatch.setattr(postgres, "PROBE_S", 0.2)
    url = urlsplit(settings.database)
    between = Proxy(url.hostname or "", url.port or 5432)
    address = url._replace(netloc=f"{url.username}@127.0.0.1:{between.port}").geturl()
    models.connect(address, wait_s=2, statement_s=20)
    yield between
    db.close()
    between.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_devices_are_asked_to_come_back_while_it_is_frozen(
    proxy: Proxy, device: peers.Peer, caplog: pytest.LogCaptureFixture
) -> None:
    assert device.get("/edev/1").status == 200
    proxy.frozen = True
    for _ in range(3):
        reply = device.get("/edev/1")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    proxy.frozen = False
    until(lambda: device.get("/edev/1").status == 200)
    said = [record.getMessage() for record in caplog.records if record.name == "server.models.postgres"]
    assert said == [f"PostgreSQL at 127.0.0.1:{proxy.port} {words}"
                    for words in ("does not answer", "answers again")]


def test_a_slow_statement_is_waited_for(proxy: Proxy) -> None:
    assert db.execute_sql("SELECT 1 FROM pg_sleep(0.3)").fetchone() == (1,)


def test_a_statement_that_its_own_timeout_does_not_end_is_given_up(proxy: Proxy) -> None:
    db.obj.connection().most_s = 0.2
    proxy.old_only = True
    with pytest.raises(peewee.OperationalError, match=r"has not answered for 0\.2 s"):
        db.execute_sql("SELECT 1")
    models.discard_connection()
    assert db.execute_sql("SELECT 1").fetchone() == (1,)


def test_a_server_that_is_not_there_is_named_by_libpq(server: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    database = models.open_database(f"postgresql://me@127.0.0.1:{port}/x")
    with pytest.raises(peewee.OperationalError, match="refused"):
        database.connect()
