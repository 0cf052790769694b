"""A transport to the application in this process; the clients' clock is the server's, which tests turn."""
from __future__ import annotations

from http.client import HTTPMessage

from flask import Flask

from clients.transport.connection import Connection
from clients.transport.mtls import ConnectionLost, HttpReply
from server import clock
from server.devices import identity
from tests.wsgi import Client


class InProcess:
    """A caller with this LFDI. `down` makes every request get lost; `asked` has what was asked, in order."""

    def __init__(self, application: Flask, lfdi: str):
        self._client = Client(application)
        self._environ = {identity.PEER: identity.Peer(lfdi, identity.sfdi(lfdi))}
        self.down = False
        self.asked: list[tuple[str, str]] = []

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        if self.down:
            raise ConnectionLost("the line is cut", True)
        self.asked.append((method, href))
        answer = self._client.open(
            href, method=method, data=body, headers=headers, environ_overrides=self._environ
        )
        said = HTTPMessage()
        for name, value in answer.headers.items():
            said[name] = value
        return HttpReply(answer.status_code, said, answer.data)

    def close(self) -> None:
        """There is no connection to close."""

    def abort(self) -> None:
        """Nobody waits here."""

    def connection(self) -> Connection:
        return Connection(self, clock.precise)

    def count(self, method: str, start: str = "") -> int:
        """How many requests of this method went to hrefs that start so."""
        return sum(1 for asked, href in self.asked if asked == method and href.startswith(start))
