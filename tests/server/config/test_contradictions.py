"""Settings that do not fit each other, and files that are not there."""
from __future__ import annotations

from pathlib import Path

import pytest

from server.config import BadSettings, Settings


def env(**values: object) -> dict[str, str]:
    return {f"COUNTERPOISE_{name.upper()}": str(value) for name, value in values.items()}


@pytest.mark.parametrize("values, why", [
    ({"certificate": "/x.pem", "key": ""},
     "COUNTERPOISE_CERTIFICATE: certificate is set and key is empty. Set both."),
    ({"certificate": ""}, "key is set and certificate is empty"),
    ({"certificate": "/x.pem"}, "certificate is set and key is not"),
    ({"certificate": "", "key": ""}, "there is no TLS. Set certificate and key, or name the proxies"),
    ({"registration": "yes", "pins": "/nowhere.json"},
     "COUNTERPOISE_PINS: registration is on and there is no file /nowhere.json"),
    ({"registration": "yes", "strict_access": "yes"},
     "COUNTERPOISE_STRICT_ACCESS: registration is on, and strict_access shows no EndDeviceList"),
    ({"price_limit": 90}, "price_unserved is 100, price_limit 90, and that has to cost more"),
    ({"price_wear": 6}, "COUNTERPOISE_PRICE_WEAR: price_wear is 6, price_imbalance 5, and that has to cost "
                        "more. Lower price_wear, or raise price_imbalance."),
    ({"clock": "file:/nowhere"}, "COUNTERPOISE_CLOCK: there is no file /nowhere")])
def test_what_contradicts(values: dict[str, str], why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        Settings(env(**values))


@pytest.mark.parametrize("values", [
    {"certificate": "", "key": "", "proxies": "127.0.0.1"}, {"certificate": "/x.pem", "key": "/x.key"},
    {"pins": "/nowhere.json"}, {"registration": "yes"}, {"strict_access": "yes"}])
def test_what_does_not(values: dict[str, str]) -> None:
    Settings(env(**values))


def test_files_have_to_be_there_when_devices_are_served(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("certificate", "key", "client_ca")}
    for name, path in files.items():
        settings = Settings(env(**files))
        with pytest.raises(BadSettings) as refused:
            settings.require(files=True)
        assert refused.value.faults[0].startswith(
            f"COUNTERPOISE_{name.upper()}: {path}: there is no such file. Name the file of")
        path.touch()
    settings.require(files=True)


def test_who_serves_behind_proxies_needs_the_authorities_alone(tmp_path: Path) -> None:
    (tmp_path / "ca").touch()
    Settings(env(proxies="127.0.0.1", client_ca=tmp_path / "ca", certificate="", key="")).require(files=True)
