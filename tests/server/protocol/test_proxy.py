"""A certificate in a header: from whom it is believed, and which."""
from pathlib import Path
from urllib.parse import quote

import pytest

from certs import authority, dev
from server.devices import identity
from server.devices.trust import Authorities, Untrusted
from server.protocol.proxy import Proxies
from tests import listening
from tests.certs import bad

ROOT = authority.root("root")
ISSUER = authority.authority(ROOT, "issuer")
DEVICE = authority.device(ISSUER, b"1")
PROXIES = Proxies("127.0.0.1, 10.1.0.0/16,::1", Authorities(ROOT.pem() + ISSUER.pem()))


def escaped(pem: bytes) -> str:
    """As nginx's $ssl_client_escaped_cert: the first certificate, percent-encoded."""
    return quote(
        pem.decode().partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n", safe=""
    )


@pytest.mark.parametrize(
    "address, ours",
    [
        ("127.0.0.1", True),
        ("10.1.255.255", True),
        ("::1", True),
        ("127.0.0.2", False),
        ("10.2.0.0", False),
        ("::2", False),
    ],
)
def test_who_is_a_proxy(address: str, ours: bool) -> None:
    assert (address in PROXIES) is ours


@pytest.mark.parametrize("addresses", ["localhost", "127.0.0.1;::1", "10.1.0.0/33"])
def test_what_is_no_address(addresses: str) -> None:
    with pytest.raises(ValueError):
        Proxies(addresses, PROXIES.authorities)


def test_a_good_certificate() -> None:
    assert PROXIES.peer(escaped(DEVICE.pem())) == identity.peer(DEVICE.der)


@pytest.mark.parametrize("name", bad.BAD)
def test_bad_certificates(name: str) -> None:
    with pytest.raises(Untrusted):
        PROXIES.peer(escaped(bad.BAD[name][0](ROOT).chain))


# The ids are given, since a certificate made anew would give each test process another one.
@pytest.mark.parametrize(
    "header",
    ["", "abc", "%00", escaped(DEVICE.pem())[:-40], quote("é"),
     quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")],
    ids=["empty", "text", "NUL", "cut short", "not ASCII", "not DER"],
)
def test_what_is_no_certificate(header: str) -> None:
    with pytest.raises(Untrusted, match="not a certificate"):
        PROXIES.peer(header)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=1)
    return path


@pytest.mark.flow
@pytest.mark.parametrize("proxies, header, status", [
    ("127.0.0.1", "X-SSL-Client-Cert: {}", b"200 OK"),
    ("127.0.0.1", "X-SSL-Client-Cert: {}\r\nX-SSL-Client-Cert: {}", b"403 Forbidden"),
    ("127.0.0.1", "X_SSL_Client_Cert: {}", b"403 Forbidden"),
    ("127.0.0.1", "X-SSL-Client-Cert:", b"403 Forbidden"),
    ("127.0.0.1", "Accept: text/plain", b"403 Forbidden"),
    ("10.0.0.1", "X-SSL-Client-Cert: {}", b"403 Forbidden"),
])
def test_the_interface_behind_a_proxy(
    proxies: str, header: str, status: bytes, tree: Path, tmp_path: Path
) -> None:
    value = escaped((tree / "device-1.pem").read_bytes())
    with listening.listening(
        tree, tmp_path / "log", client_ca=tree / "authorities/issuer.pem", proxies=proxies
    ) as interface:
        answer = interface.request(
            f"GET / HTTP/1.1\r\nHost: x\r\n{header.replace('{}', value)}\r\n"
            "Connection: close\r\n\r\n".encode(),
            interface.connect(),
        )
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"HTTP_X_SSL_CLIENT_CERT" not in answer
    assert (dev.read_entries(tree)[1]["lfdi"].encode() in answer) is (status == b"200 OK")


@pytest.mark.flow
def test_where_tls_ends_here_the_header_is_dropped(tree: Path, tmp_path: Path) -> None:
    value = escaped((tree / "device-1.pem").read_bytes())
    with listening.listening(tree, tmp_path / "log") as interface:
        answer = interface.request(
            f"GET / HTTP/1.1\r\nHost: x\r\nX-SSL-Client-Cert: {value}\r\nConnection: close\r\n\r\n".encode(),
            interface.client("aggregator"),
        )
    assert dev.read_entries(tree)[0]["lfdi"].encode() in answer and b"CERT" not in answer
