"""A receiver of notifications in a thread of the test, with TLS or without, that answers as it is told."""
from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from server.resources import codec


class Received(NamedTuple):
    """A notification: where it came to, its headers and data, and by which cipher and certificate."""
    path: str
    headers: Any
    body: bytes
    data: dict[str, Any]
    cipher: str
    certificate: bytes
    connection: int


class Receiver:
    """What was `received`, and what is answered: `answer(path)` returns a status, or bytes that are sent as
    they are. `delay_s` is how long an answer takes."""

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"):
        self.received: list[Received] = []
        self.answer: Callable[[str], int | bytes] = lambda path: 201
        self.delay_s = 0.0
        self._server = ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = True
        self.tls = context is not None
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def uri(self, path: str = "/n", host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sock: Any = self.connection
                cipher = sock.cipher()[0] if receiver.tls else ""
                certificate = sock.getpeercert(True) or b"" if receiver.tls else b""
                time.sleep(receiver.delay_s)
                answer = receiver.answer(self.path)
                receiver.received.append(Received(
                    self.path, self.headers, body, codec.decode(body)[1], cipher, certificate,
                    self.client_address[1]))
                if isinstance(answer, bytes):
                    self.wfile.write(answer)
                    self.close_connection = True
                    return
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", receiver.uri("/elsewhere"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass
        return Handler


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(context)
    try:
        yield receiver
    finally:
        receiver.close()
