"""Operators' certificates: whose one is that came with TLS, and whether it still lets in.

TLS has verified that somebody has its key, and that an authority of `console_operator_ca` has issued it.
Dates and revocations are looked at here, so that a person is told why.
"""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from server import clock
from server.config import settings
from server.errors import Refused
from server.models import OperatorUser
from server.operators import principals
from server.operators.principals import Principal

if TYPE_CHECKING:
    from cryptography import x509

_CRL = b"-----BEGIN X509 CRL-----"


def principal(der: bytes) -> Principal:
    """Return the user whom the subject of a certificate names. Refused (401) where it has ended, was revoked,
    or names no user; (503) where it cannot be known whether it was revoked."""
    from cryptography import x509
    certificate = x509.load_der_x509_certificate(der)
    _check(certificate)
    name = _common_name(certificate)
    user = OperatorUser.get_or_none(OperatorUser.name == name)
    if user is None or user.disabled:
        _refuse(f"it is that of {name!r}, who is {'disabled' if user else 'no user'}")
    return principals.of(user)


def _refuse(why: str) -> NoReturn:
    raise Refused(401, f"the certificate of your browser or program is refused: {why}")


def _check(certificate: x509.Certificate) -> None:
    now = datetime.fromtimestamp(clock.system.time(), tz=certificate.not_valid_after_utc.tzinfo)
    issuer = _issuer(certificate)
    for one, what in ((certificate, "it"), (issuer, "its authority")):
        if not one.not_valid_before_utc - timedelta(minutes=5) <= now <= one.not_valid_after_utc:
            _refuse(f"{what} is valid from {one.not_valid_before_utc:%Y-%m-%d %H:%M} until "
                    f"{one.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if not _is_for_clients(certificate):
        _refuse("it is none for TLS clients")
    revoked_at = _revoked_at(certificate, issuer)
    if revoked_at is not None:
        _refuse(f"it was revoked on {revoked_at:%Y-%m-%d}")


def _issuer(certificate: x509.Certificate) -> x509.Certificate:
    from cryptography.exceptions import InvalidSignature
    for authority in authorities(settings.console_operator_ca):
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return authority
    _refuse("none of the authorities in console_operator_ca has issued it itself")


def _is_for_clients(certificate: x509.Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses


def _common_name(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        _refuse("its subject has no common name, or several")
    return str(names[0].value)


def authorities(path: str) -> Sequence[x509.Certificate]:
    """Return the certificates in a file, read again once it changes. OSError or ValueError where it has
    none."""
    return _read(path, *_version(path))


def _version(path: str) -> tuple[int, int]:
    stat = Path(path).stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=4)
def _read(path: str, changed_ns: int, size: int) -> Sequence[x509.Certificate]:
    from cryptography import x509
    return x509.load_pem_x509_certificates(Path(path).read_bytes())


def _revoked_at(certificate: x509.Certificate, issuer: x509.Certificate) -> datetime | None:
    path = settings.console_operator_crl
    if not path:
        return None
    try:
        lists = _lists(path, *_version(path))
    except (OSError, ValueError) as error:
        raise Refused(503, f"it is not known which certificates are revoked: console_operator_crl, {path}, "
                           f"cannot be read: {error}") from None
    for revocations in lists:
        if revocations.issuer == issuer.subject and revocations.is_signature_valid(
                issuer.public_key()):  # type: ignore[arg-type]
            entry = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None:
                return entry.revocation_date_utc
    return None


@lru_cache(maxsize=4)
def _lists(path: str, changed_ns: int, size: int) -> list[x509.CertificateRevocationList]:
    from cryptography import x509
    parts = Path(path).read_bytes().split(_CRL)[1:]
    if not parts:
        raise ValueError("there is no revocation list in it")
    return [x509.load_pem_x509_crl(_CRL + part) for part in parts]
