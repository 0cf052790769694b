"""What goes wrong in operation: the database goes away, the service is restarted, clients break off or never
end.

Real processes and real TLS, and so a few seconds each.
"""
from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from clients.transport.mtls import Https
from server import models
from server.resources import codec, store
from tests import postgres
from tests.flows.conftest import DEVICES
from tests.flows.documents import SEP_XML, log_event, status
from tests.flows.server import Server, until

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def server(enrolled: Callable[..., Server]) -> Server:
    return enrolled(busy_timeout_s=1)


# --- the database goes away -----------------------------------------------------------------------

@contextmanager
def away(url: str) -> Iterator[None]:
    """Nobody can write to the database: PostgreSQL lets nobody in, SQLite's file is locked by another
    process."""
    models.db.close()
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.partition(":///")[2], isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
        connection.close()
    else:
        name = url.rpartition("/")[2]
        with psycopg.connect(postgres.URL, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            yield
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_while_the_database_is_away_clients_are_told_to_come_again(server: Server, own_database: str) -> None:
    with ExitStack() as stack:
        https = [stack.enter_context(closing(server.https(name))) for name in DEVICES for _ in range(2)]
        _tell_to_come_again(https, own_database)


def _tell_to_come_again(https: list[Https], own_database: str) -> None:
    assert {client.exchange("GET", "/dcap", None, {}).status for client in https} == {200}
    before = len(store.items("/edev/1/lel"))
    with away(own_database):
        time.sleep(1.1)  # nobody asks meanwhile, and so nobody notices; the schema is to be looked at again
    assert {client.exchange("GET", "/dcap", None, {}).status for client in https} == {200}
    with away(own_database):
        for number, client in enumerate(https[:4]):
            refused = client.exchange("POST", f"/edev/{number // 2 + 1}/lel", log_event(0), SEP_XML)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            assert codec.decode(refused.body) == ("Error", {"maxRetryDuration": 5, "reasonCode": 2})
        if own_database.startswith("postgres"):
            assert {client.exchange("GET", "/dcap", None, {}).status for client in https} == {503}
    with ThreadPoolExecutor(len(https)) as pool:    # so that every thread of the server has its turn
        for _ in range(20):
            assert set(pool.map(lambda client: client.exchange("GET", "/dcap", None, {}).status,
                                https)) == {200}
    created = https[0].exchange("POST", "/edev/1/lel", log_event(1), SEP_XML)
    assert created.status == 201
    assert len(store.items("/edev/1/lel")) == before + 1


# --- a restart ------------------------------------------------------------------------------------

@pytest.mark.restart
def test_a_restart_interrupts_nobody(enrolled: Callable[..., Server]) -> None:
    """What was begun is answered, with the word that the connection ends; what was written is there
    afterwards."""
    server = enrolled(workers=2)
    until(lambda: len(server.workers()) == 2)
    slow = server.https("device-1")
    body = status(77)
    slow.connect()
    slow.putrequest("PUT", "/edev/1/der/1/ders")
    for name, value in {**SEP_XML, "Content-Length": str(len(body))}.items():
        slow.putheader(name, value)
    slow.endheaders(body[:50])
    parted: list[str] = []

    def poll(name: str) -> None:
        https = server.https(name)
        while True:
            reply = https.exchange("GET", "/dcap", None, {})
            assert reply.status == 200
            if reply.headers["Connection"] == "close":
                parted.append(name)
                https.close()
                return

    pollers = [threading.Thread(target=poll, args=(name,)) for name in DEVICES]
    for poller in pollers:
        poller.start()
    time.sleep(0.3)
    assert server.process is not None
    os.kill(server.process.popen.pid, signal.SIGTERM)
    time.sleep(0.3)
    slow.send(body[50:])
    answer = slow.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (204, "close")
    slow.close()
    for poller in pollers:
        poller.join()
    assert sorted(parted) == DEVICES
    assert server.stop() == 0
    assert server.log == ""
    server.start()
    assert server.get("device-1", "/edev/1/der/1/ders")["readingTime"] == 77
    assert server.stop() == 0


# --- clients that break off, and clients that stay ------------------------------------------------

@pytest.mark.parametrize("framing", [b"Content-Length: "
                                     b"%d\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n%x\r\n"])
def test_of_a_body_that_is_cut_off_nothing_is_kept(server: Server, framing: bytes) -> None:
    before = len(store.items("/edev/2/lel"))
    body = log_event(5)
    head = (
        b"POST /edev/2/lel HTTP/1.1\r\nHost: here\r\nContent-Type: application/sep+xml\r\n"
        + framing % len(body)
    )
    for length in (0, 1, len(body) // 2, len(body) - 1):
        https = server.https("device-2")
        https.connect()
        https.sock.sendall(head + body[:length])
        https.close()
    assert server.get("device-2", "/edev/2/lel")["all"] == before
    assert len(store.items("/edev/2/lel")) == before
    assert "Traceback" not in server.log


def test_who_connects_and_says_nothing_is_let_go_without_a_word(enrolled: Callable[..., Server]) -> None:
    """Load balancers do so to see whether we live."""
    server = enrolled(handshake_timeout_s=1)
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(5)]
    for sock in silent:
        assert sock.recv(1) == b""
        sock.close()
    assert server.stop() == 0
    assert server.log == ""


def test_thousands_of_requests_over_few_connections(server: Server) -> None:
    """Every one is answered alike, on the connection it came by, and the workers do not grow."""
    def poll(name: str, times: int) -> None:
        https = server.https(name)
        first = https.exchange("GET", "/dcap", None, {})
        sock = https.sock
        for _ in range(times):
            reply = https.exchange("GET", "/dcap", None, {})
            assert (reply.status, reply.body) == (200, first.body)
        assert https.sock is sock
        done.append(name)
        https.close()

    def all_poll(times: int) -> int:
        pollers = [threading.Thread(target=poll, args=(name, times)) for name in DEVICES]
        for poller in pollers:
            poller.start()
        for poller in pollers:
            poller.join()
        return sum(resident(pid) for pid in server.workers())

    done: list[str] = []
    sizes = [all_poll(200) for _ in range(6)]
    assert sorted(done) == sorted(6 * DEVICES)
    # A thread that has its first turn takes its share once; what leaks, leaks in every round.
    assert min(after - before for before, after in pairwise(sizes)) < 1 << 19


def resident(pid: int) -> int:
    """Bytes of memory that a process has to itself."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
