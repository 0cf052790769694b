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
    """A transport with the certificate of this LFDI.

    `requests` are the methods and hrefs of all requests, in order. With `down` set every request is lost.
    """

    def __init__(self, application: Flask, lfdi: str):
        self._client = Client(application)
        self._environ = {identity.PEER: identity.Peer(lfdi, identity.sfdi(lfdi))}
        self.down = False
        self.requests: list[tuple[str, str]] = []

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        if self.down:
            raise ConnectionLost("the transport is down", True)
        self.requests.append((method, href))
        answer = self._client.open(
            href, method=method, data=body, headers=headers, environ_overrides=self._environ
        )
        fields = HTTPMessage()
        for name, value in answer.headers.items():
            fields[name] = value
        return HttpReply(answer.status_code, fields, answer.data)

    def close(self) -> None:
        """There is no connection to close."""

    def abort(self) -> None:
        """Do nothing: no thread waits here."""

    def connection(self) -> Connection:
        return Connection(self, clock.precise)

    def count(self, method: str, start: str = "") -> int:
        """Return how many requests had this method and an href that starts so."""
        return sum(1 for sent, href in self.requests if sent == method and href.startswith(start))
