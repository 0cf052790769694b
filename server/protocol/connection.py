"""The life of one connection: handshake, requests and answers, goodbye.

It is written as if it could wait, and never does: where it would, it yields what it waits for, and whoever
finds that come to pass (worker.py) resumes it. So a connection costs a thread only while there is something
to do, and the application is called only with a request that is whole. If it has to wait beyond `deadline`,
TimeoutError is raised in it.
"""
from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, Protocol

from OpenSSL import SSL

from server import logs
from server.devices.identity import PEER, Peer
from server.protocol.message import ENVIRON, Incoming, Outgoing, Unacceptable, error
from server.protocol.proxy import Proxies
from server.protocol.tls import READABLE, Plain, Tls, Waits
from server.protocol.trust import Untrusted

LINGER = 2
"""Seconds in which a client that is refused in the middle of its request may read the answer."""
MOST_UNREAD = 1 << 24
"""Bytes of such a request that are thrown away meanwhile."""

log = logging.getLogger(__name__)


class Listener(Protocol):
    """What a connection has to know of the worker it belongs to."""
    context: SSL.Context | None
    """None behind a proxy."""
    proxies: Proxies | None
    proxy_key: str
    """The key of the WSGI environ that the proxy's header would have."""
    handshake_timeout: float
    header_timeout: float
    body_timeout: float
    keepalive: float
    max_body: int
    alive: bool
    wsgi: Callable[..., Any]

    def admitted(self, connection: Connection) -> None:
        """This one has shown whose it is."""


class Connection:
    """One client's connection. Whoever touches `life` holds `lock`."""

    def __init__(self, sock: socket.socket, address: tuple[Any, ...], listener: Listener):
        self.sock, self.fd, self.address, self.listener = sock, sock.fileno(), address[0], listener
        self.lock = threading.Lock()
        self.closed = False
        self.deadline = monotonic() + listener.handshake_timeout
        self.quiet = True       # nothing of a request has come: whoever closes it cuts nobody off
        self.environ = ENVIRON | {"REMOTE_ADDR": address[0], "REMOTE_PORT": str(address[1])}
        self.life = self._life()

    def _life(self) -> Generator[int, None, None]:
        try:
            channel = yield from self._meet()
            yield from self._talk(channel)
        except Untrusted as why:
            log.info("%s is refused: %s", self.address, why)
        except (OSError, SSL.Error) as why:
            log.debug("%s is gone: %s", self.address, why)

    def _meet(self) -> Waits[Plain]:
        """The handshake, if TLS ends here."""
        name, port = self.sock.getsockname()[:2]
        self.environ |= {"SERVER_NAME": name, "SERVER_PORT": str(port),
                         "wsgi.url_scheme": "https"}    # a proxy's clients speak TLS as well
        if self.listener.context is None:
            return Plain(self.sock)
        channel = Tls(self.sock, self.listener.context)
        self.environ[PEER] = yield from channel.handshake()
        self.listener.admitted(self)
        return channel

    def _talk(self, channel: Plain) -> Waits[None]:
        """Requests and answers, until one of the two sides has enough."""
        rest = b""
        while True:
            request = Incoming(self.listener.max_body)
            try:
                if not (yield from self._hear(channel, request, rest)):
                    break
                answer, keep = self._answer(request)
            except Unacceptable as refusal:
                yield from self._dismiss(channel, error(refusal.status))
                return
            self.deadline = monotonic() + self.listener.body_timeout
            yield from channel.send(answer)
            if not keep:
                break
            rest = request.parser.remaining()
        yield from channel.goodbye()

    def _hear(self, channel: Plain, request: Incoming, data: bytes) -> Waits[bool]:
        """Read one request until it is whole, given what has come of it; False if the client has no more.
        Unacceptable, 408, if it takes too long."""
        try:
            if data and request.feed(data):
                return True     # noqa: B901
            if not data:
                self.quiet, self.deadline = True, monotonic() + self.listener.keepalive
                if not channel.waiting():
                    yield READABLE
            return (yield from self._hear_rest(channel, request))
        except TimeoutError:
            if request.begun:
                raise Unacceptable(408) from None
            return False

    def _hear_rest(self, channel: Plain, request: Incoming) -> Waits[bool]:
        """Read what is missing of a request; False if the client ends the connection first."""
        in_body = False
        while True:
            data = yield from channel.receive()
            if not data:
                return False    # noqa: B901
            if not request.begun:
                self.quiet, self.deadline = False, monotonic() + self.listener.header_timeout
            if request.feed(data):
                return True     # noqa: B901
            if request.headed and not in_body:
                in_body, self.deadline = True, monotonic() + self.listener.body_timeout
                if request.expects():
                    yield from channel.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self, request: Incoming) -> tuple[bytes, bool]:
        """Ask the application -> the answer's bytes, and whether the connection stays."""
        environ = request.environ(self.environ)
        handed = environ.pop(self.listener.proxy_key, "")
        if PEER not in environ:
            environ[PEER] = self._vouched(handed)
        method = environ["REQUEST_METHOD"]
        answer = Outgoing()
        try:
            parts = self.listener.wsgi(environ, answer.start)
            try:
                keep = self.listener.alive and request.parser.should_keep_alive
                return answer.encode(parts, method, keep), keep
            finally:
                if hasattr(parts, "close"):
                    parts.close()
        except Exception:
            logs.unexpected(log, f"{method} {environ['RAW_URI']}")
            raise Unacceptable(500) from None

    def _vouched(self, handed: str) -> Peer:
        """Whose request this is by the word of a proxy; Unacceptable, 403, for anybody else's."""
        try:
            if self.listener.proxies is None or self.address not in self.listener.proxies:
                raise Untrusted("it is no proxy of ours")
            return self.listener.proxies.peer(handed)
        except Untrusted as why:
            log.info("%s is refused: %s", self.address, why)
            raise Unacceptable(403) from None

    def _dismiss(self, channel: Plain, answer: bytes) -> Waits[None]:
        """Answer, and let the client read it: closing on what it still sends would take the answer away from
        it."""
        self.deadline = monotonic() + LINGER
        yield from channel.send(answer)
        yield from channel.goodbye()
        unread, size = Plain(self.sock), 0
        while size < MOST_UNREAD and (data := (yield from unread.receive())):
            size += len(data)
