"""What the operator interface needs to be served: settings that fit, and the application."""
from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from server import clock, functionsets, grid, models, timekeeping
from server.config import checks, settings
from server.operators import certificates
from server.resources import hooks

if TYPE_CHECKING:
    from flask import Flask

_CONSOLE = "server.console.frame"  # by its name: it is above this package, which does without it
_LIBRARIES = ("flask_bootstrap", "flask_wtf", "plotly")
STATEMENT_S = 120  # of an operator's request, such as a report of a month


def faults() -> Iterator[str]:
    """Yield a sentence for each setting with which the interface cannot be served."""
    if settings.console_port == settings.port and _meet(settings.console_host, settings.host):
        yield (f"{settings.place('console_port')}: {settings.console_port} is the port of the device "
               "interface. Set another.")
    hosts = checks.addresses(settings.console_host)
    if settings.console_guest and not all(map(_is_loopback, hosts)):
        yield (f"{settings.place('console_guest')}: whoever reaches {settings.console_host} would be a "
               "guest. Set console_guest to nothing, or console_host to 127.0.0.1.")
    yield from _operator_faults()
    if not settings.console_tls:
        if not all(map(_is_loopback, hosts)):
            yield (f"{settings.place('console_tls')}: without TLS tokens can be read on the way to "
                   f"{settings.console_host}. Set console_tls, or console_host to 127.0.0.1.")
        return
    for name, path in (("console_certificate", certificate()[0]), ("console_key", certificate()[1])):
        if not Path(path).is_file():
            yield (f"{settings.place(name)}: {path or 'it'}: there is no such file. Name a PEM file, or make "
                   "certificates for development: counterpoise certs dev")


def _operator_faults() -> Iterator[str]:
    place = settings.place("console_operator_ca")
    if not settings.console_operator_ca:
        if settings.console_operator_crl:
            yield f"{settings.place('console_operator_crl')}: it needs console_operator_ca. Set that too."
        return
    if not settings.console_tls:
        yield f"{place}: certificates come with TLS alone. Set console_tls, or no console_operator_ca."
    try:
        certificates.authorities(settings.console_operator_ca)
    except (OSError, ValueError) as error:
        yield (f"{place}: {settings.console_operator_ca} has no certificates: {error}. Name a PEM file of "
               "authorities, such as certs/dev/operators.pem.")


def _meet(hosts: str, others: str) -> bool:
    first, second = set(checks.addresses(hosts)), set(checks.addresses(others))
    return bool(first & second) or bool((first | second) & {"::", "0.0.0.0"})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificate() -> tuple[str, str]:
    """Return the files of certificate and key: those of the device interface where no others are set."""
    return (settings.console_certificate or settings.certificate, settings.console_key or settings.key)


def urls() -> list[str]:
    """Return the URLs of the interface."""
    scheme = "https" if settings.console_tls else "http"
    return [f"{scheme}://{checks.authority(host, settings.console_port)}"
            for host in checks.addresses(settings.console_host)]


def application() -> Flask:
    """Return the application, over the database that the settings name."""
    from server.api import app
    functionsets.load()
    grid.load()
    clock.follow(settings.clock)
    models.connect(statement_s=STATEMENT_S)
    timekeeping.start()
    hooks.run_seeds()
    models.db.close()
    made = app.create()
    if has_console():
        import_module(_CONSOLE).register(made)
    return made


def has_console() -> bool:
    """Return whether what the pages for people need is installed: the extra `console`."""
    return all(find_spec(name) is not None for name in _LIBRARIES)
