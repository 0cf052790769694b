"""HTTP messages: from bytes to a WSGI environ, and from an application's answer to bytes. No I/O.

gunicorn's parser reads the request (RFC 9112, with protection against request smuggling). This module limits
its size and makes the environ.
"""
from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from gunicorn.asgi.parser import ParseError, PythonProtocol

from server.resources.codes import ReasonCode

LIMITS = {"limit_request_line": 4096, "limit_request_fields": 64, "limit_request_field_size": 8190}

REPEATED_BYTES = 512
"""The longest request that is kept parsed."""

STATUS_OF_ERROR = {"LimitRequestLine": 414, "LimitRequestHeaders": 431, "UnsupportedTransferCoding": 501}
"""The HTTP status for an exception of the parser; 400 for all others."""

ENVIRON: dict[str, Any] = {
    "SCRIPT_NAME": "", "wsgi.version": (1, 0), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
    "wsgi.multiprocess": True, "wsgi.run_once": False, "wsgi.input_terminated": True,
}
_WITHOUT_PREFIX = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Unacceptable(Exception):
    """A request that is answered with `status` without the application, after which the connection ends."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


class HttpRequest(NamedTuple):
    """A complete request: its own part of the WSGI environ, its body, whether the client wants to keep the
    connection, and the bytes that have arrived after it."""
    environ: dict[str, Any]
    body: bytes
    keep: bool
    rest: bytes

    def environ_on(self, of_connection: dict[str, Any]) -> dict[str, Any]:
        """Return the whole WSGI environ, made from that of the connection."""
        return {**of_connection, **self.environ, "wsgi.input": io.BytesIO(self.body)}


@lru_cache(maxsize=2048)
def repeated(data: bytes, max_body_bytes: int) -> HttpRequest | None:
    """Return the request without a body that these bytes are, None where they are none or more than one.

    The same bytes are the same request. Devices repeat a few for ever, and many devices the same ones, so
    most are parsed once only. May raise Unacceptable.
    """
    request = Incoming(max_body_bytes).feed(data)
    return request if request and not request.body and not request.rest else None


def is_repeatable(data: bytes) -> bool:
    """Return whether bytes may be a request that is kept by `repeated`."""
    return len(data) <= REPEATED_BYTES and data.startswith(b"GET ") and data.endswith(b"\r\n\r\n")


class Incoming:
    """One request, whose bytes arrive in parts."""

    def __init__(self, max_body_bytes: int):
        self.max_body_bytes = max_body_bytes
        self.has_header = False
        self.body: list[bytes] = []
        self.size = 0
        self.parser = PythonProtocol(on_headers_complete=self._on_header, on_body=self._on_body, **LIMITS)

    def feed(self, data: bytes) -> HttpRequest | None:
        """Parse some more bytes; return the request once it is complete. May raise Unacceptable."""
        try:
            self.parser.feed(data)
        except ParseError as error:
            raise Unacceptable(STATUS_OF_ERROR.get(type(error).__name__, 400)) from None
        except ValueError:  # a Content-Length with more digits than Python converts
            raise Unacceptable(400) from None
        if not self.parser.is_complete:
            return None
        return HttpRequest(self._environ(), b"".join(self.body), self.parser.should_keep_alive,
                       self.parser.remaining())

    def _on_header(self) -> bool:
        self.has_header = True
        headers = dict(self.parser.headers)
        if self.parser.http_version >= (1, 1) and b"host" not in headers:
            raise Unacceptable(400)  # RFC 9112, 3.2
        if headers.get(b"transfer-encoding", b"chunked").lower() not in (b"chunked", b"identity"):
            raise Unacceptable(501)  # the parser accepts gzip, and would hand over the body as it came
        if (self.parser.content_length or 0) > self.max_body_bytes:
            raise Unacceptable(413)
        return False

    def _on_body(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self.max_body_bytes:
            raise Unacceptable(413)
        self.body.append(data)

    def expects_continue(self) -> bool:
        """Return whether the client waits for 100 Continue before it sends the body (RFC 9110, 10.1.1)."""
        if not self.has_header or self.body or self.parser.http_version < (1, 1):
            return False
        return any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in self.parser.headers
        )

    def _environ(self) -> dict[str, Any]:
        """Return what the complete request adds to the environ of its connection, save the body."""
        parser = self.parser
        target = parser.path.decode("latin-1")
        path, query = split_target(target)
        environ = {
            "REQUEST_METHOD": parser.method.decode("latin-1"),
            "SERVER_PROTOCOL": "HTTP/%d.%d" % parser.http_version,
            "RAW_URI": target,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
            "QUERY_STRING": query,
        }
        for name, value in parser.headers:
            key = environ_key(name)
            if key in environ and key.startswith("HTTP_"):
                environ[key] += "," + value.decode("latin-1")
            elif key:
                environ[key] = value.decode("latin-1")
        if parser.is_chunked:
            environ["CONTENT_LENGTH"] = str(self.size)
        return environ


@lru_cache(maxsize=1024)
def environ_key(name: bytes) -> str:
    """Return the key of a header in the environ: CONTENT_TYPE, HTTP_ACCEPT.

    Empty for a name with an underscore, which would get the key of the one with a hyphen.
    """
    text = name.decode("latin-1")
    return "" if "_" in text else _WITHOUT_PREFIX.get(text) or "HTTP_" + text.upper().replace("-", "_")


def split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target (RFC 9112, 3.2). Unacceptable if it has no path."""
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise Unacceptable(400) from None
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise Unacceptable(400)
        return parts.path or "/", parts.query
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


class Streamed:
    """The body of an answer, in parts that are made while it is sent. `close`, which has to be called, tells
    `done` once that nothing more is sent."""

    def __init__(self, parts: Iterator[bytes], done: Callable[[], None]):
        self._parts, self._done = parts, done
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """End it, whether all was sent or not."""
        if not self._closed:
            self._closed = True
            self._done()


class Outgoing:
    """One answer of the application."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def start(self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> Any:
        """Take status and headers: WSGI's start_response (PEP 3333).

        It may be called again after an error, since nothing has been sent yet.
        """
        if self.status and not exc_info:
            raise AssertionError("start_response called twice")
        self.status, self.headers = status, list(headers)
        return self.written.append

    def encode(self, parts: Iterable[bytes], method: str, keep: bool) -> bytes:
        """Return the bytes of the answer: with one Content-Length, and no body where there must be none
        (RFC 9110, 6.4.1). `keep` says whether the connection stays open.

        ValueError for a header with a line break.
        """
        body = b"".join([*self.written, *parts])
        code = self.status[:3]
        lines = [f"HTTP/1.1 {self.status}", http_date(int(time.time()))]
        length = None
        for name, value in self.headers:
            if name.lower() == "content-length":
                length = value
            elif name.lower() not in ("connection", "transfer-encoding", "date"):
                lines.append(f"{name}: {value}")
        if code != "204":
            # for a HEAD, a 304 or a stream the application may state the length without giving a body
            lines.append(f"Content-Length: {length if length and not body else len(body)}")
        lines.append("Connection: keep-alive\r\n\r\n" if keep else "Connection: close\r\n\r\n")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
            raise ValueError("a line break in a header")
        return head.encode("latin-1") + (b"" if method == "HEAD" or code in ("204", "304") else body)


@lru_cache(maxsize=2)
def http_date(second: int) -> str:
    """Return the header line Date of this second (UTC)."""
    return "Date: " + formatdate(second, usegmt=True)


REASON_CODES = {
    **dict.fromkeys((400, 406, 411, 415), ReasonCode.FORMAT),
    **dict.fromkeys((408, 413, 414, 431, 500, 503), ReasonCode.LIMIT),
    429: ReasonCode.TOO_OFTEN,
}
"""The reason code of an Error by its HTTP status."""


def error(
    status: int, method: str = "", keep: bool = False, headers: Iterable[tuple[str, str]] = ()
) -> bytes:
    """Return the answer to a request that does not reach the application. `keep` says whether the connection
    stays open."""
    answer = Outgoing()
    answer.start(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "application/sep+xml"), *headers])
    code = REASON_CODES.get(status, ReasonCode.FORMAT)  # other statuses are refusals of a message's form
    body = f'<Error xmlns="urn:ieee:std:2030.5:ns"><reasonCode>{code}</reasonCode></Error>'
    return answer.encode([body.encode()], method, keep)
