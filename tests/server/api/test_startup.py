"""Which settings the operator interface refuses to be served with."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.api import startup
from server.cli import console
from server.config import settings


@pytest.fixture
def files(tmp_path: Path) -> Iterator[None]:
    """Certificate and key of the device interface, as files that are there."""
    saved = dict(settings.__dict__)
    for name in ("certificate", "key"):
        (tmp_path / name).touch()
        setattr(settings, name, str(tmp_path / name))
    yield
    settings.__dict__.clear()
    settings.__dict__.update(saved)


@pytest.mark.parametrize("values, why", [
    ({}, ""),
    ({"console_port": 8443}, "8443 is the port of the device interface"),
    ({"console_port": 8443, "console_host": "::1", "host": "::"}, "is the port of the device interface"),
    ({"console_port": 8443, "console_host": "::1"}, ""),
    ({"console_tls": False}, ""), ({"console_tls": False, "console_host": "localhost"}, ""),
    ({"console_tls": False, "console_host": "0.0.0.0"}, "tokens can be read on the way to 0.0.0.0"),
    ({"console_tls": False, "console_host": "127.0.0.1,grid.example"}, "without TLS tokens can be read"),
    ({"console_guest": "ada"}, ""),
    ({"console_guest": "ada", "console_host": "0.0.0.0"}, "whoever reaches 0.0.0.0 would be a guest"),
    ({"console_operator_crl": "/nowhere"}, "console_operator_crl: it needs console_operator_ca"),
    ({"console_operator_ca": "/nowhere"}, "console_operator_ca: /nowhere has no certificates"),
    ({"console_certificate": "/nowhere"}, "console_certificate: /nowhere: there is no such file"),
    ({"key": "/nowhere"}, "console_key: /nowhere: there is no such file")])
def test_what_does_not_fit_is_refused(files: None, values: dict[str, object], why: str) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    found = list(startup.faults())
    assert (len(found) == 1 and why in found[0]) if why else found == []


def test_urls_say_where(files: None) -> None:
    settings.console_host = "127.0.0.1,::1"
    assert startup.urls() == ["https://127.0.0.1:8444", "https://[::1]:8444"]


def test_the_command_is_gunicorn_with_the_settings(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[object] = []
    monkeypatch.setattr(console.os, "execvpe", lambda *arguments: ran.extend(arguments))
    settings.console_port = 9444
    from server.cli import main
    assert CliRunner().invoke(main, ["console"], catch_exceptions=False).exit_code == 0
    command, environment = ran[1], ran[2]
    assert isinstance(command, list) and "python:server.api.listen" in command
    assert isinstance(environment, dict) and environment["COUNTERPOISE_CONSOLE_PORT"] == "9444"
