"""TLS as IEEE 2030.5-2018 demands it (6.4, 6.5, 6.7), and non-blocking channels with and without it.

pyOpenSSL rather than Python's ssl, so that our own rules for certificates take part in the handshake: a
client that is refused gets an alert, and neither a session nor a ticket. Sessions are kept in tickets only,
so memory does not grow with clients that resume none.
"""
from __future__ import annotations

import socket
from collections.abc import Container, Generator
from functools import partial
from pathlib import Path
from select import EPOLLIN as READABLE
from select import EPOLLOUT as WRITABLE
from typing import Any, NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib

from server.devices.identity import Peer, peer
from server.devices.revocation import CertificateId, certificate_id
from server.devices.trust import (FLAGS, MAX_CHAIN, P384, REVOKED, REVOKED_FAULT, UNSUPPORTED, Untrusted,
                                  device_fault, issuer_fault, keys_of, openssl_fault)
from server.protocol import alerts

CIPHERS = ("ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
"""The mandatory suite first (6.7), then those that clients in the field offer as well."""

READ_BYTES = 1 << 14
"""How much is read at once: the longest content of a TLS record."""

SESSION_S = 7200
"""How long a ticket resumes a session."""

T = TypeVar("T")
Waits = Generator[int, None, T]
"""A generator that yields READABLE or WRITABLE where it has to wait, and returns a T."""


class Further(NamedTuple):
    """What is allowed beside the suites of the standard: some of trust.FURTHER, and for those of RSA the
    files of the server's certificate and key ("" for none)."""
    suites: tuple[str, ...] = ()
    certificate: str | Path = ""
    key: str | Path = ""

    @property
    def keys(self) -> frozenset[str]:
        """The kinds of keys that clients may have."""
        return keys_of(self.suites)


NOTHING_FURTHER = Further()


def context(
    certificate: str | Path, key: str | Path, client_ca: str | Path, revoked: Container[CertificateId] = (),
    further: Further = NOTHING_FURTHER
) -> SSL.Context:
    """Return the context of the device interface.

    The files are PEM; `certificate` contains its chain too. `revoked` are certificates that are refused,
    whatever their place in a chain. The context is made before the workers fork, so
    that each resumes the sessions of the others. SSL.Error or OSError where a file cannot be used.
    """
    ssl_context = SSL.Context(SSL.TLS_SERVER_METHOD)
    ssl_context.set_min_proto_version(SSL.TLS1_2_VERSION)
    ssl_context.set_max_proto_version(SSL.TLS1_2_VERSION)
    # the short tag of CCM8 counts as 64 bits of strength, which OpenSSL's default security level forbids
    ssl_context.set_cipher_list(":".join((*CIPHERS, *further.suites, "@SECLEVEL=0")).encode())
    _set_groups(ssl_context, further.keys)
    ssl_context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    ssl_context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    ssl_context.set_session_id(b"counterpoise")
    ssl_context.set_timeout(SESSION_S)
    ssl_context.use_certificate_chain_file(str(certificate))
    ssl_context.use_privatekey_file(str(key))
    ssl_context.check_privatekey()
    if further.certificate:  # OpenSSL has one for each kind of key, and takes that of the suite
        ssl_context.use_certificate_chain_file(str(further.certificate))
        ssl_context.use_privatekey_file(str(further.key))
        ssl_context.check_privatekey()
    authorities = Path(client_ca).read_bytes()
    store = ssl_context.get_cert_store()
    assert store
    store.set_flags(FLAGS)
    for authority in x509.load_pem_x509_certificates(authorities):
        store.add_cert(crypto.X509.from_cryptography(authority))
        ssl_context.add_client_ca(crypto.X509.from_cryptography(authority))
    ssl_context.set_verify_depth(MAX_CHAIN - 2)  # counts the certificates between the device's and the root
    ssl_context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
                           partial(accept_certificate, revoked, further.keys))
    _send_fitting_alerts(ssl_context)
    alerts.watch(ssl_context)
    return ssl_context


def _set_groups(ssl_context: SSL.Context, keys: Container[str]) -> None:
    """Allow the curve P-256, and P-384 where clients may have a key on it."""
    if P384 not in keys:
        ssl_context.set_tmp_ecdh(ec.SECP256R1())
        return
    if lib.SSL_CTX_set1_curves_list(ssl_context._context, b"P-256:P-384") != 1:
        raise ValueError("this OpenSSL does not know the curves P-256 and P-384")


def _send_fitting_alerts(ssl_context: SSL.Context) -> None:
    """Let OpenSSL know why our own rules refuse a certificate: it chooses the alert by that.

    pyOpenSSL's callback only returns whether; so it is called from one that sets the error of the chain.
    """
    helper: Any = ssl_context._verify_helper

    @ffi.callback("int (*)(int, X509_STORE_CTX *)")  # type: ignore[untyped-decorator]
    def verify(valid: int, chain: Any) -> int:
        accepted = int(helper.callback(valid, chain))
        if not accepted and valid:
            index = lib.SSL_get_ex_data_X509_STORE_CTX_idx()
            tls = SSL.Connection._reverse_mapping[lib.X509_STORE_CTX_get_ex_data(chain, index)]
            if REVOKED_FAULT in tls.get_app_data():
                lib.X509_STORE_CTX_set_error(chain, REVOKED)
            elif lib.X509_STORE_CTX_get_error_depth(chain) == 0:
                lib.X509_STORE_CTX_set_error(chain, UNSUPPORTED)
        return accepted

    lib.SSL_CTX_set_verify(ssl_context._context, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    ssl_context._fitting_alerts = verify  # type: ignore[attr-defined]  # lives as long as the context


def accept_certificate(
    revoked: Container[CertificateId], keys: frozenset[str], tls: SSL.Connection, certificate: crypto.X509,
    error: int, depth: int, valid: int
) -> bool:
    """Return whether a certificate of a chain is accepted; OpenSSL asks for each, from the root down.

    The faults are appended to the list that is the connection's app data.
    """
    if not valid:
        fault = openssl_fault(error, depth)
    elif certificate_id(certificate.to_cryptography()) in revoked:
        fault = REVOKED_FAULT
    elif depth == 0:
        fault = device_fault(certificate.to_cryptography().public_bytes(Encoding.DER), keys)
    else:
        fault = issuer_fault(certificate.to_cryptography().public_bytes(Encoding.DER))
    if fault:
        tls.get_app_data().append(fault)
    return not fault


class PlainChannel:
    """A non-blocking socket. Methods that have to wait are generators, see `Waits`."""

    def __init__(self, sock: socket.socket):
        self.sock = sock

    def receive(self) -> Waits[bytes]:
        """Return the next bytes; b"" at the end."""
        while True:
            try:
                return self.sock.recv(READ_BYTES)
            except BlockingIOError:
                yield READABLE
            except ConnectionError:
                return b""

    def send(self, data: bytes) -> Waits[None]:
        """Send all bytes. ConnectionError where the client has closed the connection."""
        while data:
            try:
                data = data[self.sock.send(data):]
            except BlockingIOError:
                yield WRITABLE

    def has_pending(self) -> bool:
        """Return whether bytes have been received that a poll of the socket does not report."""
        return False

    def shutdown(self) -> Waits[None]:
        """Close the sending side."""
        self.sock.shutdown(socket.SHUT_WR)
        yield from ()


class TlsChannel(PlainChannel):
    """The server's side of TLS over a non-blocking socket, by means of buffers in memory.

    `pending` is set where TLS may have bytes that have not been received from it, `at_boundary` as long as
    the bytes fed to it end with the end of a record.
    """

    def __init__(self, sock: socket.socket, ssl_context: SSL.Context):
        super().__init__(sock)
        self.tls = SSL.Connection(ssl_context, None)
        self.faults = alerts.Faults()
        self.tls.set_app_data(self.faults)
        self.tls.set_accept_state()
        self.pending = False
        self.at_boundary = True

    def handshake(self) -> Waits[Peer]:
        """Return the Peer. Untrusted where the handshake fails; the client has got an alert then."""
        while True:
            data = yield from super().receive()
            if not data:
                raise Untrusted("the client closed the connection in the handshake")
            self.feed(data)
            try:
                self.tls.do_handshake()
                break
            except SSL.WantReadError:
                yield from self.flush()
            except SSL.Error as error:
                yield from self.flush()
                raise Untrusted("; ".join(self.faults or (part[-1] for part in error.args[0]))) from None
        yield from self.flush()
        self.pending = True
        certificate = self.tls.get_peer_certificate(as_cryptography=True)
        assert certificate, "OpenSSL has accepted a client without a certificate"
        return peer(certificate.public_bytes(Encoding.DER))     # noqa: B901

    def receive(self) -> Waits[bytes]:
        """Return the next bytes; b"" at the end."""
        while True:
            if self.pending:
                try:
                    return self.tls.recv(READ_BYTES)
                except SSL.WantReadError:
                    self.pending = False
                except SSL.Error:
                    return b""
            data = yield from super().receive()
            if not data:
                return b""
            self.feed(data)
            # most requests are one record, which leaves nothing pending: saves an exception
            if self.at_boundary and record_length(data) == len(data):
                try:
                    return self.tls.recv(READ_BYTES)
                except SSL.Error:
                    return b""
            self.pending = True

    def feed(self, data: bytes) -> None:
        """Pass received bytes to TLS."""
        self.tls.bio_write(data)
        offset = 0
        while self.at_boundary and offset < len(data):
            offset += record_length(data, offset)
        self.at_boundary = self.at_boundary and offset == len(data)

    def send(self, data: bytes) -> Waits[None]:
        """Send all bytes. ConnectionError where the client has closed the connection."""
        self.tls.sendall(data)
        return self.flush(len(data) + 1024)

    def flush(self, size: int = READ_BYTES) -> Waits[None]:
        """Send the bytes that TLS has produced."""
        try:
            while True:
                yield from super().send(data := self.tls.bio_read(size))
                if len(data) < size:
                    break
        except SSL.WantReadError:
            pass  # there is nothing more

    def has_pending(self) -> bool:
        """Return whether bytes have been received that a poll of the socket does not report."""
        return self.pending

    def shutdown(self) -> Waits[None]:
        """End TLS and close the sending side."""
        try:
            self.tls.shutdown()
        except SSL.Error:
            pass  # the client has ended it already
        yield from self.flush()
        yield from super().shutdown()


def record_length(data: bytes, offset: int = 0) -> int:
    """Return the length of the TLS record at an offset, with its header of five bytes."""
    return 5 + int.from_bytes(data[offset + 3:offset + 5], "big")
