"""A real gunicorn with the device interface, and TLS clients for it."""
from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GET = b"GET /dcap HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /dcap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""After the answer to this request the connection ends."""
PATIENCE = 20
"""Timeout of clients, in seconds, after which a test fails."""


@dataclass
class Listening:
    """A device interface that listens: its port, its process, its certificates and its log."""
    port: int
    process: subprocess.Popen[bytes]
    tree: Path
    log: Path

    def connect(self) -> socket.socket:
        """Return a TCP connection without TLS."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def client(self, name: str = "device-1", **options: Any) -> ssl.SSLSocket:
        """Return a connection of this device after its handshake."""
        return secure(self.connect(), context(self.tree, name, **options))

    def request(self, data: bytes, client: socket.socket | None = None) -> bytes:
        """Send bytes, on a new connection unless there is one, and return all bytes until it is closed."""
        with client or self.client() as sock:
            sock.sendall(data)
            return everything(sock)


def everything(sock: socket.socket) -> bytes:
    """Return all bytes until the other side closes the connection."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def answer(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of one answer with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"closed after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return head, body


def context(
    tree: Path, name: str | tuple[Path, Path] | None, ciphers: str = "ECDHE-ECDSA-AES128-CCM8"
) -> ssl.SSLContext:
    """Return a client's context with the certificate of a device of the tree, or of files, or without one."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(tree / "ca.pem")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers + ":@SECLEVEL=0")
    if name:
        client.load_cert_chain(
            *name if isinstance(name, tuple) else (tree / f"{name}.pem", tree / f"{name}.key")
        )
    return client


def server_context(tree: Path) -> ssl.SSLContext:
    """Return the context of a server other than gunicorn: TLS 1.2, and a client certificate required."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers("ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(tree / "server.pem", tree / "server.key")
    server.load_verify_locations(tree / "ca.pem")
    return server


def secure(
    sock: socket.socket, client: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    """Return a connection after its handshake."""
    return client.wrap_socket(sock, server_hostname="127.0.0.1", session=session)


@contextmanager
def listening(
    tree: Path,
    log: Path,
    application: str = "tests.echo_server:app",
    config: str = "server.protocol.listen",
    **settings: Any,
) -> Iterator[Listening]:
    """Run a device interface with these settings and an application of the tests until the block ends.

    `config` is the module that configures gunicorn.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    values: dict[str, Any] = {
        "port": port,
        "workers": 1,
        "threads": 2,
        "certificate": tree / "server.pem",
        "key": tree / "server.key",
        "client_ca": tree / "ca.pem",
        "log_level": "info",
    } | settings
    environ = os.environ | {f"COUNTERPOISE_{name.upper()}": str(value) for name, value in values.items()}
    command = [sys.executable, "-m", "gunicorn", "-c", f"python:{config}", application]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environ, cwd=Path(__file__).parents[1], stderr=file)
    try:
        until(lambda: log.exists() and "Booting worker" in log.read_text())
        yield Listening(port, process, tree, log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Any) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "the condition has not become true"
        time.sleep(0.01)
