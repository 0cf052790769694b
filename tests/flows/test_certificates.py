"""The development certificates at the real door: whose are good for what, seen by curl and by Python's
TLS."""
from __future__ import annotations

import http.client
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import dev
from tests import listening
from tests.certs import bad
from tests.listening import Listening

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    home = tmp_path_factory.mktemp("door")
    dev.make_dev(home / "dev", devices=2)
    with listening.listening(
        home / "dev", home / "log", "server:create_app()", database=f"sqlite:///{home}/it.db"
    ) as it:
        yield it


def ask(door: Listening, who: str | tuple[Path, Path], method: str, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", door.port, context=listening.context(door.tree, who), timeout=listening.PATIENCE
    )
    connection.request(method, path, headers={"Accept": "application/sep+xml"})
    answer = connection.getresponse()
    connection.close()
    return answer


@pytest.mark.parametrize("who", ["device-1", "device-2", "aggregator"])
def test_who_has_a_certificate_of_ours_comes_in(who: str, door: Listening) -> None:
    answer = ask(door, who, "GET", "/dcap")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/sep+xml")


@pytest.mark.parametrize("depth", ["a chain of two", "a chain of three", "a chain of four"])
def test_chains(depth: str, door: Listening, tmp_path: Path) -> None:
    root = dev.load_holder(door.tree / "authorities/root.pem", door.tree / "authorities/root.key")
    assert ask(door, bad.good(root)[depth].files(tmp_path), "GET", "/dcap").status == 200


@pytest.mark.parametrize("name", ["self-signed", "unknown authority", "expired", "RSA key", "P-384 key",
                                  "issuer: critical extended key "
                                  "usage", "issuer: name constraints that exclude it",
                                  "issuer: another name", "issuer: policy mapping", "a chain of five"])
def test_who_is_refused(name: str, door: Listening, tmp_path: Path) -> None:
    root = dev.load_holder(door.tree / "authorities/root.pem", door.tree / "authorities/root.key")
    with pytest.raises(ssl.SSLError, match="ALERT|WRONG"):
        ask(door, bad.BAD[name][0](root).files(tmp_path), "GET", "/dcap")


def test_an_operator_is_no_device(door: Listening) -> None:
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        ask(door, "operator", "GET", "/dcap")


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_curl(door: Listening) -> None:
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--fail",
            "--cacert",
            "ca.pem",
            "--cert",
            "device-1.pem",
            "--key",
            "device-1.key",
            f"https://127.0.0.1:{door.port}/dcap",
        ],
        cwd=door.tree,
        capture_output=True,
        text=True,
    )
    assert "<DeviceCapability" in done.stdout, done.stderr
