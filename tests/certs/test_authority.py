"""The contents of the certificates, to the byte, and their verification by the server and OpenSSL."""
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs import authority as ca
from certs.authority import Holder
from server.devices.trust import Authorities, Untrusted
from tests.certs import bad

ROOT = ca.root("root")
MANUFACTURER = ca.authority(ROOT, "manufacturer", below=1)
ISSUER = ca.authority(MANUFACTURER, "issuer")
DEVICE = ca.device(ISSUER, bytes.fromhex("0102fe"))


def extension(holder: Holder, kind: type) -> tuple[bool, object]:
    entry = holder.chain[0].extensions.get_extension_for_class(kind)
    return entry.critical, entry.value


def test_device_extensions() -> None:
    own = DEVICE.chain[0]
    assert own.version is x509.Version.v3
    assert list(own.subject) == []
    assert own.issuer == ISSUER.chain[0].subject
    assert b"\x18\x0f99991231235959Z" in DEVICE.der      # GeneralizedTime
    name = own.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert name.critical
    # [0] { id-on-hardwareModuleName, [0] { SEQUENCE { 2.999.2030.5, OCTET STRING 0102fe } } }
    assert name.value.public_bytes().hex() == "301ca01a06082b06010505070804a00e300c060588378f6e0504030102fe"
    assert extension(DEVICE, x509.CertificatePolicies) == (
        True,
        ca.policies("1.3.6.1.4.1.40732.1.1", "1.3.6.1.4.1.40732.2.1"),
    )
    usage = ca.key_usage(digital_signature=True, key_agreement=True)
    assert extension(DEVICE, x509.KeyUsage) == (True, usage)
    assert extension(DEVICE, x509.AuthorityKeyIdentifier)[1].key_identifier == \
        extension(ISSUER, x509.SubjectKeyIdentifier)[1].digest
    with pytest.raises(x509.ExtensionNotFound):
        own.extensions.get_extension_for_class(x509.BasicConstraints)


@pytest.mark.parametrize("holder, below", [(ROOT, None), (MANUFACTURER, 1), (ISSUER, 0)])
def test_authority_extensions(holder: Holder, below: int | None) -> None:
    assert extension(holder, x509.BasicConstraints) == (True, x509.BasicConstraints(True, below))
    assert extension(holder, x509.KeyUsage) == (True, ca.key_usage(key_cert_sign=True, crl_sign=True))
    assert extension(holder, x509.SubjectKeyIdentifier)[0] is False
    assert len(holder.chain[0].subject) == 1


def test_server_names_are_critical() -> None:
    critical, names = extension(
        ca.server(ISSUER, ["grid.example", "127.0.0.1", "::1"]), x509.SubjectAlternativeName
    )
    assert critical
    assert [str(name.value) for name in names] == ["grid.example", "127.0.0.1", "::1"]


def test_kinds_of_devices() -> None:
    for kind, policy in ca.POLICIES.items():
        assert policy in [entry.policy_identifier.dotted_string for entry in
                          extension(ca.device(ISSUER, b"1", kind), x509.CertificatePolicies)[1]]


@pytest.mark.parametrize("name", bad.good(ROOT))
def test_good_chains_are_accepted(name: str) -> None:
    own, *between = bad.good(ROOT)[name].ders
    Authorities(ROOT.pem()).verify(own, between)


@pytest.mark.parametrize("name", bad.BAD)
def test_bad_chains_are_not(name: str) -> None:
    make, reason = bad.BAD[name]
    own, *between = make(ROOT).ders
    with pytest.raises(Untrusted, match=reason):
        Authorities(ROOT.pem()).verify(own, between)


def test_an_issuer_alone_can_be_trusted() -> None:
    trusted = Authorities(ISSUER.chain[0].public_bytes(Encoding.PEM))
    trusted.verify(DEVICE.der)
    with pytest.raises(Untrusted, match="issuer certificate"):
        trusted.verify(ca.device(MANUFACTURER, b"1").der)


def test_a_device_s_certificate_without_its_issuer_s_says_what_to_do() -> None:
    """Some clients send their own certificate alone: client_ca may hold their issuers. A chain that leads
    elsewhere is another fault."""
    with pytest.raises(Untrusted, match="let the client send its chain, or add the issuer to client_ca"):
        Authorities(ROOT.pem()).verify(DEVICE.der)
    Authorities(ROOT.pem() + ISSUER.pem()).verify(DEVICE.der)
    with pytest.raises(Untrusted) as refused:
        Authorities(ca.root("other").pem()).verify(*bad_chain())
    assert "client_ca" not in str(refused.value)


def bad_chain() -> tuple[bytes, list[bytes]]:
    own, *between = bad.presented(DEVICE).ders
    return own, between


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on this machine")
@pytest.mark.parametrize("holder", [DEVICE, ca.aggregator(ISSUER, "aggregator"), ca.device(ROOT, b"1")])
def test_openssl_agrees(holder: Holder, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.pem())
    (tmp_path / "own.pem").write_bytes(holder.chain[0].public_bytes(Encoding.PEM))
    (tmp_path / "between.pem").write_bytes(holder.pem())
    process = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            "sslclient",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "between.pem",
            "own.pem",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.stdout == "own.pem: OK\n", process.stderr
