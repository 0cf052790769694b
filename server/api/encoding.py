"""A call of an operation as the request that makes it: what `requestvalues` reads. Pure."""
from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from server.api import values
from server.api.routes import ROOT, Route
from server.operations.declaration import Argument, UploadedFile

YES = "yes"  # beside the arguments: the answer to the question of an operation that asks first
REASON = "Audit-Reason"  # header: why, for the audit log, in UTF-8
KEY = "Idempotency-Key"  # header: a request with it is done once
_QUOTED = str.maketrans({'"': "%22", "\\": "%5C", "\r": "%0D", "\n": "%0A"})  # in names of files


class Encoded(NamedTuple):
    """A request: its method, its path with the query, the type of its body ("" for none) and the body."""
    method: str
    href: str
    content_type: str = ""
    body: bytes = b""


def encoded(route: Route, given: Mapping[str, Any], beside: Mapping[str, str] = values.NOTHING) -> Encoded:
    """Return the request for an operation with these values, and with these parameters of the interface."""
    path = route.path
    for argument in route.in_path:
        text, = texts(argument, given[argument.name])
        path = path.replace(f"{{{argument.name}}}", quote(text, safe=""))
    named = [(argument, given[argument.name]) for argument in route.others
             if not _is_default(argument, given.get(argument.name))]
    if route.in_query:
        pairs = [(argument.name, text) for argument, value in named for text in texts(argument, value)]
        query = urlencode([*pairs, *beside.items()])
        return Encoded(route.method, ROOT + path + (f"?{query}" if query else ""))
    href = ROOT + path + (f"?{urlencode(beside)}" if beside else "")
    if any(argument.kind is UploadedFile for argument, _ in named):
        boundary = secrets.token_hex(16)
        body = b"".join(_parts(named, boundary)) + f"--{boundary}--\r\n".encode()
        return Encoded(route.method, href, f"multipart/form-data; boundary={boundary}", body)
    document = {argument.name: json_value(argument, value) for argument, value in named}
    return Encoded(route.method, href, "application/json", json.dumps(document).encode())


def _is_default(argument: Argument, value: Any) -> bool:
    """Whether a value need not be sent."""
    return value is None or value == argument.default or argument.many and not argument.required and not value


def _parts(named: Iterable[tuple[Argument, Any]], boundary: str) -> Iterator[bytes]:
    for argument, value in named:
        begin = f'--{boundary}\r\nContent-Disposition: form-data; name="{argument.name}"'
        if argument.kind is UploadedFile:
            for file in value if argument.many else [value]:
                name = file.name.translate(_QUOTED)
                yield f'{begin}; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
                yield file.content + b"\r\n"
        else:
            for text in texts(argument, value):
                yield f"{begin}\r\n\r\n{text}\r\n".encode()


def texts(argument: Argument, value: Any) -> list[str]:
    """Return a value as the texts that a query or form has of it."""
    if argument.kind is dict:
        return [f"{name}={text}" for name, text in value.items()]
    if argument.many:
        return [_text(argument, item) for item in value]
    return [_text(argument, value)]


def _text(argument: Argument, value: Any) -> str:
    plain = json_value(argument, value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def json_value(argument: Argument, value: Any) -> Any:
    """Return a value as JSON has it."""
    if argument.kind is dict:
        return dict(value)
    if isinstance(value, (list, tuple)):
        return [json_value(argument, item) for item in value]
    if argument.unit == "instant":
        return values.instant_text(value)
    if isinstance(value, date):
        return value.isoformat()[:len("2026-11")] if argument.unit == "month" else value.isoformat()
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value
