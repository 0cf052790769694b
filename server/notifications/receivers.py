"""Connections to receivers of notifications: mutual TLS with our own certificate, and one POST after another.

TLS is 1.2 with the suites of the standard (IEEE 2030.5-2018, 6.4, 6.7), by Python's ssl: rules of our own for
the certificate are not needed in the handshake here, and asyncio speaks it. The certificate of a receiver is
one of the authorities that devices have, and not revoked; devices have no names that could be compared.
"""
from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from server.config import settings
from server.config.checks import authority
from server.devices.revocation import Revocations, certificate_id
from server.notifications import addresses
from server.notifications.addresses import Target
from server.notifications.representation import Notice

ANSWER_BYTES = 4096  # of an answer, its header included
ANSWER_S = 10.0  # for connecting and for the answer
CONNECT_S = 5.0  # for one address
SUITES = ("ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:@SECLEVEL=0")
_END = b"\r\n\r\n"


class NotReached(Exception):
    """A receiver could not be connected to, or gave no answer. The message says why."""


class NotAllowed(NotReached):
    """All addresses of a receiver are such that notifications may not go there."""


class ClientCredentials(NamedTuple):
    """What connections are opened with."""
    context: ssl.SSLContext
    revocations: Revocations
    state: tuple[tuple[str, int], ...]


def credentials(last: ClientCredentials | None = None) -> ClientCredentials:
    """Return the credentials of the settings: the last ones, unless a file has changed since.

    OSError or ValueError (ssl.SSLError is an OSError) where a file cannot be used.
    """
    files = (settings.certificate, settings.key, settings.client_ca)
    state = tuple((str(file), Path(file).stat().st_mtime_ns) for file in files)
    if last is not None and last.state == state:
        last.revocations.refresh()
        return last
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.set_ecdh_curve("prime256v1")
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_STRICT
    context.load_cert_chain(settings.certificate, settings.key)
    context.load_verify_locations(settings.client_ca)
    return ClientCredentials(context, Revocations(settings.crl, settings.client_ca), state)


class ReceiverConnection:
    """An open connection. It is `reusable` after an answer unless one of the two sides ends it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer
        self.reusable = True

    async def post(self, target: Target, notice: Notice) -> int:
        """Post a notification and return the status of the answer. NotReached where there is none."""
        self.reusable = False
        host = authority(target.host, target.port)
        head = (f"POST {target.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {notice.media_type}\r\n"
                f"Content-Length: {len(notice.body)}\r\n\r\n")
        try:
            async with asyncio.timeout(ANSWER_S):
                self._writer.write(head.encode("ascii") + notice.body)
                await self._writer.drain()
                return await self._answer()
        except TimeoutError:
            raise NotReached(f"no answer within {ANSWER_S:.0f} s") from None
        except asyncio.IncompleteReadError:
            raise NotReached("it closed the connection without an answer") from None
        except (asyncio.LimitOverrunError, ValueError):
            raise NotReached(f"its answer is not HTTP, or longer than {ANSWER_BYTES} bytes") from None
        except OSError as error:
            raise NotReached(f"the connection broke: {error}") from None

    async def _answer(self) -> int:
        while True:
            header = await self._reader.readuntil(_END)
            first, *lines = header.decode("latin-1").split("\r\n")
            protocol, _, rest = first.partition(" ")
            status = int(rest[:3])
            if not protocol.startswith("HTTP/1.") or not 100 <= status < 600:
                raise ValueError(first)
            if status >= 200:
                break
        fields = {name.strip().lower(): value.strip().lower()
                  for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if status in (204, 304) else fields.get("content-length", "")
        if protocol == "HTTP/1.1" and fields.get("connection") != "close" and str(length).isdigit() and (
                "transfer-encoding" not in fields and int(length) <= ANSWER_BYTES - len(header)):
            await self._reader.readexactly(int(length))
            self.reusable = True
        return status

    def close(self) -> None:
        """Close it, without waiting for the receiver to close it as well."""
        self._writer.transport.abort()


async def connect(target: Target, own_address: str, used: ClientCredentials) -> ReceiverConnection:
    """Connect to a receiver of a subscriber with this address ("" for unknown). NotReached where that fails.

    The name is resolved here, and each address is checked: an earlier check is of an earlier answer.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            found = await _resolve(target)
            faults = {address: addresses.fault(address, own_address) for address in found}
            allowed = [address for address, fault in faults.items() if not fault]
            if not allowed:
                raise NotAllowed(next(iter(faults.values()), f"{target.host} has no address"))
            return await _open(target, allowed, used)
    except TimeoutError:
        raise NotReached(f"no connection within {ANSWER_S:.0f} s") from None


async def _resolve(target: Target) -> list[str]:
    address = addresses.literal(target.host)
    if address:
        return [address]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port,
                                                             type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached(f"{target.host} cannot be resolved: {error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _open(target: Target, allowed: list[str], used: ClientCredentials) -> ReceiverConnection:
    """Connect to the first address that answers."""
    fault: Exception | None = None
    for address in allowed:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(
                    address, target.port, limit=ANSWER_BYTES, ssl=used.context if target.tls else None,
                    server_hostname=target.host if target.tls else None)
        except (OSError, ValueError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            fault = error
            continue
        if target.tls and _is_revoked(writer, used):
            writer.transport.abort()
            raise NotReached(f"{target.receiver} has a certificate that is revoked")
        return ReceiverConnection(reader, writer)
    raise NotReached(f"{target.receiver} cannot be connected to: "
                     f"{fault or f'no answer within {CONNECT_S:.0f} s'}")


def _is_revoked(writer: asyncio.StreamWriter, used: ClientCredentials) -> bool:
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return certificate_id(x509.load_der_x509_certificate(der)) in used.revocations
