"""What `serve` says at its start."""
from __future__ import annotations

from pathlib import Path

import pytest

from certs import dev
from server.config import settings
from server.protocol import startup


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    dev.make_dev(tmp_path, 1)
    for name, value in {"certificate": str(tmp_path / "server.pem"), "client_ca": "ca.pem", "workers": 2,
                        "threads": 1, "host": "127.0.0.1", "port": 8443, "proxies": "", "pins": "",
                        "database": "postgresql://u:secret@db/grid"}.items():
        monkeypatch.setattr(settings, name, value)
    return tmp_path


def test_address_database_and_certificate(tree: Path) -> None:
    described = dev.describe((tree / "server.pem").read_bytes())
    listening, database, certificate = startup.lines()
    assert listening == "devices are served on https://127.0.0.1:8443 in 2 processes of 1 thread each"
    assert database.startswith("the database is postgresql://u:***@db/grid (")
    assert certificate.startswith(f"the certificate {tree}/server.pem (LFDI {described['lfdi']}) has no end;")
    assert certificate.endswith("; clients are verified by ca.pem")


def test_proxies_and_registration(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"proxies": "10.0.0.1", "pins": "pins.json", "host": "::1"}.items():
        monkeypatch.setattr(settings, name, value)
    listening, _, proxies, pins = startup.lines()
    assert listening.startswith("devices are served on http://[::1]:8443 in ")
    assert "TLS ends at the proxies 10.0.0.1" in proxies and "pins.json" in pins
