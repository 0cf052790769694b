"""HTTP over mutual TLS, kept alive and resumed (IEEE 2030.5-2018 5.4, 6.4): a request's bytes out, an
answer's in."""
from __future__ import annotations

import http.client
import select
import socket
import ssl
from contextlib import suppress
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

# CCM8 is the suite every device must have (6.7); servers in the field also choose the others. OpenSSL's usual
# level of security forbids it for its short tag.
SUITES = "ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0"


class HttpReply(NamedTuple):
    """An HTTP answer. Header names are looked up in any case."""
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class ConnectionLost(Exception):
    """No answer. `sent` says whether the server may have got the request."""

    def __init__(self, why: str, sent: bool):
        super().__init__(why, sent)
        self.why, self.sent = why, sent

    def __str__(self) -> str:
        return self.why


class Transport(Protocol):
    """What carries requests."""

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        """One request and its answer; ConnectionLost where there is none."""

    def close(self) -> None:
        """Let the socket go; the next request opens another."""

    def abort(self) -> None:
        """End for good what another thread waits for: that request is lost, and every later one."""


def tls_context(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 with the standard's suites, showing this certificate (chain) and trusting these authorities.

    A server is trusted by its chain; its certificate may name hardware rather than a host (6.11.8), so the
    host is not compared.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(SUITES)
    made.check_hostname = False
    made.load_verify_locations(ca)
    made.load_cert_chain(cert, key)
    return made


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
        """Connect and shake hands, in short where the server still knows us.

        The socket is made secure before it is connected: given one whose peer has closed it meanwhile,
        `wrap_socket` of Python 3.11 and 3.12 raises and leaves it open.
        """
        try:
            sock = self._reach()
            self._session = None    # if the handshake fails, the next one is a full one
            sock.do_handshake()
        except OSError:
            self.close()
            raise
        self._session = sock.session

    def _reach(self) -> ssl.SSLSocket:
        """Make `sock`, connected to the first of the host's addresses that accepts."""
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
        """End for good what another thread waits for: that request is lost, and every later one.

        The socket is shut down below TLS, whose objects the other thread is using. Repeat it until that
        thread has ended: a socket that is about to connect cannot be shut down.
        """
        self._aborted = True
        if sock := self.sock:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        """A kept connection may have been closed under the request. That is worth one fresh try at once,
        except for a POST, which the server may have carried out (RFC 9110 9.2.2)."""
        self._drop_if_closed()
        for again in (True, False):
            kept = sent = self.sock is not None
            try:
                if not kept:
                    self.connect()
                sent = True
                self.request(method, href, body, headers)
                # which holds the socket if the server ends the connection
                with self.getresponse() as response:
                    return HttpReply(response.status, response.headers, response.read())
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not (kept and again and method != "POST"):
                    raise ConnectionLost(f"{type(error).__name__}: {error}", sent) from error
        raise AssertionError("the second try returns or raises")

    def _drop_if_closed(self) -> None:
        """The other side has closed an idle connection where there is something to read before anything was
        asked."""
        if self.sock is not None and select.select([self.sock], [], [], 0)[0]:
            self.close()
