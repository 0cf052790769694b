"""Revocation lists: which count, which do not, and when they are read again."""
from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs import authority
from certs.authority import Holder
from server.devices.revocation import BadRevocationList, Revocations, certificate_id

ROOT = authority.root("root")
ISSUER = authority.authority(ROOT, "issuer")
OTHER = authority.root("other")
ONE, TWO = authority.device(ISSUER, b"1"), authority.device(ISSUER, b"2")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def client_ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(ROOT.pem())
    return path


def revocation_list(*revoked: Holder, issuer: Holder = ISSUER, earlier: bytes = b"") -> bytes:
    return authority.revocation_list(issuer, [holder.chain[0] for holder in revoked], NOW, earlier)


def is_revoked(revocations: Revocations, holder: Holder) -> bool:
    return certificate_id(holder.chain[0]) in revocations


def test_no_path_revokes_nothing(client_ca: Path) -> None:
    revocations = Revocations("", client_ca)
    assert not is_revoked(revocations, ONE) and not revocations.refresh()


def test_a_file_with_its_authority(tmp_path: Path, client_ca: Path) -> None:
    (tmp_path / "crl.pem").write_bytes(revocation_list(ONE))
    revocations = Revocations(str(tmp_path / "crl.pem"), client_ca)
    assert is_revoked(revocations, ONE) and not is_revoked(revocations, TWO)


def test_a_list_in_der_of_a_configured_authority(tmp_path: Path, client_ca: Path) -> None:
    device = authority.device(ROOT, b"3")
    pem = revocation_list(device, issuer=ROOT)
    begin = b"-----BEGIN X509 CRL-----"
    der = x509.load_pem_x509_crl(begin + pem.partition(begin)[2]).public_bytes(Encoding.DER)
    (tmp_path / "crl.der").write_bytes(der)
    assert is_revoked(Revocations(str(tmp_path / "crl.der"), client_ca), device)


def test_what_a_revoked_authority_has_issued_is_revoked(tmp_path: Path, client_ca: Path) -> None:
    """A session that is resumed has no chain; the files say who the authority is."""
    below = authority.device(authority.authority(ISSUER, "below"), b"4")
    other = authority.device(authority.authority(ROOT, "another"), b"5")
    path = tmp_path / "crl.pem"
    path.write_bytes(revocation_list(issuer=ISSUER))
    revocations = Revocations(str(path), client_ca)
    assert not is_revoked(revocations, ONE)
    path.write_bytes(ISSUER.pem() + below.chain[1].public_bytes(Encoding.PEM)
                     + revocation_list(ISSUER, issuer=ROOT))
    assert revocations.refresh()
    assert is_revoked(revocations, ONE) and is_revoked(revocations, TWO) and is_revoked(revocations, below)
    assert not is_revoked(revocations, other)
    path.write_bytes(authority.authority(ROOT, "issuer").pem() + path.read_bytes())
    assert revocations.refresh()
    assert not is_revoked(revocations, ONE), "its authority has a successor of the same name"


def test_a_list_goes_on_from_an_earlier_one(tmp_path: Path, client_ca: Path) -> None:
    (tmp_path / "crl.pem").write_bytes(revocation_list(TWO, earlier=revocation_list(ONE)))
    revocations = Revocations(str(tmp_path / "crl.pem"), client_ca)
    assert is_revoked(revocations, ONE) and is_revoked(revocations, TWO)


@pytest.mark.parametrize("content, why", [
    (b"nonsense", "is not a revocation list"),
    (revocation_list(ONE).partition(b"-----END CERTIFICATE-----\n")[2], "is signed by none"),
    (revocation_list(ONE, issuer=OTHER).replace(OTHER.pem(), b""), "is signed by none"),
], ids=["text", "without its issuer", "of another issuer"])
def test_a_list_that_does_not_count_is_refused_by_name(
    content: bytes, why: str, tmp_path: Path, client_ca: Path
) -> None:
    (tmp_path / "crl.pem").write_bytes(content)
    with pytest.raises(BadRevocationList, match=why) as refused:
        Revocations(str(tmp_path / "crl.pem"), client_ca)
    assert str(tmp_path / "crl.pem") in str(refused.value)
    with pytest.raises(BadRevocationList, match="does not exist"):
        Revocations(str(tmp_path / "none"), client_ca)


@pytest.mark.parametrize("broken", [
    b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"-----BEGIN X509 CRL-----\nAAAA\n"])
def test_whatever_comes_into_the_folder_leaves_the_lists_in_force(
    broken: bytes, tmp_path: Path, client_ca: Path
) -> None:
    """An exception in the main thread of a worker would end it."""
    (tmp_path / "crl" / "a folder").mkdir(parents=True)
    (tmp_path / "crl/issuer.pem").write_bytes(revocation_list(ONE))
    revocations = Revocations(str(tmp_path / "crl"), client_ca)
    (tmp_path / "crl/broken.pem").write_bytes(broken)
    assert not revocations.refresh() and is_revoked(revocations, ONE)
    (tmp_path / "crl").rename(tmp_path / "away")
    assert not revocations.refresh() and is_revoked(revocations, ONE)


def test_a_folder_is_read_again_when_a_file_changes(tmp_path: Path, client_ca: Path) -> None:
    folder = tmp_path / "crl"
    folder.mkdir()
    revocations = Revocations(str(folder), client_ca)
    file = folder / "issuer.pem"
    file.write_bytes(revocation_list(ONE))
    assert revocations.refresh() and not revocations.refresh() and is_revoked(revocations, ONE)
    file.write_bytes(b"half a fi")
    os.utime(file, ns=(1, 1))
    assert not revocations.refresh() and is_revoked(revocations, ONE), "the list of before still holds"
    file.write_bytes(revocation_list(TWO))
    os.utime(file, ns=(2, 2))
    assert revocations.refresh() and is_revoked(revocations, TWO) and not is_revoked(revocations, ONE)
    file.unlink()
    assert revocations.refresh() and not is_revoked(revocations, TWO)
