"""Behind a proxy that ends TLS: the caller's certificate comes in a header.

It is believed from the configured proxies alone and verified here all the same. Chains are not handed on, so
the issuing authorities between device and root belong into `client_ca` in this case (deploy/nginx.conf).
"""
from __future__ import annotations

import ipaddress
import time
from functools import lru_cache
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server.devices.identity import Peer, peer
from server.protocol.trust import Authorities, Untrusted

AN_HOUR = 3600
"""Seconds after which a certificate that was found good is looked at again: it may have expired."""


class Proxies:
    """The proxies that may speak for others."""

    def __init__(self, addresses: str, authorities: Authorities):
        """Addresses or networks, comma separated; ValueError for anything else."""
        self.networks = [ipaddress.ip_network(one.strip()) for one in addresses.split(",") if one.strip()]
        self.authorities = authorities
        self._verified = lru_cache(maxsize=4096)(self._verify)

    def __contains__(self, address: str) -> bool:
        """Whether it is one of ours that calls from there."""
        caller = ipaddress.ip_address(address)
        return any(caller in network for network in self.networks)

    def peer(self, header: str) -> Peer:
        """The Peer whose certificate (PEM, percent-encoded as nginx's `$ssl_client_escaped_cert`) this is;
        Untrusted if it is none, or not one we would have let in ourselves."""
        return self._verified(header, int(time.time()) // AN_HOUR)

    def _verify(self, header: str, hour: int) -> Peer:
        try:
            # exactly one: two would be one of the proxy's and one of whoever sent the header to it
            certificate, = x509.load_pem_x509_certificates(unquote(header).encode())
        except ValueError:
            raise Untrusted("what is no certificate") from None
        der = certificate.public_bytes(Encoding.DER)
        self.authorities.verify(der)
        return peer(der)
