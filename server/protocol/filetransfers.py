"""The bytes of Files over HTTP: whole or a range, checked by their digest, some at a time.

A device that loads a File (IEEE 2030.5-2018, 9.8) asks its fileURI for ranges (RFC 9110, 14), of which one at
a time is answered. The bytes never change: the ETag is their SHA-256, so that a load which was interrupted
goes on with If-Range, and Repr-Digest (RFC 9530) has the same digest for who checks it. They are read from
the database a part at a time, as fast as the device takes them. Of transfers of more than a part there are
`file_transfers` at once in each worker process; others are asked to come again.
"""
from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from server.config import settings
from server.devices import access
from server.devices.access import Caller
from server.errors import Refused
from server.models import Device, FileContent, discard_connection
from server.models.unavailable import DATABASE_ERRORS
from server.protocol.answers import Answer
from server.protocol.message import Streamed
from server.resources import filecontents, retrieve
from server.resources.filecontents import PART_BYTES
from server.units import Href

RETRY_AFTER_S = 30
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


class Transfers:
    """Counts the transfers of a process."""

    def __init__(self) -> None:
        self.lock, self.count = threading.Lock(), 0

    def enter(self) -> None:
        """Count one more. Refused (503) where there are as many as there may be."""
        with self.lock:
            if self.count >= settings.file_transfers:
                raise Refused(503, "as many files are loaded as can be at a time",
                              Retry_After=str(RETRY_AFTER_S))
            self.count += 1

    def leave(self) -> None:
        """Count one less."""
        with self.lock:
            self.count -= 1


transfers = Transfers()


class ByteRange(NamedTuple):
    """A range of bytes, `end` excluded."""
    begin: int
    end: int


def respond(file: Href, caller: Caller, environ: Mapping[str, Any]) -> Answer:
    """Return the answer to a GET or HEAD for the bytes of a File. Refused (403, 404, 405, 416, 503)."""
    method = environ["REQUEST_METHOD"].upper()
    if caller.state == Device.SUSPENDED:
        raise Refused(403, "this device is suspended")
    if not caller.enrolled or not retrieve.visible(file, caller.lfdi):
        raise Refused(404, access.NOT_THERE)
    if method not in access.SAFE:
        raise Refused(405, f"{method} is not for the bytes of a File", Allow="GET, HEAD")
    stored = filecontents.of(file)
    if stored is None:
        raise Refused(404, access.NOT_THERE)
    etag = f'"{stored.sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Repr-Digest": _digest(stored.sha256)}
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    if known == "*" or etag in known:
        return Answer(304, headers)
    headers["Content-Type"] = "application/octet-stream"
    span = _span(environ, etag, stored.size) if method == "GET" else None
    status, sent = (200, ByteRange(0, stored.size)) if span is None else (206, span)
    if span is not None:
        headers["Content-Range"] = f"bytes {span.begin}-{span.end - 1}/{stored.size}"
    headers["Content-Length"] = str(sent.end - sent.begin)
    if method == "HEAD":
        return Answer(status, headers)
    if sent.end - sent.begin <= PART_BYTES:
        return Answer(status, headers, b"".join(_bytes(stored, sent)))
    transfers.enter()
    return Answer(status, headers, stream=Streamed(_bytes(stored, sent), transfers.leave))


def _digest(sha256: str) -> str:
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def _span(environ: Mapping[str, Any], etag: str, size: int) -> ByteRange | None:
    """Return the one range that is asked for; None where the whole is (RFC 9110, 14.2): several ranges, other
    units and what has no sense are left unheeded, as is a range of bytes that are not those any more.

    Refused (416) where it begins beyond the end.
    """
    asked = _RANGE.fullmatch(environ.get("HTTP_RANGE", "").replace(" ", ""))
    if asked is None or environ.get("HTTP_IF_RANGE", etag).strip() != etag or asked[1] == asked[2] == "":
        return None
    if not asked[1]:
        begin, end = max(size - int(asked[2]), 0), size
    else:
        begin, end = int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size
        if asked[2] and int(asked[2]) < begin:
            return None
    if begin >= size:
        raise Refused(416, f"there are {size} bytes", Content_Range=f"bytes */{size}")
    return ByteRange(begin, end)


def _bytes(stored: FileContent, span: ByteRange) -> Iterator[bytes]:
    """Yield bytes of a file, part by part. ConnectionAbortedError where they are there no more, so that the
    device sees that it has not got all."""
    for number in range(span.begin // PART_BYTES, -(-span.end // PART_BYTES)):
        first = number * PART_BYTES
        try:
            data = filecontents.part(stored.id, number)
        except DATABASE_ERRORS as error:
            discard_connection()
            raise ConnectionAbortedError(f"{stored.href} could not be read on: {error}") from None
        if data is None:
            raise ConnectionAbortedError(f"{stored.href} is withdrawn")
        yield data[max(span.begin - first, 0):span.end - first]
