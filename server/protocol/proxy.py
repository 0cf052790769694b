"""Proxies that end TLS and send the client's certificate in a header.

The header is accepted from the configured proxies only, and the certificate is verified here as well. Proxies
do not pass chains on, so `client_ca` has to contain the issuing authorities between device and root too
(deploy/nginx.conf).
"""
from __future__ import annotations

import ipaddress
import time
from functools import lru_cache
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server.devices.identity import Peer, peer
from server.devices.trust import Authorities, Untrusted

RECHECK_S = 3600
"""How long a certificate that was verified is accepted without verifying it again; it may have expired."""


class Proxies:
    """The proxies whose header is accepted, and the authorities for the certificates in it."""

    def __init__(self, addresses: str, authorities: Authorities):
        """`addresses` are addresses or networks, separated by commas; ValueError for anything else."""
        self.networks = [ipaddress.ip_network(text.strip()) for text in addresses.split(",") if text.strip()]
        self.authorities = authorities
        self._verified = lru_cache(maxsize=4096)(self._verify)

    def __contains__(self, address: str) -> bool:
        """Return whether this is the address of a configured proxy."""
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self.networks)

    def peer(self, header: str) -> Peer:
        """Return the holder of the certificate in a header (PEM, percent-encoded, as nginx's
        `$ssl_client_escaped_cert`). Untrusted if it is none, or one that is not accepted."""
        return self._verified(header, int(time.time()) // RECHECK_S)

    def _verify(self, header: str, period: int) -> Peer:
        try:
            # exactly one: of two, one would come from the client, which has sent the header itself
            certificate, = x509.load_pem_x509_certificates(unquote(header).encode())
        except ValueError:
            raise Untrusted("the header is not a certificate") from None
        der = certificate.public_bytes(Encoding.DER)
        self.authorities.verify(der)
        return peer(der)
