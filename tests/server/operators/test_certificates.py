"""Operators' certificates: whom they name, and why one lets nobody in."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import authority
from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import virtualders
from server.operators import authentication, users
from server.operators.principals import Principal
from server.operators.roles import Role
from tests.conftest import on_sqlite

pytestmark = [pytest.mark.usefixtures("server"), on_sqlite]
ROOT = authority.root("Operators")
KATE, OTHER = authority.operator(ROOT, "kate"), authority.operator(ROOT, "kate")


@pytest.fixture
def ca(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the authorities' file; kate is a user."""
    (tmp_path / "ca.pem").write_bytes(ROOT.pem())
    monkeypatch.setattr(settings, "console_operator_ca", str(tmp_path / "ca.pem"))
    virtualders.create("street")
    users.create("kate", Role.OPERATOR, "street")
    return tmp_path


def refused(holder: authority.Holder, status: int = 401) -> str:
    with pytest.raises(Refused) as caught:
        authentication.by_certificate(holder.der)
    assert caught.value.status == status
    return caught.value.why


def test_the_subject_names_the_user(ca: Path) -> None:
    assert authentication.by_certificate(KATE.der) == Principal(
        "kate", Role.OPERATOR, virtualders.find("street"))


@pytest.mark.parametrize("make, why", [
    (lambda: authority.operator(ROOT, "nobody"), "'nobody', who is no user"),
    (lambda: authority.operator(authority.root("Operators"), "kate"), "none of the authorities"),
    (lambda: authority.operator(authority.authority(ROOT, "below"), "kate"), "has issued it itself"),
    (lambda: authority.issue(ROOT, authority.subject("kate"), [(authority.SIGNING_USE, True)]),
     "none for TLS clients"),
    (lambda: authority.device(ROOT, b"12345678"), "none for TLS clients"),
])
def test_what_lets_nobody_in(ca: Path, make: Callable[[], authority.Holder], why: str) -> None:
    assert why in refused(make())


def test_who_is_disabled_stays_out(ca: Path) -> None:
    users.update("kate", disabled=True)
    assert "'kate', who is disabled" in refused(KATE)


def test_one_that_is_not_valid_now_is_refused_with_its_dates(
    ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = datetime(2126, 11, 1, 12, tzinfo=UTC)
    ending = authority.operator(ROOT, "kate", end)
    assert authentication.by_certificate(ending.der).name == "kate"
    for at, holder in (((end + timedelta(seconds=1)), ending), (datetime(1999, 1, 1, tzinfo=UTC), KATE)):
        monkeypatch.setattr(clock.system, "time", at.timestamp)
        assert "it is valid from" in refused(holder)
    assert "until 2126-11-01 12:00 UTC" in refused(ending)


def test_one_that_was_revoked_is_refused_and_another_of_the_same_name_is_not(
    ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked = authority.revocation_list(ROOT, [KATE.chain[0]], datetime(2026, 11, 1, tzinfo=UTC))
    (ca / "crl.pem").write_bytes(revoked)
    monkeypatch.setattr(settings, "console_operator_crl", str(ca / "crl.pem"))
    assert "it was revoked on 2026-11-01" in refused(KATE)
    assert authentication.by_certificate(OTHER.der).name == "kate"
    other = authority.root("Operators")  # of the same name, but another key
    (ca / "crl.pem").write_bytes(authority.revocation_list(other, [OTHER.chain[0]], datetime.now(UTC)))
    assert authentication.by_certificate(OTHER.der).name == "kate"


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN X509 CRL-----\nxx"])
def test_without_the_revocation_lists_nobody_is_let_in(
    ca: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (ca / "crl.pem").write_bytes(content)
    monkeypatch.setattr(settings, "console_operator_crl", str(ca / "crl.pem"))
    assert "not known which certificates are revoked" in refused(KATE, 503)
