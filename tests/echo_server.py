"""An application that returns the request that it got, and can be delayed."""
from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from server.devices import identity
from server.protocol.message import Streamed

release = threading.Event()
ended = threading.Event()  # whether a stream was closed
PART_BYTES, STREAM_BYTES = 1 << 16, 1 << 24


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/hold":
        release.wait(60)
    if path == "/release":
        release.set()
    if path == "/fail":
        raise RuntimeError("requested failure")
    if path == "/split":
        start_response("200 OK", [("X-Evil", "a\r\nX-More: b")])
        return []
    if path == "/none":
        start_response("204 No Content", [])
        return []
    body = environ["wsgi.input"].read()
    request = {
        "peer": identity.peer_of(environ).lfdi,
        "method": environ["REQUEST_METHOD"],
        "path": path,
        "query": environ["QUERY_STRING"],
        "body": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "pid": os.getpid(),
        "scheme": environ["wsgi.url_scheme"],
        "remote": environ["REMOTE_ADDR"],
        "length": environ.get("CONTENT_LENGTH"),
        "headers": {
            key: value for key, value in environ.items() if key.startswith(("HTTP_", "CONTENT_TYPE"))
        },
    }
    text = json.dumps(request).encode()
    if path == "/big":
        text = b"x" * 3_000_000
    if path == "/stream":
        start_response("200 OK", [("Content-Length", str(STREAM_BYTES))])
        return Streamed((b"x" * PART_BYTES for _ in range(STREAM_BYTES // PART_BYTES)), ended.set)
    if path == "/broken":
        start_response("200 OK", [("Content-Length", str(STREAM_BYTES))])
        return Streamed(_broken(), ended.set)
    if path == "/ended":
        text = str(ended.is_set()).encode()
        ended.clear()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]


def _broken() -> Iterator[bytes]:
    yield b"x" * PART_BYTES
    raise ConnectionAbortedError("there is no more")
