"""HTTP over mutual TLS with persistent connections and resumed sessions (IEEE 2030.5-2018 5.4, 6.4): a
request's bytes out, an answer's in."""
from __future__ import annotations

import http.client
import select
import socket
import ssl
from contextlib import suppress
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

# Every device must support CCM8 (6.7); servers in the field also choose the others. OpenSSL's default level
# of security forbids it because of its short tag.
SUITES = "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0"


class HttpReply(NamedTuple):
    """An HTTP answer. Header names are looked up in any case."""
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class ConnectionLost(Exception):
    """There was no answer. `sent` says whether the server may have received the request."""

    def __init__(self, reason: str, sent: bool):
        super().__init__(reason, sent)
        self.reason, self.sent = reason, sent

    def __str__(self) -> str:
        return self.reason


class Transport(Protocol):
    """What carries requests."""

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        """Send a request and return its answer; raises ConnectionLost where there is none."""

    def close(self) -> None:
        """Close the socket; the next request opens another."""

    def abort(self) -> None:
        """End for good the request that another thread waits for; every later one fails too."""


def tls_context(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """Return a context of TLS 1.2 with the standard's suites, this certificate (chain) and these trusted
    authorities.

    A server is trusted by its chain. Its certificate may name hardware rather than a host (6.11.8), so the
    host is not compared.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.check_hostname = False
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    return context


class Https(http.client.HTTPConnection):
    """One connection to `base` (`https://127.0.0.1:8443`)."""

    def __init__(self, base: str, tls: ssl.SSLContext, timeout: float = 20.0):
        parts = urlsplit(base)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"{base!r} is not an https address")
        super().__init__(parts.hostname, parts.port or 443, timeout=timeout)
        self._tls = tls
        self._session: ssl.SSLSession | None = None
        self._aborted = False

    def connect(self) -> None:
        """Connect and complete the handshake, an abbreviated one where the server still has the session.

        The socket is wrapped before it is connected: given one whose peer has closed it meanwhile,
        `wrap_socket` of Python 3.11 and 3.12 raises and leaves it open.
        """
        try:
            sock = self._open_socket()
            self._session = None    # if the handshake fails, the next one is a full one
            sock.do_handshake()
        except OSError:
            self.close()
            raise
        self._session = sock.session

    def _open_socket(self) -> ssl.SSLSocket:
        """Set `sock`, connected to the first of the host's addresses that accepts."""
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for number, (family, _, _, _, address) in enumerate(addresses, 1):
            with socket.socket(family) as plain:
                plain.settimeout(self.timeout)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
                sock = self._tls.wrap_socket(plain, server_hostname=self.host, session=self._session,
                                             do_handshake_on_connect=False)
            self.sock = sock    # from here on it can be shut down by `abort`
            if self._aborted:
                raise ConnectionAbortedError("the connection was aborted")
            try:
                sock.connect(address)
                return sock
            except OSError:
                sock.close()
                if number == len(addresses):
                    raise
        raise OSError(f"{self.host} has no address")

    def abort(self) -> None:
        """End for good the request that another thread waits for; every later one fails too.

        The socket is shut down below TLS, whose objects the other thread is using. Repeat it until that
        thread has ended: a socket that is about to connect cannot be shut down.
        """
        self._aborted = True
        if sock := self.sock:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        """Send a request and return its answer; raises ConnectionLost where there is none.

        A persistent connection may have been closed while the request was sent. Then it is sent once more on
        a new connection, except for a POST, which the server may have carried out (RFC 9110 9.2.2).
        """
        self._drop_if_closed()
        for retry_allowed in (True, False):
            reused = sent = self.sock is not None
            try:
                if not reused:
                    self.connect()
                sent = True
                self.request(method, href, body, headers)
                # the response holds the socket if the server ends the connection
                with self.getresponse() as response:
                    return HttpReply(response.status, response.headers, response.read())
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not (reused and retry_allowed and method != "POST"):
                    raise ConnectionLost(f"{type(error).__name__}: {error}", sent) from error
        raise AssertionError("the second try returns or raises")

    def _drop_if_closed(self) -> None:
        """Close an idle connection that the server has closed: there is something to read before a request
        was sent."""
        if self.sock is not None and select.select([self.sock], [], [], 0)[0]:
            self.close()
