"""COMM-002 to COMM-004: the server at its address, TLS, and chains of certificates.

COMM-001 (discovery by DNS-SD) is optional.
"""
from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from server.config import settings
from server.protocol import startup
from tests import listening
from tests.certs import bad
from tests.conftest import on_sqlite
from tests.peers import Peer
from tests.schemas.editions import valid
from tests.server.protocol.test_tls import ALL, ROOT, Handshake, handshake, tree  # noqa: F401


@on_sqlite
def test_comm_002_a_client_that_is_told_the_address_walks_from_dcap(home: Peer) -> None:
    """DeviceCapability at a configured address and port has links, and each answers with a valid body."""
    settings.host, settings.port = "192.0.2.7", 9443
    assert startup.urls() == ["https://192.0.2.7:9443"]
    capability = home.get("/dcap")
    links = [value["href"] for key, value in capability.data.items() if key.endswith("Link")]
    assert capability.status == 200 and len(links) > 3
    for href in ("/dcap", *links):
        reply = home.get(href)
        assert reply.status == 200 and valid("2018", etree.fromstring(reply.body)), href


@on_sqlite
def test_comm_003_tls_1_2_with_ccm8_on_p256_and_both_certificates(
    handshake: Handshake, tree: Path, server: None, peer: Callable[[int], Peer]  # noqa: F811
) -> None:
    """TLS 1.2, ECDHE-ECDSA-AES128-CCM8 from what the client offers, secp256r1, both sides with certificates;
    and the strictest access policy of the standard can be set."""
    with handshake() as sock, listening.secure(sock, listening.context(tree, "device-1", ALL)) as client:
        assert client.cipher()[:2] == ("ECDHE-ECDSA-AES128-CCM8", "TLSv1.2")  # type: ignore[index]
        certificate = x509.load_der_x509_certificate(client.getpeercert(True) or b"")
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert handshake.channel and handshake.channel.tls.get_group_name() in ("prime256v1", "secp256r1")
    without = Handshake(tree)
    with without() as sock, pytest.raises(ssl.SSLError, match="ALERT|WRONG"):
        with listening.secure(sock, listening.context(tree, None)) as client:
            client.recv(1)
    settings.strict_access = True
    assert [peer(9).get(href).status for href in ("/dcap", "/tm", "/edev")] == [200, 404, 404]


@pytest.mark.parametrize("chain", ["a chain of two", "a chain of three", "a chain of four"])
def test_comm_004_chains_of_the_public_key_infrastructure_are_accepted(
    chain: str, handshake: Handshake, tree: Path, tmp_path: Path  # noqa: F811
) -> None:
    """A, B, C: root and device; with an issuer; with a manufacturer's authority and its issuer."""
    files = bad.good(ROOT)[chain].files(tmp_path)
    with handshake() as sock, listening.secure(sock, listening.context(tree, files)) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"


@pytest.mark.parametrize("chain", [
    "issuer: critical extended key usage", "issuer: name constraints not critical",
    "issuer: policy mapping not critical", "self-signed"])
def test_comm_004_other_chains_get_an_alert(
    chain: str, handshake: Handshake, tree: Path, tmp_path: Path  # noqa: F811
) -> None:
    """D, E, F, G: an issuer with a critical extended key usage, with name constraints, with policy mappings;
    and a device that has signed its own certificate."""
    files = bad.BAD[chain][0](ROOT).files(tmp_path)
    with handshake() as sock, pytest.raises(ssl.SSLError, match="ALERT"):
        with listening.secure(sock, listening.context(tree, files)) as client:
            client.recv(1)
