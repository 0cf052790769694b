"""TLS as IEEE 2030.5 wants it (2018: 6.4, 6.5, 6.7), and a connection's bytes through it without ever
waiting.

pyOpenSSL rather than Python's ssl: our own rules of trust take part in the handshake, so whom we refuse gets
an alert, neither a session nor a ticket; sessions live in tickets alone, and memory does not grow with
clients that take none.
"""
from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path
from select import EPOLLIN as READABLE
from select import EPOLLOUT as WRITABLE
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from server.devices.identity import Peer, peer
from server.protocol.trust import FLAGS, LONGEST, Untrusted, device_fault, issuer_fault, reason

CIPHERS = ("ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
"""The mandatory suite first (6.7), then what clients in the field offer as well."""

RECORDS = 1 << 14
"""Bytes taken at once: what a record holds at most."""

SESSION = 7200
"""Seconds for which a ticket resumes a session."""

T = TypeVar("T")
Waits = Generator[int, None, T]
"""What may have to wait: yields READABLE or WRITABLE until it can return its T."""


def context(certificate: str | Path, key: str | Path, client_ca: str | Path) -> SSL.Context:
    """The one context of the device interface; the files are PEM, the certificate with the chain that goes
    with it. Made before the workers fork, so that all of them resume each other's sessions. SSL.Error or
    OSError if a file is of no use."""
    ssl_context = SSL.Context(SSL.TLS_SERVER_METHOD)
    ssl_context.set_min_proto_version(SSL.TLS1_2_VERSION)
    ssl_context.set_max_proto_version(SSL.TLS1_2_VERSION)
    # CCM8's short tag counts as 64 bits of strength, which OpenSSL's usual level of security forbids
    ssl_context.set_cipher_list((":".join(CIPHERS) + ":@SECLEVEL=0").encode())
    ssl_context.set_tmp_ecdh(ec.SECP256R1())
    ssl_context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    ssl_context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    ssl_context.set_session_id(b"counterpoise")
    ssl_context.set_timeout(SESSION)
    ssl_context.use_certificate_chain_file(str(certificate))
    ssl_context.use_privatekey_file(str(key))
    ssl_context.check_privatekey()
    authorities = Path(client_ca).read_bytes()
    store = ssl_context.get_cert_store()
    assert store
    store.set_flags(FLAGS)
    for one in x509.load_pem_x509_certificates(authorities):
        store.add_cert(crypto.X509.from_cryptography(one))
        ssl_context.add_client_ca(crypto.X509.from_cryptography(one))
    ssl_context.set_verify_depth(LONGEST - 2)      # of those between the device's and the root
    ssl_context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, may_pass)
    return ssl_context


def may_pass(tls: SSL.Connection, certificate: crypto.X509, number: int, depth: int, good: int) -> bool:
    """OpenSSL asks for each certificate of a chain, from the root down, what we think of it."""
    if not good:
        why = reason(number)
    elif depth == 0:
        why = device_fault(certificate.to_cryptography().public_bytes(Encoding.DER))
    else:
        why = issuer_fault(certificate.to_cryptography().public_bytes(Encoding.DER))
    if why:
        tls.get_app_data().append(why)
    return not why


class Plain:
    """A non-blocking socket. What has to wait yields what it waits for: READABLE or WRITABLE."""

    def __init__(self, sock: socket.socket):
        self.sock = sock

    def receive(self) -> Waits[bytes]:
        """Return what has come, b"" at the end."""
        while True:
            try:
                return self.sock.recv(RECORDS)
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
    """The same through TLS, server side, by way of buffers in memory."""

    def __init__(self, sock: socket.socket, ssl_context: SSL.Context):
        super().__init__(sock)
        self.tls = SSL.Connection(ssl_context, None)
        self.why: list[str] = []        # a certificate was refused
        self.tls.set_app_data(self.why)
        self.tls.set_accept_state()
        self.held = False       # TLS may hold bytes that we have not asked for
        self.even = True        # what came so far ends with the end of a record

    def handshake(self) -> Waits[Peer]:
        """Return the Peer. Untrusted if it is not to come in; it has been told then."""
        while True:
            data = yield from super().receive()
            if not data:
                raise Untrusted("it went away in the handshake")
            self.feed(data)
            try:
                self.tls.do_handshake()
                break
            except SSL.WantReadError:
                yield from self.flush()
            except SSL.Error as error:
                yield from self.flush()
                raise Untrusted("; ".join(self.why or (part[-1] for part in error.args[0]))) from None
        yield from self.flush()
        self.held = True
        certificate = self.tls.get_peer_certificate(as_cryptography=True)
        assert certificate, "OpenSSL let somebody in without"
        return peer(certificate.public_bytes(Encoding.DER))     # noqa: B901

    def receive(self) -> Waits[bytes]:
        while True:
            if self.held:
                try:
                    return self.tls.recv(RECORDS)
                except SSL.WantReadError:
                    self.held = False
                except SSL.Error:
                    return b""
            data = yield from super().receive()
            if not data:
                return b""
            self.feed(data)
            # one record, as most requests are, leaves nothing behind: no need to find that out by an
            # exception
            if self.even and record(data) == len(data):
                try:
                    return self.tls.recv(RECORDS)
                except SSL.Error:
                    return b""
            self.held = True

    def feed(self, data: bytes) -> None:
        """Give TLS what has come."""
        self.tls.bio_write(data)
        at = 0
        while self.even and at < len(data):
            at += record(data, at)
        self.even = self.even and at == len(data)

    def send(self, data: bytes) -> Waits[None]:
        self.tls.sendall(data)
        return self.flush(len(data) + 1024)

    def flush(self, size: int = RECORDS) -> Waits[None]:
        """Send what TLS has to say."""
        try:
            while True:
                yield from super().send(data := self.tls.bio_read(size))
                if len(data) < size:
                    break
        except SSL.WantReadError:
            pass    # nothing, or nothing more

    def waiting(self) -> bool:
        return self.held

    def goodbye(self) -> Waits[None]:
        try:
            self.tls.shutdown()
        except SSL.Error:
            pass    # the other side was faster
        yield from self.flush()
        yield from super().goodbye()


def record(data: bytes, at: int = 0) -> int:
    """How long the record that begins there says it is, its head of five bytes included."""
    return 5 + int.from_bytes(data[at + 3:at + 5], "big")
