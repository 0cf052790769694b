"""Drivers: processes that send prepared requests of many callers over raw sockets with TLS.

A process sends for AT_ONCE callers, who are chosen at random, before it reads an answer. On persistent
connections it needs about a fifth of the server's CPU time, so that the server is the bottleneck; a handshake
costs both sides alike. With a driver in C over epoll (0.011 ms a request, where this one takes 0.022) the
server's CPU time per request is 6 to 14 % lower, and 10 to 25 % lower for handshakes, new or resumed, since
the server is woken less often. That is so for all servers that are compared, so the ratios are the same.
"""
from __future__ import annotations

import multiprocessing
import random
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

AT_ONCE = 4
CIPHER = "ECDHE-ECDSA-AES128-CCM8"
Work = dict[str, list[list[bytes]]]  # the requests of each caller, which it sends in turn, by case


class Assignment(NamedTuple):
    """Send the requests of a case of the Work to a port, for so many seconds, by callers at random.

    `mode` is "keep" (over persistent connections), "new" (a full handshake for each pass of a caller), or
    "resume" (a handshake that resumes the caller's session). A pass is its next `length` requests.
    """
    case: str
    port: int
    seconds: float
    mode: str = "keep"
    length: int = 1


class Result(NamedTuple):
    """The number of passes (in "keep" mode: of answers), the driver's CPU time in seconds, and the first
    answer that was an error."""
    count: int
    cpu_s: float
    error: str


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/sep+xml\r\n"
    if body:
        head += f"Content-Type: application/sep+xml\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Caller:
    """A device: its certificate, the connections and sessions that it keeps, by port, and its requests that
    are next."""

    def __init__(self, certificate: Path):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_ciphers(f"{CIPHER}:@SECLEVEL=0")
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.open: dict[int, ssl.SSLSocket] = {}
        self.sessions: dict[int, ssl.SSLSession] = {}
        self.next: dict[tuple[str, int], Iterator[bytes]] = {}

    def connect(self, port: int, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, session=session)

    def send(self, assignment: Assignment, requests: list[bytes]) -> ssl.SSLSocket:
        """Send the next of the requests over the connection that is kept; return it."""
        if assignment.port not in self.open:
            self.open[assignment.port] = self.connect(assignment.port)
        channel = self.open[assignment.port]
        channel.sendall(next(self.following(assignment, requests)))
        return channel

    def following(self, assignment: Assignment, requests: list[bytes]) -> Iterator[bytes]:
        """Return the requests, again and again, from the one that is next."""
        return self.next.setdefault((assignment.case, assignment.port), cycle(requests))

    def begin_session(self, port: int) -> None:
        """Keep a session for the port, unless there is one."""
        if port not in self.sessions:
            with self.connect(port) as channel:
                self.keep_session(port, channel)

    def keep_session(self, port: int, channel: ssl.SSLSocket) -> None:
        if channel.session is not None:
            self.sessions[port] = channel.session


class Client:
    """The callers of a process, by certificate, and their work."""

    def __init__(self, certificates: Iterable[Path], work: Work):
        self.callers, self.work = [Caller(certificate) for certificate in certificates], work
        self.random = random.Random(1)
        self.error = ""

    def answer(self, channel: ssl.SSLSocket) -> bytes:
        """Read one complete answer."""
        data = channel.recv(1 << 17)
        while b"\r\n\r\n" not in data:
            data += self.more(channel)
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 20", b"HTTP/1.1 304")):
            self.error = self.error or data[:300].decode("latin-1")
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

    def first(self, assignment: Assignment) -> bytes:
        """Return the body of the answer to the next request of the first caller."""
        caller, requests = self.pairs(assignment)[0]
        return self.answer(caller.send(assignment, requests)).partition(b"\r\n\r\n")[2]

    def load(self, assignment: Assignment) -> Result:
        """Send the requests of an assignment."""
        self.error = ""
        for caller, _ in self.pairs(assignment) if assignment.mode == "resume" else ():
            caller.begin_session(assignment.port)
        cpu, end = time.process_time(), time.monotonic() + assignment.seconds
        count = sum(self.keep(assignment, end) if assignment.mode == "keep" else self.renew(assignment, end))
        return Result(count, time.process_time() - cpu, self.error)

    def pairs(self, assignment: Assignment) -> list[tuple[Caller, list[bytes]]]:
        """Return all callers, each with its requests."""
        return list(zip(self.callers, self.work[assignment.case], strict=True))

    def keep(self, assignment: Assignment, end: float) -> Iterator[int]:
        pairs = self.pairs(assignment)
        while time.monotonic() < end:
            chosen = self.random.sample(pairs, AT_ONCE)
            channels = [caller.send(assignment, requests) for caller, requests in chosen]
            for channel in channels:
                self.answer(channel)
            yield len(channels)

    def renew(self, assignment: Assignment, end: float) -> Iterator[int]:
        pairs, resumes = self.pairs(assignment), assignment.mode == "resume"
        while time.monotonic() < end:
            caller, requests = self.random.choice(pairs)
            session = caller.sessions[assignment.port] if resumes else None
            with caller.connect(assignment.port, session) as channel:
                for data in islice(caller.following(assignment, requests), assignment.length):
                    channel.sendall(data)
                    self.answer(channel)
                if resumes and not channel.session_reused:
                    self.error = self.error or "the session was not resumed"
                if resumes:
                    caller.keep_session(assignment.port, channel)
            yield 1


def _serve(certificates: list[Path], work: Work, pipe: Connection) -> None:
    client = Client(certificates, work)
    while (assignment := pipe.recv()) is not None:
        pipe.send(client.load(assignment))


@contextmanager
def drivers(certificates: list[list[Path]], work: list[Work]) -> Iterator[list[Connection]]:
    """Run a process for each list of certificates, of callers with that work; each pipe takes an Assignment
    and returns a Result."""
    context: Any = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    for callers, own in zip(certificates, work, strict=True):
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=_serve, args=(callers, own, theirs), daemon=True))
        pipes.append(ours)
        processes[-1].start()
    try:
        yield pipes
    finally:
        for pipe, process in zip(pipes, processes, strict=True):
            pipe.send(None)
            process.join(5)
            process.kill()
