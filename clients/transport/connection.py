"""A server as a client sees it: sep+xml out, sep+xml in, with what was read remembered by its ETag.

It never sleeps. Where the server cannot be reached or asks to be left alone, it says when to come again
(`Unreachable.until`) and holds its tongue until then, so one thread can look after many connections.
"""
from __future__ import annotations

import email.utils
import http.client
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from clients.transport.mtls import ConnectionLost, HttpReply, Transport
from server.errors import Refused
from server.resources import codec

MEDIA_TYPE = "application/sep+xml"
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
MAX_CACHED_REPLIES = 400


class ConnectionFault(Exception):
    """A request did not do what it was for; `method` and `href` say which."""

    def __init__(self, method: str, href: str, why: str):
        super().__init__(method, href, why)
        self.method, self.href, self.why = method, href, why

    def __str__(self) -> str:
        return f"{self.method} {self.href}: {self.why}"


class Refusal(ConnectionFault):
    """The server answered with an error: `status`, and the `<Error>` it sent (None where it sent none)."""

    def __init__(
        self, method: str, href: str, status: int, error: dict[str, Any] | None = None, words: str = ""
    ):
        said = f", reasonCode {error['reasonCode']}" if error and "reasonCode" in error else ""
        super().__init__(
            method, href, f"{status} {http.client.responses.get(status, '')}{said} {words}".rstrip()
        )
        self.status, self.error = status, error


class Unreachable(ConnectionFault):
    """No answer, or 503: come again at `until` (seconds of the connection's clock). Nothing is known to be
    done."""

    def __init__(self, method: str, href: str, why: str, until: float):
        super().__init__(method, href, why)
        self.until = until


class Unanswered(Unreachable):
    """A POST was sent and its answer lost: the server may or may not have done it."""


class Reply(NamedTuple):
    """What came back: status, Location if any, the element's name and its data ("" and {} for an empty
    body)."""
    status: int
    location: str | None
    name: str
    data: dict[str, Any]


def retry_delay_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling from FIRST_DELAY up to LONGEST_DELAY."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (min(failures, 16) - 1))


def retry_after_s(value: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3: a number or a date); 0 where it says
    nothing."""
    if not value:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return 0.0


class Connection:
    """Requests over one transport. `clock` gives seconds."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.time):
        self._transport, self._clock = transport, clock
        self._failures, self._until = 0, 0.0
        self._seen: OrderedDict[str, tuple[str, Reply]] = OrderedDict()

    def close(self) -> None:
        """Let the transport's socket go."""
        self._transport.close()

    def abort(self) -> None:
        """End for good what another thread waits for."""
        self._transport.abort()

    def get(self, href: str) -> Reply:
        """GET; a representation that has not changed since is answered from memory (If-None-Match)."""
        return self.request("GET", href)

    def put(self, href: str, name: str, data: dict[str, Any]) -> Reply:
        """PUT an element with this name."""
        return self.request("PUT", href, codec.encode(name, data))

    def post(self, href: str, name: str, data: dict[str, Any]) -> Reply:
        """POST an element. When the answer is lost it is not repeated: `Unanswered` leaves that to who
        knows."""
        return self.request("POST", href, codec.encode(name, data))

    def delete(self, href: str) -> Reply:
        """DELETE."""
        return self.request("DELETE", href)

    def request(self, method: str, href: str, body: bytes | None = None) -> Reply:
        """One request and its answer; raises Refusal, Unreachable or Unanswered."""
        now = self._clock()
        if now < self._until:
            raise Unreachable(method, href, f"not before {self._until - now:.0f} s from now", self._until)
        headers = {"Accept": MEDIA_TYPE}
        if body is not None:
            headers["Content-Type"] = MEDIA_TYPE
        known = self._seen.get(href) if method == "GET" else None
        if known:
            headers["If-None-Match"] = known[0]
        try:
            reply = self._transport.exchange(method, href, body, headers)
        except ConnectionLost as lost:
            kind = Unanswered if lost.sent and method == "POST" else Unreachable
            raise kind(method, href, str(lost), self._hold()) from lost
        if reply.status == 503:
            asked = retry_after_s(reply.headers.get("Retry-After"), now)
            raise Unreachable(method, href, "503 Service Unavailable", self._hold(asked))
        self._failures = 0
        if reply.status == 304 and known:
            self._seen.move_to_end(href)
            return known[1]
        answer = _answer(method, href, reply)
        tag = reply.headers.get("ETag")
        if method == "GET" and tag:
            self._seen[href] = tag, answer
            if len(self._seen) > MAX_CACHED_REPLIES:
                self._seen.popitem(last=False)
        return answer

    def _hold(self, asked: float = 0.0) -> float:
        self._failures += 1
        self._until = self._clock() + (asked or retry_delay_s(self._failures))
        return self._until


def _answer(method: str, href: str, reply: HttpReply) -> Reply:
    """What a reply says; Refusal where it is an error, or cannot be understood."""
    name = ""
    data: dict[str, Any] = {}
    if reply.body and reply.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
        try:
            name, data = codec.decode(reply.body)
        except Refused as invalid:
            raise Refusal(method, href, reply.status, None, f"with an invalid body: {invalid}") from invalid
    if reply.status >= 300:
        words = "" if name else reply.body[:120].decode("utf-8", "replace")
        raise Refusal(method, href, reply.status, data if name == "Error" else None, words)
    return Reply(reply.status, reply.headers.get("Location"), name, data)
