"""One message to a webhook: signed as Standard Webhooks has it, sent to an address that was looked at.

The signature is the HMAC-SHA-256 of `ID.TIME.` and the body, with the secret as the key: the header
`webhook-signature` is `v1,` and its base64. The address that a name stands for is looked at before it is
connected to, and is the one that is connected to. Redirects are not followed.
"""
from __future__ import annotations

import base64
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from server.config import settings
from server.monitoring.undelivered import Undelivered
from server.notifications import addresses
from server.notifications.addresses import BadUri, Target

TIMEOUT_S = 15.0
GONE = 410  # who answers so wants no more


class HookGone(Undelivered):
    """The receiver wants nothing more."""


def fault(url: str) -> str:
    """Return why messages may not go to a URL; "" where nothing speaks against it before it is resolved."""
    try:
        target = addresses.target(url)
    except BadUri as error:
        return str(error)
    address = addresses.literal(target.host)
    if not target.tls and not _is_allowed(address):
        return "it has to be https: what is told is not for everybody on the way"
    return _address_fault(address) if address else ""


def _address_fault(address: str) -> str:
    if _is_allowed(address) or not addresses.special(address):
        return ""
    return (f"{address} is in {addresses.special(address)}, which is no receiver's; the setting "
            "webhook_networks may allow it")


def _is_allowed(address: str) -> bool:
    """Return whether the setting names a network with this address."""
    networks = [name.strip() for name in settings.webhook_networks.split(",") if name.strip()]
    return bool(address) and any(
        ipaddress.ip_address(address) in ipaddress.ip_network(name) for name in networks)


def timestamp() -> str:
    """Return the present time, as messages have it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def signature(secret: str, number: str, at: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`. Pure."""
    digest = hmac.digest(base64.b64decode(secret), f"{number}.{at}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def post(url: str, secret: str, number: str, document: Mapping[str, Any]) -> int:
    """Send a message (`number` is its id, the same when it is sent again) and return the status of the
    answer. Undelivered where it is not taken."""
    if why := fault(url):
        raise Undelivered(why)
    target, at = addresses.target(url), int(time.time())
    body = json.dumps(document, ensure_ascii=False).encode()
    connection = _connection(target)
    try:
        connection.request("POST", target.path, body, {
            "Content-Type": "application/json", "User-Agent": "Counterpoise",
            "webhook-id": number, "webhook-timestamp": str(at),
            "webhook-signature": signature(secret, number, at, body)})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Undelivered(f"{target.receiver}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if status == GONE:
        raise HookGone(f"{target.receiver} answers 410: it wants nothing more")
    if not 200 <= status < 300:
        raise Undelivered(f"{target.receiver} answers {status}")
    return status


def _connection(target: Target) -> http.client.HTTPConnection:
    """Return an open connection to an address of a receiver that messages may go to."""
    if target.tls:
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            target.host, target.port, timeout=TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT_S)
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        if why := _address_fault(address):
            raise Undelivered(f"{target.receiver}: {why}")
        sock = socket.create_connection((address, target.port), TIMEOUT_S)
        connection.sock = context.wrap_socket(sock, server_hostname=target.host) if target.tls else sock
    except OSError as error:
        raise Undelivered(f"{target.receiver}: {error}") from error
    return connection
