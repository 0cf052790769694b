"""Operations on a remote server, through its REST interface: with the results and refusals of a database.

Who acts is whom the token stands for. Files are read and written where the command runs, and questions asked
there; relative times are those of the server's clock.
"""
from __future__ import annotations

import http.client
import ipaddress
import json
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from server import operations
from server.api import encoding, lists, values
from server.api.encoding import Encoded
from server.api.routes import Route, route_of
from server.errors import BadArgument, Refused
from server.operations import resulttypes
from server.operations.declaration import DRY_RUN, Operation

ATTEMPTS = 3  # where answers are lost
PAUSE_S = 1
TIMEOUT_S = 300  # for an answer; the server gives an operation less
JSON = "application/json"
_BAD_URL = "is not the URL of a server, such as https://counterpoise.example:8444"


class RemoteServer(NamedTuple):
    """A server: its URL, the text of a token, and the file of the authority of its certificate ("": those of
    the system)."""
    url: str
    token: str
    ca: str = ""


class Lost(Refused):
    """No answer has come, and nobody knows whether it was done."""


class Reply(NamedTuple):
    """An answer."""
    status: int
    body: bytes
    headers: Mapping[str, str]


def server_at(url: str, token: str, ca: str) -> RemoteServer:
    """Return a server. Refused where it has no such URL, or where the token could be read on the way."""
    parts = urlsplit(url)
    try:
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        known = False
    if not known or parts.query or parts.fragment or parts.username:
        raise Refused(400, f"--server: {url!r} {_BAD_URL}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise Refused(400, f"--server: by http the token could be read on the way to {parts.hostname}. "
                           "Use https")
    if not token:
        raise Refused(400, "--server needs a token: name its file by --token, or set COUNTERPOISE_TOKEN. An "
                           "administrator makes one: counterpoise token create")
    if not (token.isascii() and token.isprintable()):
        raise Refused(400, "--token: this has characters that no token has. Name the file that has it alone")
    return RemoteServer(url.rstrip("/"), token, ca)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def now(server: RemoteServer) -> int:
    """Return the time of the server's clock."""
    operation = operations.load("clock").operations["show"]
    return int(call(server, operation, {}, "")["time"])


def call(server: RemoteServer, operation: Operation, given: Mapping[str, Any], reason: str) -> Any:
    """Do an operation on a server whose question, if it asks one, was answered; return its result.

    BadArgument or Refused where it is refused. A list that the server gives by pages is read as it is used.
    """
    route = route_of(operation)
    written = {name: given[name] for name in route.written.values() if given.get(name) is not None}
    for argument in operation.arguments:
        if argument.kind is Path and argument.name not in route.written.values() and given.get(argument.name):
            raise BadArgument(argument.name, "files on the server's machine are for the command line there")
    sent = {argument.name: given[argument.name] for argument in operation.arguments
            if argument.kind is not Path and argument.name in given}
    headers = {encoding.REASON: reason} if reason and operation.changes else {}
    if operation.changes and not given.get(DRY_RUN):
        headers[encoding.KEY] = secrets.token_hex(16)
    beside = {encoding.YES: "true"} if operation.confirm else {}
    paging = {argument.name for argument in lists.paging(route)}
    if lists.LIMIT in paging:
        return _pages(server, route, sent)
    document = _document(_send(server, encoding.encoded(route, sent, beside), headers))
    if isinstance(document, dict) and document.keys() == {"items", "next"}:
        document = document["items"]
    result = values.from_json(document, operation.result)
    return _with_files(server, route, sent, written, result) if route.written else result


def _pages(server: RemoteServer, route: Route, sent: dict[str, Any]) -> Any:
    """A list by its pages: the first now, so that it is refused at once, the others as they are needed."""
    most = sent.pop(lists.LIMIT, None)

    def page(size: int, cursor: str) -> Any:
        beside = {lists.LIMIT: str(size), **({lists.CURSOR: cursor} if cursor else {})}
        return _document(_send(server, encoding.encoded(route, sent, beside), {}))

    def items(document: Any, left: float) -> Iterator[Any]:
        item = resulttypes.item(route.operation.result, [])
        while True:
            for value in document["items"]:
                yield values.from_json(value, item)
            left -= len(document["items"])
            if document["next"] is None or left <= 0:
                return
            document = page(int(min(lists.MOST, left)), document["next"])

    left = float("inf") if most is None else most
    found = items(page(int(min(lists.MOST, left)), ""), left)
    return list(found) if lists.is_declared(route.operation.result, list) else found


def _with_files(server: RemoteServer, route: Route, sent: Mapping[str, Any], written: Mapping[str, Path],
                result: Any) -> Any:
    """Write the files that are wanted; the result names them as the operation does, and no others."""
    for kind, name in route.written.items():
        if name in written:
            encoded = encoding.encoded(route, sent)
            written[name].write_bytes(_send(server, encoded, {"Accept": kind}).body)
    if not isinstance(result, dict):
        return result
    place = encoding.encoded(route, {argument.name: sent[argument.name] for argument in route.in_path}).href
    file = str(next(iter(written.values()), ""))
    named = {key: file if value == place else value for key, value in result.items()}
    return {key: value for key, value in named.items() if value or result[key] != place}


def _document(reply: Reply) -> Any:
    return json.loads(reply.body)


def _send(server: RemoteServer, request: Encoded, headers: Mapping[str, str]) -> Reply:
    """Send a request. Refused, as the server refuses it."""
    sent = {"Authorization": f"Bearer {server.token}", "Accept": JSON, **headers}
    if request.content_type:
        sent["Content-Type"] = request.content_type
    reply = _once(server, request, sent)
    if reply.status < 400:
        return reply
    try:
        problem = json.loads(reply.body)
        detail, argument = problem["detail"], problem.get("argument")
    except (ValueError, TypeError, KeyError):
        raise Refused(502, f"the server {server.url} has answered with {reply.status}, and not as "
                           "Counterpoise does: look whether --server is its operator interface") from None
    raise BadArgument(argument, detail) if argument else Refused(reply.status, detail)


def _once(server: RemoteServer, request: Encoded, headers: Mapping[str, str]) -> Reply:
    """Send a request; again where its answer was lost, since what only looks, or has a key, is not done
    twice. What the server is still doing is waited for."""
    until, attempts = time.monotonic() + TIMEOUT_S, ATTEMPTS
    while True:
        try:
            reply = exchange(server, request, headers)
        except Lost:
            attempts -= 1
            if not attempts or request.method != "GET" and encoding.KEY not in headers:
                raise
        else:
            is_doing = reply.status == 409 and "Retry-After" in reply.headers
            if not is_doing or time.monotonic() > until:
                return reply
        time.sleep(PAUSE_S)


# --- HTTP -----------------------------------------------------------------------------------------

_kept: dict[RemoteServer, http.client.HTTPConnection] = {}


def exchange(server: RemoteServer, request: Encoded, headers: Mapping[str, str]) -> Reply:
    """Send a request, and return the answer. Refused (503) where there is none."""
    encoded = {name: value.encode() for name, value in headers.items()}
    href = urlsplit(server.url).path + quote(request.href, safe="/?&=%+:;,@!$'()*~#")
    try:
        connection = _kept.get(server)
        if connection is None:
            connection = _kept[server] = _connected(server)
        connection.request(request.method, href, request.body or None, encoded)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), dict(answer.headers))
    except ssl.SSLCertVerificationError as error:
        raise Refused(503, f"the certificate of {server.url} is not trusted: {error.verify_message}. Name "
                           "its authority by --ca, or the server as the certificate does") from None
    except (OSError, http.client.HTTPException) as error:
        _kept.pop(server, None)
        lost = Refused if isinstance(error, (ConnectionRefusedError, socket.gaierror)) else Lost
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise lost(503, f"the server {server.url} does not answer: {reason}. Start it (counterpoise "
                           "console), or name another by --server") from None


def _connected(server: RemoteServer) -> http.client.HTTPConnection:
    parts = urlsplit(server.url)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        context = ssl.create_default_context(cafile=server.ca or None)
    except OSError as error:
        raise Refused(400, f"--ca: {server.ca} has no certificate that can be read: "
                           f"{error.strerror or error}. Name a PEM file") from None
    return http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=context)
