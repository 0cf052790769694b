"""Certificates as operators check, list, issue and revoke them."""
from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs import authority, dev
from server import clock, operations, scopes
from server.config import settings
from server.devices import certificatecheck, endingcertificates, enrolment
from server.devices.certificatecheck import check
from server.devices.identity import Peer
from server.errors import BadArgument, Refused
from server.grid.groups import virtualders
from server.operations.declaration import UploadedFile
from tests import peers
from tests.conftest import NOON, on_sqlite

pytestmark = on_sqlite
DAY = 86_400


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tree") / "certs"
    dev.make_dev(path, 2)
    return path


@pytest.fixture
def trusted(server: None, tree: Path) -> Path:
    settings.client_ca = str(tree / "ca.pem")
    return tree


def run(verb: str, **values: object) -> object:
    operation = next(operation for operation in operations.load("certificate").walk()
                     if operation.name == f"certificate {verb}")
    return operation.run(values)


def test_a_certificate_that_is_let_in(trusted: Path) -> None:
    pem = (trusted / "device-1.pem").read_bytes()
    entry = dev.read_entries(trusted)[1]
    assert check(pem)["reasons"] == ["no device is enrolled with it: enrol its LFDI"]
    enrolment.enrol(entry["lfdi"], name="roof")
    checked = check(pem)
    assert checked["let_in"] and checked["reasons"] == [] == checked["warnings"]
    assert (checked["lfdi"], checked["sfdi"], checked["device"]) == (entry["lfdi"], entry["sfdi"], "roof")
    assert [row["source"] for row in checked["chain"]] == [
        "device", "came with it", "came with it", "trusted (client_ca)"]
    assert checked["ends_at"] == certificatecheck.LAST, "it does not end"
    enrolment.suspend(enrolment.find("roof"))
    assert check(pem)["reasons"] == ["the device is suspended"]


def test_a_certificate_in_any_form(trusted: Path) -> None:
    pem = (trusted / "device-1.pem").read_bytes()
    der = x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)
    lfdi = dev.read_entries(trusted)[1]["lfdi"]
    for text in (der, base64.encodebytes(der), b"Certificate:\n  Data: ...\n" + pem):
        assert check(text)["lfdi"] == lfdi
    alone = check(der)
    assert not alone["let_in"] and "without its issuer's" in alone["reasons"][0]
    assert "another certificate" in check((trusted / "device-1.key").read_bytes() + pem)["warnings"][0]


@pytest.mark.parametrize("text, why", [
    (b"hello", "not a certificate"), (b"", "not a certificate"), (b"\xff" * 9, "not a certificate"),
    (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "not a certificate"),
    (b"x" * 70_000, "65536 are the most")])
def test_what_is_no_certificate(trusted: Path, text: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        check(text)
    assert refused.value.status == 400


def test_a_certificate_of_another_authority_one_that_has_ended_and_one_of_another_key(trusted: Path) -> None:
    stranger = authority.device(authority.root("elsewhere"), b"1")
    assert check(stranger.pem())["reasons"][0].startswith("TLS refuses it: unable to get local issuer")
    issuer = dev.load_holder(trusted / "authorities/issuer.pem", trusted / "authorities/issuer.key")
    ended = authority.issue(issuer, authority.subject("ended"), [], begin=datetime.now(UTC) - timedelta(9),
                            end=datetime.now(UTC) - timedelta(1))
    assert "expired" in check(ended.pem())["reasons"][0]
    assert "authority's certificate" in check(issuer.pem())["reasons"][0]


def test_the_text_or_the_file_and_not_both(trusted: Path) -> None:
    pem = (trusted / "device-1.pem").read_text()
    file = UploadedFile("a.pem", pem.encode())
    assert run("check", pem=pem) == run("check", file=file)
    for given in ({}, {"pem": pem, "file": file}):
        with pytest.raises(BadArgument, match="either the text or `file`"):
            run("check", **given)


def test_authorities_that_cannot_be_read(server: None, tree: Path, tmp_path: Path) -> None:
    settings.client_ca = str(tmp_path / "missing.pem")
    with pytest.raises(Refused, match="setting client_ca"):
        check((tree / "device-1.pem").read_bytes())


def test_what_devices_show_is_kept_and_listed_by_its_end(trusted: Path) -> None:
    for number, name in ((1, "one"), (2, "two"), (3, "")):
        enrolment.enrol(peers.lfdi(number), name=name)
    endingcertificates.forget()
    for number, days in ((1, 40), (2, 20), (3, 500), (9, 1)):
        endingcertificates.note(Peer(peers.lfdi(number), number, NOON + days * DAY + 0.5))
    endingcertificates.flush()
    endingcertificates.forget()
    virtualders.create("part", members=["one"])
    rows = operations.load("certificate").operations["list"].run({})
    assert [(row["holder"], row["left_s"] // DAY) for row in rows] == [("two", 20), ("one", 40)]
    assert len(run("list", within_s=900 * DAY)) == 3  # type: ignore[arg-type]
    with scopes.within(virtualders.find("part")):
        assert [row["holder"] for row in run("list")] == ["one"]  # type: ignore[attr-defined]
    settings.certificate = str(trusted / "server.pem")
    assert {row["holder"] for row in run("list", within_s=2 ** 32 - 1)} == {  # type: ignore[attr-defined]
        "two", "one", "device 3"}, "those of the tree do not end"
    clock.turn_to(certificatecheck.LAST - DAY)
    assert {"server.pem", "ca.pem"} < {row["holder"] for row in run("list")}  # type: ignore[attr-defined]


def test_without_an_authority_nothing_is_issued_or_revoked(trusted: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="setting certificate_authority"):
        run("issue", name="roof")
    settings.certificate_authority = str(tmp_path)
    with pytest.raises(Refused, match="has no key of an authority"):
        run("revoke", pem=(trusted / "device-2.pem").read_text())


def test_a_certificate_is_issued_let_in_and_revoked(trusted: Path) -> None:
    settings.certificate_authority = str(trusted)
    tried = run("issue", name="roof", dry_run=True)
    assert "private_key" not in tried and not (trusted / "roof.pem").exists()  # type: ignore[operator]
    issued = run("issue", name="roof", kind="test")
    assert isinstance(issued, dict) and "PRIVATE KEY" in issued["private_key"]
    enrolment.enrol(issued["lfdi"], pin=int(issued["pin"]), name="roof")
    assert run("check", pem=issued["certificate"])["let_in"]  # type: ignore[index]
    with pytest.raises(Refused, match="roof-2"):
        run("issue", name="roof")
    for name in ("../roof", "", "a/b", ".hidden", "x" * 64):
        with pytest.raises(Refused) as refused:
            run("issue", name=name)
        assert refused.value.status == 400
    settings.crl = str(trusted / "crl")
    assert run("revoke", device="roof", dry_run=True)["warnings"] == []  # type: ignore[index]
    assert not (trusted / "crl").exists()
    run("revoke", device="roof")
    assert run("check", pem=issued["certificate"])["reasons"] == [  # type: ignore[index]
        "a certificate that is revoked: its own"]
    settings.crl = ""
    assert "set crl" in run("revoke", pem=issued["certificate"])["warnings"][0]  # type: ignore[index]
    enrolment.enrol(peers.lfdi(1), name="other")
    with pytest.raises(Refused, match="has issued no certificate to other"):
        run("revoke", device="other")
    with pytest.raises(Refused, match="has issued it and has to revoke it"):
        run("revoke", pem=authority.device(authority.root("elsewhere"), b"1").pem().decode())
