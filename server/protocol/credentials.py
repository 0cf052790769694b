"""The certificates of the device interface: its own, and those by which it accepts clients.

They are read at the start and again on SIGHUP, which replaces the worker processes one by one: connections
end between two requests. Where the new files cannot be used, the old ones stay.
"""
from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from OpenSSL import SSL

from server.config import settings
from server.devices.revocation import Revocations
from server.devices.trust import Authorities
from server.protocol import tls
from server.protocol.proxy import Proxies
from server.protocol.tls import Further

log = logging.getLogger(__name__)


class Credentials(NamedTuple):
    """The context of TLS, or behind proxies what their headers are verified by; and what is revoked."""
    context: SSL.Context | None
    proxies: Proxies | None
    revocations: Revocations


_current: list[Credentials] = []


def load() -> None:
    """Read the files. OSError, SSL.Error or ValueError where one cannot be used."""
    revocations = Revocations(settings.crl, settings.client_ca)
    suites = tuple(suite.strip() for suite in settings.further_suites.split(",") if suite.strip())
    further = Further(suites, settings.further_certificate, settings.further_key)
    if settings.proxies:
        authorities = Authorities(Path(settings.client_ca).read_bytes(), further.keys)
        credentials = Credentials(None, Proxies(settings.proxies, authorities), revocations)
    else:
        context = tls.context(settings.certificate, settings.key, settings.client_ca, revocations,
                              further)
        credentials = Credentials(context, None, revocations)
    _current[:] = [credentials]


def reload() -> None:
    """Read the files again; keep what was read before where one cannot be used, and log why."""
    try:
        load()
    except (OSError, SSL.Error, ValueError) as error:
        log.error("%s The old ones stay in use.", fault(error))
    else:
        log.info("the certificates were read again")


def current() -> Credentials:
    """Return what was read last."""
    return _current[0]


def fault(error: Exception) -> str:
    """Return in a sentence why the files cannot be used."""
    files = f"certificate {settings.certificate}, key {settings.key} and client_ca {settings.client_ca}"
    return (f"{files} cannot be used together: {error!r}. They have to be PEM files, and the key that of the "
            "certificate.")
