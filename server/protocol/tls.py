"""TLS as IEEE 2030.5 wants it (2018: 6.11), and a connection's bytes through it without ever waiting.

The handshake runs between two buffers in memory. So the certificate is looked at after the client has shown that it
holds the key and before our last words are sent: whom we refuse gets an alert, neither a session nor a ticket.
"""
from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Generator
from pathlib import Path
from select import EPOLLIN as READABLE, EPOLLOUT as WRITABLE
from typing import TypeVar

from .identity import Peer, peer
from .trust import FLAGS, Untrusted, fault

CIPHERS = ("ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
"""The mandatory suite first (6.11.4), then what clients in the field offer as well."""

RECORDS = 1 << 16
"""Bytes taken from the socket at once."""

T = TypeVar("T")
Waits = Generator[int, None, T]
"""What may have to wait: yields READABLE or WRITABLE until it can return its T."""

BAD_CERTIFICATE = bytes((21, 3, 3, 0, 2, 2, 42))    # record: alert, TLS 1.2, two bytes: fatal, bad_certificate


def context(certificate: str | Path, key: str | Path, client_ca: str | Path) -> ssl.SSLContext:
    """The one context of the devices' door; the files are PEM, the certificate with the chain that goes with it.
    Made before the workers fork, so that all of them resume each other's sessions. OSError if a file is of no use."""
    door = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    door.minimum_version = door.maximum_version = ssl.TLSVersion.TLSv1_2
    # CCM8's short tag counts as 64 bits of strength, which OpenSSL's usual level of security forbids
    door.set_ciphers(":".join(CIPHERS) + ":@SECLEVEL=0")
    door.set_ecdh_curve("prime256v1")
    door.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    door.verify_mode = ssl.CERT_REQUIRED
    door.verify_flags = FLAGS
    door.load_cert_chain(certificate, key)
    door.load_verify_locations(client_ca)
    return door


class Plain:
    """A non-blocking socket. What has to wait yields what it waits for: READABLE or WRITABLE."""

    def __init__(self, sock: socket.socket):
        self.sock = sock

    def receive(self) -> Waits[bytes]:
        """Return what has come, b"" at the end."""
        while True:
            try:
                return self.sock.recv(RECORDS)  # noqa: B901
            except BlockingIOError:
                yield READABLE
            except ConnectionError:
                return b""

    def send(self, data: bytes) -> Waits[None]:
        """Send all of it; ConnectionError if the other side has gone."""
        while data:
            try:
                data = data[self.sock.send(data):]
            except BlockingIOError:
                yield WRITABLE

    def waiting(self) -> bool:
        """Whether bytes are here already that a poll would not tell of."""
        return False

    def goodbye(self) -> Waits[None]:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)
        yield from ()


class Tls(Plain):
    """The same through TLS, server side."""

    def __init__(self, sock: socket.socket, door: ssl.SSLContext):
        super().__init__(sock)
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = door.wrap_bio(self.inward, self.outward, server_side=True)

    def handshake(self) -> Waits[Peer]:
        """Return the Peer. ssl.SSLError or Untrusted if it is not to come in; it has been told then."""
        while True:
            data = yield from super().receive()
            if not data:
                raise ssl.SSLEOFError("the client went away")
            self.inward.write(data)
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                yield from self.flush()
            except ssl.SSLError:
                yield from self.flush()
                raise
        try:
            caller = self.admit()
        except Untrusted:
            yield from super().send(BAD_CERTIFICATE)
            raise
        yield from self.flush()
        return caller       # noqa: B901

    def admit(self) -> Peer:
        """The Peer, if its chain keeps our own rules too. A resumed session was let in when it began."""
        der = self.tls.getpeercert(True)
        if der is None:
            raise Untrusted("no certificate")
        why = "" if self.tls.session_reused else fault(verified_chain(self.tls))
        if why:
            raise Untrusted(why)
        return peer(der)

    def receive(self) -> Waits[bytes]:
        while True:
            if self.waiting():
                try:
                    return self.tls.read(RECORDS)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError:
                    return b""
            data = yield from super().receive()
            if not data:
                return b""
            self.inward.write(data)

    def send(self, data: bytes) -> Waits[None]:
        self.tls.write(data)
        return self.flush()

    def flush(self) -> Waits[None]:
        """Send what TLS has to say."""
        return super().send(self.outward.read())

    def waiting(self) -> bool:
        return bool(self.inward.pending or self.tls.pending())

    def goodbye(self) -> Waits[None]:
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass    # the other side need not answer
        yield from self.flush()
        yield from super().goodbye()


def verified_chain(tls: ssl.SSLObject) -> list[bytes]:
    """The chain as OpenSSL verified it: DER, the peer's own certificate first, the trusted one last."""
    if sys.version_info >= (3, 13):
        return tls.get_verified_chain()
    import _ssl     # what Python 3.13 made public is in 3.11 already
    return [one.public_bytes(_ssl.ENCODING_DER) for one in tls._sslobj.get_verified_chain()]     # type: ignore[attr-defined]
