"""Other keys and suites than the standard's get the fitting alert, unless they are allowed; and the log."""
from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs import authority
from server.config import contradictions, settings
from server.devices.trust import P256, P384, RSA, Untrusted, key_fault
from server.protocol import refusals, tls
from server.protocol.tls import Further
from tests import listening
from tests.certs import bad
from tests.server.protocol.test_tls import ROOT, Handshake, tree  # noqa: F401

CSIP = "AES256-SHA256"


@pytest.fixture(scope="module")
def rsa_server(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a server's certificate with a key of RSA, and of the key."""
    folder, key = tmp_path_factory.mktemp("rsa"), rsa.generate_private_key(65537, 2048)
    model = x509.load_pem_x509_certificates(authority.server(ROOT, ["127.0.0.1"]).pem())[0]
    builder = (x509.CertificateBuilder().subject_name(model.subject).issuer_name(model.issuer)
               .serial_number(8).public_key(key.public_key()).not_valid_before(model.not_valid_before_utc)
               .not_valid_after(model.not_valid_after_utc))
    for oid in (x509.SubjectAlternativeName, x509.AuthorityKeyIdentifier):
        extension = model.extensions.get_extension_for_class(oid)
        builder = builder.add_extension(extension.value, extension.critical)
    certificate = builder.sign(ROOT.key, SHA256())
    (folder / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "server.pem", folder / "server.key"


def allowing(tree: Path, further: Further) -> Handshake:  # noqa: F811
    handshake = Handshake(tree)
    handshake.context = tls.context(
        tree / "server.pem", tree / "server.key", tree / "ca.pem", further=further)
    return handshake


@pytest.mark.parametrize("name, kind", [("RSA key", "RSA"), ("P-384 key", "on the curve secp384r1")])
def test_another_key_gets_the_alert_unsupported_certificate(
    name: str, kind: str, tree: Path, tmp_path: Path  # noqa: F811
) -> None:
    handshake, files = Handshake(tree), bad.BAD[name][0](ROOT).files(tmp_path)
    with handshake() as sock, pytest.raises(ssl.SSLError, match="ALERT_UNSUPPORTED_CERTIFICATE"):
        with listening.secure(sock, listening.context(tree, files)) as client:
            client.recv(1)
    assert isinstance(handshake.result, Untrusted)
    assert str(handshake.result) == f"a public key that is not on the curve P-256 ({kind})"


def test_a_certificate_that_is_revoked_gets_its_alert(tree: Path) -> None:  # noqa: F811
    class All:
        def __contains__(self, item: object) -> bool:
            return True
    handshake = Handshake(tree)
    handshake.context = tls.context(tree / "server.pem", tree / "server.key", tree / "ca.pem", All())
    with handshake() as sock, pytest.raises(ssl.SSLError, match="ALERT_CERTIFICATE_REVOKED"):
        with listening.secure(sock, listening.context(tree, "device-1")) as client:
            client.recv(1)


@pytest.mark.parametrize("name, suite, offer", [
    ("RSA key", CSIP, CSIP),
    ("RSA key", CSIP, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("RSA key", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("P-384 key", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES256-SHA384"),
    ("P-384 key", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8"),
])
def test_what_is_allowed_is_accepted(
    name: str, suite: str, offer: str, tree: Path, tmp_path: Path, rsa_server: tuple[Path, Path]  # noqa: F811
) -> None:
    handshake = allowing(tree, Further((suite,), *rsa_server))
    files = bad.BAD[name][0](ROOT).files(tmp_path)
    with handshake() as sock, listening.secure(sock, listening.context(tree, files, offer)) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"hello" and client.cipher()[0] == offer


def test_one_kind_is_not_the_other(
    tree: Path, tmp_path: Path, rsa_server: tuple[Path, Path]  # noqa: F811
) -> None:
    handshake = allowing(tree, Further((CSIP,), *rsa_server))
    files = bad.BAD["P-384 key"][0](ROOT).files(tmp_path)
    with handshake() as sock, pytest.raises(ssl.SSLError, match="ALERT_UNSUPPORTED_CERTIFICATE"):
        with listening.secure(sock, listening.context(tree, files)) as client:
            client.recv(1)


def test_the_suite_of_the_standard_comes_first(
    tree: Path, rsa_server: tuple[Path, Path]  # noqa: F811
) -> None:
    handshake = allowing(tree, Further((CSIP,), *rsa_server))
    offer = f"{CSIP}:ECDHE-ECDSA-AES128-CCM8"
    with handshake() as sock, listening.secure(sock, listening.context(tree, "device-1", offer)) as client:
        assert client.cipher()[0] == "ECDHE-ECDSA-AES128-CCM8"


def test_a_short_key_of_rsa_is_refused() -> None:
    key, now = rsa.generate_private_key(65537, 1024), datetime.now(UTC)
    name = x509.Name([])
    der = (x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
           .public_key(key.public_key()).not_valid_before(now).not_valid_after(now)
           .sign(ec.generate_private_key(ec.SECP256R1()), SHA256()).public_bytes(Encoding.DER))
    assert key_fault(der, frozenset({P256, RSA})) == "an RSA key of 1024 bits, where 2048 are the least"
    assert "nor P-384 (RSA)" in key_fault(der, frozenset({P256, P384}))


def test_settings_that_need_each_other_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "further_suites", CSIP)
    assert any("Set further_certificate and further_key." in text
               for text in contradictions.contradictions(settings))
    monkeypatch.setattr(settings, "further_certificate", "server.pem")
    assert any("further_key is empty" in text for text in contradictions.contradictions(settings))
    monkeypatch.setattr(settings, "further_key", "server.key")
    assert not any("further" in text for text in contradictions.contradictions(settings))
    with pytest.raises(ValueError, match="further_suites"):
        settings.set("further_suites", "RC4-MD5", None)  # type: ignore[arg-type]


def test_a_refusal_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(refusals, "monotonic", lambda: now[0])
    refusals.forget()
    caplog.set_level(logging.WARNING)
    for second in (0, 1, 59, 60):
        now[0] = second
        refusals.record("10.0.0.1", "certificate has expired")
    refusals.record("10.0.0.2", "certificate has expired")
    assert [record.getMessage() for record in caplog.records] == [
        "10.0.0.1 is refused: certificate has expired",
        "10.0.0.1 is refused: certificate has expired (2 more times since it was last said)",
        "10.0.0.2 is refused: certificate has expired"]
    for number in range(2 * refusals.MOST):
        refusals.record(f"10.1.{number // 256}.{number % 256}", "x")
    assert len(refusals._last) == refusals.MOST
