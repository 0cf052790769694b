"""Requests of a client: sep+xml out, sep+xml in, with replies cached by their ETag.

A connection never sleeps. Where the server cannot be reached or answers 503, a request raises `Unreachable`
with the time at which to try again, and until then every request does so at once. So one thread can serve
many connections.
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
ACCEPTED = f"{MEDIA_TYPE}; level=+S1"  # CSIP-AUS between the elements of 2018 (IEEE 2030.5-2018, 5.7.2)
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
MAX_CACHED_REPLIES = 400


class ConnectionFault(Exception):
    """A request failed; `method` and `href` say which, `reason` why."""

    def __init__(self, method: str, href: str, reason: str):
        super().__init__(method, href, reason)
        self.method, self.href, self.reason = method, href, reason

    def __str__(self) -> str:
        return f"{self.method} {self.href}: {self.reason}"


class Refusal(ConnectionFault):
    """The server answered with an error: `status`, and its `<Error>` (None for an answer without one)."""

    def __init__(
        self, method: str, href: str, status: int, error: dict[str, Any] | None = None, detail: str = ""
    ):
        code = f", reasonCode {error['reasonCode']}" if error and "reasonCode" in error else ""
        phrase = http.client.responses.get(status, "")
        super().__init__(method, href, f"{status} {phrase}{code} {detail}".rstrip())
        self.status, self.error = status, error


class Unreachable(ConnectionFault):
    """There was no answer, or 503. Try again at `until` (seconds of the connection's clock)."""

    def __init__(self, method: str, href: str, reason: str, until: float):
        super().__init__(method, href, reason)
        self.until = until


class Busy(ConnectionFault):
    """The server has no time for this request: try it again after `delay_s`. Others are not concerned."""

    def __init__(self, href: str, delay_s: float):
        super().__init__("GET", href, "503 Service Unavailable")
        self.delay_s = delay_s


class Unanswered(Unreachable):
    """A POST was sent and its answer lost: the server may or may not have carried it out."""


class Reply(NamedTuple):
    """An answer: its status, its Location if any, and the name and data of the element in its body ("" and {}
    for an empty body)."""
    status: int
    location: str | None
    name: str
    data: dict[str, Any]


def retry_delay_s(failures: int) -> float:
    """Return the delay after so many failures in a row: from FIRST_DELAY_S, doubled up to LONGEST_DELAY_S."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (min(failures, 16) - 1))


def retry_after_s(value: str | None, now: float) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110 10.2.3: a number or a date).

    A missing or invalid header gives 0.
    """
    if not value:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return 0.0


class Connection:
    """Requests over one transport. `clock` returns seconds."""

    def __init__(self, transport: Transport, clock: Callable[[], float] = time.time):
        self._transport, self._clock = transport, clock
        self._failures, self._retry_at = 0, 0.0
        # ETag and reply by href, the one used last at the end
        self._cache: OrderedDict[str, tuple[str, Reply]] = OrderedDict()

    def close(self) -> None:
        """Close the transport's socket."""
        self._transport.close()

    def abort(self) -> None:
        """End for good the request that another thread waits for."""
        self._transport.abort()

    def get(self, href: str) -> Reply:
        """GET; a representation that has not changed since is taken from the cache (If-None-Match)."""
        return self.request("GET", href)

    def load(self, href: str, headers: dict[str, str]) -> HttpReply:
        """GET bytes that are no document; raises Refusal, Unreachable or Busy."""
        self._check_retry("GET", href)
        try:
            answer = self._transport.exchange("GET", href, None, headers)
        except ConnectionLost as lost:
            raise Unreachable("GET", href, str(lost), self._back_off()) from lost
        self._failures = 0
        if answer.status == 503:
            delay_s = retry_after_s(answer.headers.get("Retry-After"), self._clock())
            raise Busy(href, delay_s or FIRST_DELAY_S)
        if answer.status >= 300:
            raise Refusal("GET", href, answer.status)
        return answer

    def put(self, href: str, name: str, data: dict[str, Any]) -> Reply:
        """PUT an element with this name."""
        return self.request("PUT", href, codec.encode(name, data))

    def post(self, href: str, name: str, data: dict[str, Any]) -> Reply:
        """POST an element.

        When the answer is lost, the request is not repeated: `Unanswered` leaves that to the caller.
        """
        return self.request("POST", href, codec.encode(name, data))

    def delete(self, href: str) -> Reply:
        """DELETE."""
        return self.request("DELETE", href)

    def request(self, method: str, href: str, body: bytes | None = None) -> Reply:
        """Send a request and return its answer; raises Refusal, Unreachable or Unanswered."""
        now = self._check_retry(method, href)
        headers = {"Accept": ACCEPTED}
        if body is not None:
            headers["Content-Type"] = MEDIA_TYPE
        cached = self._cache.get(href) if method == "GET" else None
        if cached:
            headers["If-None-Match"] = cached[0]
        try:
            answer = self._transport.exchange(method, href, body, headers)
        except ConnectionLost as lost:
            fault = Unanswered if lost.sent and method == "POST" else Unreachable
            raise fault(method, href, str(lost), self._back_off()) from lost
        if answer.status == 503:
            delay_s = retry_after_s(answer.headers.get("Retry-After"), now)
            raise Unreachable(method, href, "503 Service Unavailable", self._back_off(delay_s))
        self._failures = 0
        if answer.status == 304 and cached:
            self._cache.move_to_end(href)
            return cached[1]
        reply = _parse(method, href, answer)
        etag = answer.headers.get("ETag")
        if method == "GET" and etag:
            self._store(href, etag, reply)
        return reply

    def _check_retry(self, method: str, href: str) -> float:
        """Return the time; raises Unreachable while nothing is to be sent."""
        now = self._clock()
        if now < self._retry_at:
            reason = f"not before {self._retry_at - now:.0f} s from now"
            raise Unreachable(method, href, reason, self._retry_at)
        return now

    def _store(self, href: str, etag: str, reply: Reply) -> None:
        self._cache[href] = etag, reply
        if len(self._cache) > MAX_CACHED_REPLIES:
            self._cache.popitem(last=False)

    def _back_off(self, delay_s: float = 0.0) -> float:
        """Send nothing for `delay_s`, or, without it, longer with each failure; return until when."""
        self._failures += 1
        self._retry_at = self._clock() + (delay_s or retry_delay_s(self._failures))
        return self._retry_at


def _parse(method: str, href: str, answer: HttpReply) -> Reply:
    """Return an answer with its body parsed; raises Refusal where it is an error or invalid."""
    name = ""
    data: dict[str, Any] = {}
    if answer.body and answer.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
        try:
            name, data = codec.decode(answer.body)
        except Refused as invalid:
            detail = f"with an invalid body: {invalid}"
            raise Refusal(method, href, answer.status, None, detail) from invalid
    if answer.status >= 300:
        detail = "" if name else answer.body[:120].decode("utf-8", "replace")
        raise Refusal(method, href, answer.status, data if name == "Error" else None, detail)
    return Reply(answer.status, answer.headers.get("Location"), name, data)
