"""deploy/nginx.conf as it is, in front of a real server."""
from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import dev
from tests import listening
from tests.certs import bad

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
CONF = Path(__file__).parents[2] / "deploy/nginx.conf"
pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(not NGINX and not os.environ.get("CI"), reason="no nginx on this machine"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=2)
    return path


@pytest.fixture(scope="module")
def port(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx's port, with a server behind it."""
    assert NGINX, "CI has to have nginx"
    home = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("ca.pem", "server.pem", "server.key"):
        shutil.copy(tree / name, home)
    with listening.listening(
        tree, home / "log", client_ca=tree / "authorities/issuer.pem", proxies="127.0.0.1"
    ) as server:
        conf = CONF.read_text()
        for there, here in (
            ("127.0.0.1:8443", f"127.0.0.1:{server.port}"),
            ("127.0.0.1:9443", f"127.0.0.1:{port}"),
            ("worker_processes auto", "worker_processes 1"),
        ):
            assert there in conf
            conf = conf.replace(there, here)
        (home / "nginx.conf").write_text(conf)
        process = subprocess.Popen([NGINX, "-p", str(home), "-c", "nginx.conf", "-g", "daemon off;"],
                                   stderr=subprocess.DEVNULL)     # it warns of the log it would have had
        try:
            listening.until(lambda: (home / "nginx.pid").exists())
            yield port
        finally:
            process.terminate()
            process.wait(listening.PATIENCE)


def request(tree: Path, port: int, name: str, headers: dict[str, str], body: bytes = b"") -> dict:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=listening.context(tree, name),
                                             timeout=listening.PATIENCE)
    connection.request("PUT", "/der?l=1", body=body, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Length")) == (200, str(answer.length))
    echoed = json.loads(answer.read())
    connection.close()
    return echoed


@pytest.mark.parametrize("name", ["device-1", "device-2", "aggregator"])
def test_the_application_learns_who_calls(name: str, tree: Path, port: int) -> None:
    echoed = request(tree, port, name, {"Accept": "application/sep+xml"}, b"x" * 20_000)
    assert echoed["peer"] == {entry["name"]: entry["lfdi"] for entry in dev.read_entries(tree)}[name]
    assert (echoed["method"], echoed["path"], echoed["query"], echoed["size"], echoed["scheme"]) == (
        "PUT",
        "/der",
        "l=1",
        20_000,
        "https",
    )


def test_nobody_speaks_for_another(tree: Path, port: int) -> None:
    other = (tree / "device-2.pem").read_text().replace("\n", "%0A")
    echoed = request(tree, port, "device-1", {"X-SSL-Client-Cert": other, "X_SSL_Client_Cert": other})
    assert echoed["peer"] == dev.read_entries(tree)[1]["lfdi"]


def test_the_suite_is_the_mandatory_one(tree: Path, port: int) -> None:
    client = listening.context(tree, "device-1", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-CCM8")
    with listening.secure(socket.create_connection(("127.0.0.1", port), listening.PATIENCE), client) as sock:
        assert sock.cipher()[0] == "ECDHE-ECDSA-AES128-CCM8"


@pytest.mark.parametrize("name", ["self-signed", "expired", "RSA key", "P-384 key", "issuer: policy mapping"])
def test_who_is_refused(name: str, tree: Path, port: int, tmp_path: Path) -> None:
    """By nginx, with 400 or in the handshake, or by us behind it, with 403."""
    root = dev.load_holder(tree / "authorities/root.pem", tree / "authorities/root.key")
    client = listening.context(tree, bad.BAD[name][0](root).files(tmp_path))
    with socket.create_connection(("127.0.0.1", port), listening.PATIENCE) as bare:
        try:
            with listening.secure(bare, client) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert listening.everything(sock)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 403 ")
        except ssl.SSLError as error:
            assert "ALERT" in str(error) or "WRONG" in str(error)
