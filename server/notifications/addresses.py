"""Where notifications may go: to the subscriber itself, or into a network that an operator has allowed.

A server that posts wherever it is told to is a way into the network that it stands in. So the addresses are
checked when somebody subscribes and again at each connection, once the name is resolved: a name may lead
elsewhere later. Addresses of this machine, of its link (where clouds have their metadata) and of many at once
are refused even if the subscriber has such a one or a network contains them; only a network within them, such
as 127.0.0.0/8, allows them.
"""
from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from server.config import settings
from server.config.checks import authority

MAX_URI = 1024  # characters
_PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SPECIAL = tuple(map(ipaddress.ip_network, (
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/127", "fe80::/10",
    "ff00::/8",
    "fd00:ec2::/32", "168.63.129.16/32", "100.100.100.200/32")))  # metadata of clouds
# Networks of IPv6 in which an IPv4 address is hidden: its translation is another machine's business.
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class BadUri(ValueError):
    """A URI that notifications cannot go to; the message says why."""


class Target(NamedTuple):
    """A notificationURI in parts. `path` is with its query, `host` without brackets."""
    scheme: str
    host: str
    port: int
    path: str

    @property
    def receiver(self) -> str:
        """What a connection is shared by: scheme, host and port."""
        return f"{self.scheme}://{authority(self.host, self.port)}"

    @property
    def tls(self) -> bool:
        """Whether it is reached by TLS."""
        return self.scheme == "https"


@lru_cache(maxsize=4096)
def target(uri: str) -> Target:
    """Return a notificationURI in parts. BadUri where it is not an absolute http or https URI."""
    if len(uri) > MAX_URI or any(not 0x20 < ord(character) < 0x7f for character in uri):
        raise BadUri(f"it is not a URI of at most {MAX_URI} printable ASCII characters")
    try:
        parts = urlsplit(uri)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise BadUri(f"it is no valid URI: {error}") from None
    if parts.scheme not in _PORTS or not host:
        raise BadUri("it has to be absolute, such as https://host:port/path")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadUri("it has a user, a password or a fragment, which have no place here")
    if port == 0 or "%" in host:
        raise BadUri("it has no host and port that a connection can be opened to")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def literal(host: str) -> str:
    """Return a host that is an IP address in its usual form; "" for a name."""
    try:
        return str(_plain(host))
    except ValueError:
        return ""


def fault(address: str, own_address: str) -> str:
    """Return why notifications of a subscriber with this address ("" for unknown) may not go to an address;
    "" if they may."""
    plain = _plain(address)
    networks = _networks(settings.notification_networks)
    special = next((network for network in _SPECIAL if _within(plain, network)), None)
    if special is not None:
        if any(_is_part(network, special) and _within(plain, network) for network in networks):
            return ""
        return (f"{address} is in {special}, which is not for receivers; the utility may allow it in the "
                "setting notification_networks")
    if own_address and plain == _plain(own_address) and not any(_within(plain, net) for net in _TRANSLATED):
        return ""
    if any(_within(plain, network) for network in networks):
        return ""
    return (f"{address} is neither the address that you connect from nor in a network that the utility "
            "allows (the setting notification_networks)")


def special(address: str) -> str:
    """Return the network of this machine, its link or its cloud that an address is in; "" for none."""
    plain = _plain(address)
    return next((str(network) for network in _SPECIAL if _within(plain, network)), "")


def name_fault(host: str) -> str:
    """Return why a name cannot be a receiver's, before it is resolved; "" if it may be one."""
    labels = host.rstrip(".").lower().split(".")
    if labels[-1] == "localhost" and not any(_is_part(network, _SPECIAL[1])
                                             for network in _networks(settings.notification_networks)):
        return f"{host} is this machine"
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        return f"{host} is an address in a form that can be misread; write it with four numbers"
    return ""


def _plain(address: str) -> _Address:
    """Return an address; one of IPv4 that is written as one of IPv6 as that of IPv4."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return parsed if mapped is None else mapped


@lru_cache(maxsize=16)
def _networks(text: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(name.strip()) for name in text.split(",") if name.strip())


def _within(address: _Address, network: _Network) -> bool:
    return address.version == network.version and address in network


def _is_part(network: _Network, of: _Network) -> bool:
    return network.version == of.version and network.subnet_of(of)  # type: ignore[arg-type]
