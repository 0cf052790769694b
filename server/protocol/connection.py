"""The life of one connection: handshake, requests and answers, shutdown.

It is a generator: where a blocking connection would wait, it yields what it waits for (READABLE or WRITABLE),
and the worker resumes it when that has happened. So a connection occupies a thread only while there is work
to do, and the application is called only with complete requests. Where a connection waits beyond its
`deadline`, the worker raises TimeoutError in it.
"""
from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Container, Generator
from select import EPOLLIN as READABLE
from select import EPOLLOUT as WRITABLE
from time import monotonic, time
from typing import Any, Protocol

from OpenSSL import SSL

from server import logs
from server.devices import endingcertificates
from server.devices.identity import PEER, Peer
from server.devices.trust import Untrusted
from server.protocol import refusals, requestcounts
from server.protocol.admission import Admission
from server.protocol.alerts import Faults
from server.protocol.message import (ENVIRON, HttpRequest, Incoming, Outgoing, Streamed, Unacceptable, error,
                                     is_repeatable, repeated)
from server.protocol.proxy import Proxies
from server.protocol.tls import PlainChannel, TlsChannel, Waits

LINGER_S = 2
"""How long a client that is refused in the middle of its request may take to read the answer."""
MAX_DISCARDED_BYTES = 1 << 24
"""The most that is read of such a request, and discarded, meanwhile."""

REQUESTS_A_TURN = 4
"""How many requests that have arrived already are answered before other connections have their turn."""
IPV4_MAPPED = "::ffff:"
"""How the address of an IPv4 client begins on a socket of both kinds."""
SLICE_BYTES = 1 << 14
"""How much of a long body is sent before other connections have their turn: the content of a TLS record."""
WAIT_FOR_THREAD = 0
"""What a connection yields whose request has to wait until others in flight are answered."""
RETRY_AFTER_S = 1
"""After how long a client may try again whose request found no thread."""

log = logging.getLogger(__name__)


class Listener(Protocol):
    """What a connection needs of the worker that it belongs to."""
    context: SSL.Context | None
    """None behind a proxy."""
    proxies: Proxies | None
    proxy_key: str
    """The key of the WSGI environ for the header in which a proxy sends the client's certificate."""
    handshake_timeout_s: float
    header_timeout_s: float
    body_timeout_s: float
    write_wait_s: float
    keepalive_s: float
    max_body_bytes: int
    revocations: Container[tuple[bytes, int]]
    admission: Admission
    alive: bool
    wsgi: Callable[..., Any]

    def authenticated(self, connection: Connection) -> None:
        """Take note that a handshake is complete. Untrusted where its certificate has too many
        connections."""

    def leave(self, lfdi: str, method: str) -> None:
        """Count a request in flight no more, and let others try that wait."""


class Connection:
    """One client's connection. `lock` is held by whoever resumes or closes `steps`."""

    def __init__(self, sock: socket.socket, address: tuple[Any, ...], listener: Listener):
        self.sock, self.fd, self.listener = sock, sock.fileno(), listener
        self.address = address[0].removeprefix(IPV4_MAPPED)
        self.lock = threading.Lock()
        self.closed = False
        self.deadline = monotonic() + listener.handshake_timeout_s
        self.faults = Faults()
        self.lfdi = ""  # of the certificate, where TLS ends here
        self.idle = True  # no byte of a request has arrived, so that closing interrupts nobody
        self.environ = ENVIRON | {"REMOTE_ADDR": self.address, "REMOTE_PORT": str(address[1])}
        self.steps = self._run()

    def _run(self) -> Generator[int, None, None]:
        try:
            channel = yield from self._open_channel()
            yield from self._serve(channel)
        except Untrusted as fault:
            refusals.record(self.address, str(fault))
        except (OSError, SSL.Error) as fault:
            log.debug("the connection of %s broke: %s", self.address, fault)
        if self.faults.alert is not None:
            refusals.record_alert(self.address, self.faults.alert)

    def _open_channel(self) -> Waits[PlainChannel]:
        """Return the channel, after the handshake if TLS ends here."""
        name, port = self.sock.getsockname()[:2]
        self.environ |= {"SERVER_NAME": name, "SERVER_PORT": str(port),
                         "wsgi.url_scheme": "https"}  # the clients of a proxy speak TLS as well
        if self.listener.context is None:
            return PlainChannel(self.sock)
        channel = TlsChannel(self.sock, self.listener.context)
        self.faults = channel.faults
        self.environ[PEER] = peer = yield from channel.handshake()
        self.lfdi = peer.lfdi
        self.listener.authenticated(self)
        endingcertificates.note(peer)
        requestcounts.handshake()
        return channel

    def _serve(self, channel: PlainChannel) -> Waits[None]:
        """Answer requests until one of the two sides ends the connection.

        A client that never waits for an answer would keep the thread. To wait until its socket is writable,
        which it is, gives the other connections their turn.
        """
        received, in_turn = b"", 0
        while True:
            in_turn = in_turn + 1 if received or channel.has_pending() else 0
            if in_turn >= REQUESTS_A_TURN:
                in_turn = 0
                yield WRITABLE
            try:
                request = yield from self._read_request(channel, received)
                if request is None:
                    break
                answer, keep, stream = yield from self._answer(request)
            except Unacceptable as refusal:
                yield from self._reject(channel, error(refusal.status))
                return
            self.deadline = monotonic() + self.listener.body_timeout_s
            yield from self._send(channel, answer, stream)
            if not keep:
                break
            received = request.rest
        yield from channel.shutdown()

    def _send(self, channel: PlainChannel, answer: bytes, stream: Streamed | None) -> Waits[None]:
        """Send an answer, and what of it is made meanwhile: a slice at a time, so that others have their turn
        and a client that takes them slowly has time for each."""
        try:
            yield from channel.send(answer)
            for part in stream or ():
                for begin in range(0, len(part), SLICE_BYTES):
                    yield WRITABLE
                    self.deadline = monotonic() + self.listener.body_timeout_s
                    yield from channel.send(part[begin:begin + SLICE_BYTES])
        finally:
            if stream is not None:
                stream.close()

    def _read_request(self, channel: PlainChannel, received: bytes) -> Waits[HttpRequest | None]:
        """Read one request, of which `received` has arrived already; return None if the client sends none.

        Unacceptable (408) if it takes too long.
        """
        most = self.listener.max_body_bytes
        try:
            if received:
                return (yield from self._read_remainder(channel, Incoming(most), received))  # noqa: B901
            self.idle, self.deadline = True, monotonic() + self.listener.keepalive_s
            if not channel.has_pending():
                yield READABLE
            data = yield from channel.receive()
            if not data:
                return None
            self.idle, self.deadline = False, monotonic() + self.listener.header_timeout_s
            if is_repeatable(data) and (request := repeated(data, most)):
                return request
            return (yield from self._read_remainder(channel, Incoming(most), data))
        except TimeoutError:
            if not self.idle:
                raise Unacceptable(408) from None
            return None

    def _read_remainder(
        self, channel: PlainChannel, incoming: Incoming, data: bytes
    ) -> Waits[HttpRequest | None]:
        """Read what is missing of a request after these bytes; return None if the client ends the connection
        first."""
        in_body = False
        while data:
            if request := incoming.feed(data):
                return request  # noqa: B901
            if incoming.has_header and not in_body:
                in_body, self.deadline = True, monotonic() + self.listener.body_timeout_s
                if incoming.expects_continue():
                    yield from channel.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            data = yield from channel.receive()
        return None

    def _answer(self, request: HttpRequest) -> Waits[tuple[bytes, bool, Streamed | None]]:
        """Call the application; return the bytes of its answer, whether the connection stays open, and what
        of the body is made while it is sent."""
        environ = request.environ_on(self.environ)
        certificate = environ.pop(self.listener.proxy_key, "")
        if PEER not in environ:
            environ[PEER] = self._proxied_peer(certificate)
        method, lfdi = environ["REQUEST_METHOD"], environ[PEER].lfdi
        if fault := self._peer_fault(environ[PEER]):
            refusals.record(self.address, str(fault))
            refusals.record_access(str(environ[PEER].sfdi))
            raise Unacceptable(403)
        keep = self.listener.alive and request.keep
        if status := (yield from self._wait_for_thread(lfdi, method)):
            refusal = error(status, method, keep, [("Retry-After", str(RETRY_AFTER_S))])
            return refusal, keep, None  # noqa: B901
        answer = Outgoing()
        try:
            parts = self.listener.wsgi(environ, answer.start)
            if isinstance(parts, Streamed):
                return answer.encode((), method, keep), keep, parts  # noqa: B901
            try:
                return answer.encode(parts, method, keep), keep, None  # noqa: B901
            finally:
                if hasattr(parts, "close"):
                    parts.close()
        except Exception:
            logs.unexpected(log, f"{method} {environ['RAW_URI']}")
            raise Unacceptable(500) from None
        finally:
            self.listener.leave(lfdi, method)

    def _wait_for_thread(self, lfdi: str, method: str) -> Waits[int]:
        """Wait until the request may occupy a thread; return the HTTP status where that takes too long."""
        self.deadline = monotonic() + self.listener.write_wait_s
        while status := self.listener.admission.enter(lfdi, method):
            try:
                yield WAIT_FOR_THREAD
            except TimeoutError:
                return status  # noqa: B901
        return 0  # noqa: B901

    def _peer_fault(self, peer: Peer) -> str:
        """Return why a certificate is accepted no more; "" while it is. A connection, or a ticket, may be
        older than that."""
        if peer.ends_at <= time():
            return f"the certificate of {peer.lfdi} has ended"
        revoked = peer.certificate in self.listener.revocations
        return f"the certificate of {peer.lfdi} is revoked" if revoked else ""

    def _proxied_peer(self, certificate: str) -> Peer:
        """Return the peer whose certificate a proxy has sent in a header. Unacceptable (403) for others."""
        try:
            if self.listener.proxies is None or self.address not in self.listener.proxies:
                raise Untrusted("this address is not a configured proxy")
            return self.listener.proxies.peer(certificate)
        except Untrusted as fault:
            refusals.record(self.address, str(fault))
            refusals.record_access(self.address)
            raise Unacceptable(403) from None

    def _reject(self, channel: PlainChannel, answer: bytes) -> Waits[None]:
        """Send an answer and discard what the client still sends.

        If the socket were closed with unread bytes, the client might never see the answer.
        """
        self.deadline = monotonic() + LINGER_S
        yield from channel.send(answer)
        yield from channel.shutdown()
        plain, size = PlainChannel(self.sock), 0
        while size < MAX_DISCARDED_BYTES and (data := (yield from plain.receive())):
            size += len(data)
