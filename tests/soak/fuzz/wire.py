"""Requests as bytes, through all of the device interface but TLS: parser, application, answer."""
from __future__ import annotations

import time
from typing import Any, NamedTuple

from server.devices import identity
from server.protocol.message import ENVIRON, Incoming, Outgoing, Unacceptable, error

MAX_BODY_BYTES = 1 << 20


class Request(NamedTuple):
    """A request as it is sent. Header names and values are latin-1."""
    lfdi: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def encode(self) -> bytes:
        """The bytes of the request; with a Content-Length, unless the headers say how long the body is."""
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name,
                                                            value in self.headers)]
        told = {name.lower() for name, _ in self.headers}
        if self.body is not None and not told & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (self.body or b"")


class Answer(NamedTuple):
    """An answer. `status` is 0 where the request was not complete, so that the server would wait for more."""
    status: int
    headers: dict[str, str]
    body: bytes
    cpu_s: float
    """CPU time of parsing and answering, in seconds."""


def send(application: Any, request: Request) -> Answer:
    """Send a request. Exceptions of the server are not caught: each is a fault."""
    begun = time.process_time()
    raw = _exchange(application, request)
    cpu_s = time.process_time() - begun
    if not raw:
        return Answer(0, {}, b"", cpu_s)
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, body, cpu_s)


def _exchange(application: Any, request: Request) -> bytes:
    incoming, answer = Incoming(MAX_BODY_BYTES), Outgoing()
    of_connection = ENVIRON | {
        "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "1", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8443",
        "wsgi.url_scheme": "https", identity.PEER: identity.Peer(request.lfdi, identity.sfdi(request.lfdi))}
    try:
        received = incoming.feed(request.encode())
        if received is None:
            return b""
        environ = received.environ_on(of_connection)
    except Unacceptable as refusal:
        return error(refusal.status)
    parts = application(environ, answer.start)
    try:
        return answer.encode(parts, environ["REQUEST_METHOD"], True)
    finally:
        if hasattr(parts, "close"):
            parts.close()
