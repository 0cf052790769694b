"""Who asks: processes that send requests made beforehand over raw sockets with TLS.

A process keeps several connections busy by sending on all of them before it reads from any. On connections
that stay it costs about a fifth of the CPU time of the server it asks, so that it is the server that is busy;
a handshake costs both sides alike. Against a driver in C over epoll (0.011 ms a request where this one takes
0.022) the server's CPU time per request comes out 6 to 14 % higher, and 10 to 25 % for handshakes, new or
resumed, since it is woken more often for less; that holds for what is compared as well, so that the ratios
are the same.
"""
from __future__ import annotations

import multiprocessing
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

CONNECTIONS = 4
CIPHER = "ECDHE-ECDSA-AES128-CCM8"


class Wish(NamedTuple):
    """What to send to a port: `requests` in turn, for so many seconds. `mode` is "keep" (over connections
    that stay), "new" (a full handshake for each pass through the requests), or "resume" (resumed
    handshakes)."""
    port: int
    requests: list[bytes]
    seconds: float
    mode: str = "keep"


class Done(NamedTuple):
    """How many passes were made (in "keep" mode: answers received), in how much CPU time of the driver, and
    the first answer that was no success."""
    count: int
    cpu: float
    wrong: str


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/sep+xml\r\n"
    if body:
        head += f"Content-Type: application/sep+xml\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Client:
    """Connections with one device's certificate."""

    def __init__(self, certificate: Path):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_ciphers(f"{CIPHER}:@SECLEVEL=0")
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.open: dict[int, list[ssl.SSLSocket]] = {}
        self.wrong = ""

    def connect(self, port: int, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, session=session)

    def answer(self, channel: ssl.SSLSocket) -> bytes:
        """Read one answer, whole."""
        data = channel.recv(1 << 17)
        while b"\r\n\r\n" not in data:
            data += self.more(channel)
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 20", b"HTTP/1.1 304")):
            self.wrong = self.wrong or data[:300].decode("latin-1")
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15:].split(b"\r\n", 1)[0]) if at >= 0 else 0
        missing = length - len(body)
        while missing > 0:
            more = self.more(channel)
            missing -= len(more)
            data += more
        return data

    def more(self, channel: ssl.SSLSocket) -> bytes:
        data = channel.recv(1 << 17)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def request(self, port: int, asked: bytes) -> bytes:
        """One request on a connection of its own."""
        with self.connect(port) as channel:
            channel.sendall(asked)
            return self.answer(channel)

    def load(self, wish: Wish) -> Done:
        """Do as wished."""
        self.wrong = ""
        cpu, end = time.process_time(), time.monotonic() + wish.seconds
        count = sum(self.keep(wish, end) if wish.mode == "keep" else self.renew(wish, end))
        return Done(count, time.process_time() - cpu, self.wrong)

    def keep(self, wish: Wish, end: float) -> Iterator[int]:
        channels = self.open.setdefault(wish.port, [])
        while len(channels) < CONNECTIONS:
            channels.append(self.connect(wish.port))
        requests = cycle(wish.requests)
        while time.monotonic() < end:
            for channel in channels:
                channel.sendall(next(requests))
            for channel in channels:
                self.answer(channel)
            yield len(channels)

    def renew(self, wish: Wish, end: float) -> Iterator[int]:
        session = None
        while time.monotonic() < end:
            with self.connect(wish.port, session) as channel:
                for asked in wish.requests:
                    channel.sendall(asked)
                    self.answer(channel)
                if wish.mode == "resume":
                    if session is not None and not channel.session_reused:
                        self.wrong = self.wrong or "the session was not resumed"
                    session = channel.session
            yield 1


def _serve(certificate: Path, pipe: Connection) -> None:
    client = Client(certificate)
    while (wish := pipe.recv()) is not None:
        pipe.send(client.load(wish))


@contextmanager
def drivers(certificates: list[Path]) -> Iterator[list[Connection]]:
    """A process for each of these certificates; what is sent to one is a Wish, what it answers Done."""
    context: Any = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    for certificate in certificates:
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=_serve, args=(certificate, theirs), daemon=True))
        pipes.append(ours)
        processes[-1].start()
    try:
        yield pipes
    finally:
        for pipe, process in zip(pipes, processes, strict=True):
            pipe.send(None)
            process.join(5)
            process.kill()
