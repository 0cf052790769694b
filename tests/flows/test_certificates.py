"""The development certificates with a real server: which are accepted, by curl and by Python's TLS."""
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
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    home = tmp_path_factory.mktemp("server")
    dev.make_dev(home / "dev", devices=2)
    with listening.listening(
        home / "dev", home / "log", "server:create_app()", database=f"sqlite:///{home}/it.db"
    ) as it:
        yield it


def request(
    interface: Listening, certificate: str | tuple[Path, Path], method: str, path: str
) -> http.client.HTTPResponse:
    context = listening.context(interface.tree, certificate)
    connection = http.client.HTTPSConnection(
        "127.0.0.1", interface.port, context=context, timeout=listening.PATIENCE
    )
    connection.request(method, path, headers={"Accept": "application/sep+xml"})
    answer = connection.getresponse()
    connection.close()
    return answer


@pytest.mark.parametrize("who", ["device-1", "device-2", "aggregator"])
def test_who_has_a_certificate_of_ours_comes_in(who: str, interface: Listening) -> None:
    answer = request(interface, who, "GET", "/dcap")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/sep+xml")


@pytest.mark.parametrize("depth", ["a chain of two", "a chain of three", "a chain of four"])
def test_chains(depth: str, interface: Listening, tmp_path: Path) -> None:
    root = dev.load_holder(interface.tree / "authorities/root.pem", interface.tree / "authorities/root.key")
    assert request(interface, bad.good(root)[depth].files(tmp_path), "GET", "/dcap").status == 200


@pytest.mark.parametrize("name", ["self-signed", "unknown authority", "expired", "RSA key", "P-384 key",
                                  "issuer: critical extended key "
                                  "usage", "issuer: name constraints that exclude it",
                                  "issuer: another name", "issuer: policy mapping", "a chain of five"])
def test_who_is_refused(name: str, interface: Listening, tmp_path: Path) -> None:
    root = dev.load_holder(interface.tree / "authorities/root.pem", interface.tree / "authorities/root.key")
    with pytest.raises(ssl.SSLError, match="ALERT|WRONG"):
        request(interface, bad.BAD[name][0](root).files(tmp_path), "GET", "/dcap")


def test_an_operator_is_no_device(interface: Listening) -> None:
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        request(interface, "operator", "GET", "/dcap")


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_curl(interface: Listening) -> None:
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
            f"https://127.0.0.1:{interface.port}/dcap",
        ],
        cwd=interface.tree,
        capture_output=True,
        text=True,
    )
    assert "<DeviceCapability" in done.stdout, done.stderr
