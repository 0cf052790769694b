"""Clients of the device interface for tests, in this process."""
from __future__ import annotations

from typing import Any, NamedTuple

from server.devices import identity
from server.resources import codec
from server.resources.variants import WHOLE
from tests.wsgi import Client


class Reply(NamedTuple):
    """An answer: its status, headers and body, and the name and data of its document, if it has one."""
    status: int
    name: str
    data: dict[str, Any]
    headers: Any
    body: bytes

    @property
    def location(self) -> str:
        return self.headers["Location"]

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


class Peer:
    """A client with the certificate of this LFDI."""

    def __init__(self, client: Client, lfdi: str):
        self.client, self.lfdi = client, lfdi
        self.environ = {identity.PEER: identity.Peer(lfdi, identity.sfdi(lfdi))}

    def request(self, method: str, href: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request; header names are written with `_` for `-`."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            fields.setdefault("Content-Type", "application/sep+xml")
        answer = self.client.open(
            href, method=method, data=body, headers=fields, environ_overrides=self.environ
        )
        name, data = codec.decode(answer.data) if answer.data and method != "HEAD" else ("", {})
        return Reply(answer.status_code, name, data, answer.headers, answer.data)

    def get(self, href: str, **headers: str) -> Reply:
        return self.request("GET", href, **headers)

    def put(self, href: str, name: str, data: dict[str, Any], **headers: str) -> Reply:
        return self.request("PUT", href, codec.encode(name, data, WHOLE), **headers)

    def post(self, href: str, name: str, data: dict[str, Any], **headers: str) -> Reply:
        return self.request("POST", href, codec.encode(name, data, WHOLE), **headers)

    def delete(self, href: str, **headers: str) -> Reply:
        return self.request("DELETE", href, **headers)


def lfdi(number: int) -> str:
    """Return an LFDI for tests, the same for the same number."""
    return identity.lfdi(number.to_bytes(8, "big"))
