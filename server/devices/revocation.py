"""Certificates that their authorities have revoked, by lists in files (RFC 5280, 5).

The setting `crl` names a file, or a folder of files, in PEM or DER. A list counts where one of the
authorities has signed it: those of `client_ca`, or certificates that stand in the same files, since the
issuer of a device is often not configured itself. Files are read again once they change, without a restart.

What an authority has issued that is revoked itself counts as revoked too, where the authority's certificate
is in these files. A handshake looks at the whole chain anyway; an open connection, or a session that is
resumed, has the device's certificate alone.
"""
from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

CertificateId = tuple[bytes, int]
"""The issuer's name in DER encoding, and the serial number."""

log = logging.getLogger(__name__)
_PEM = b"-----BEGIN "


class BadRevocationList(ValueError):
    """A file is not a revocation list, or not one of an authority that we know. The message names it."""


def certificate_id(certificate: x509.Certificate) -> CertificateId:
    """Return what a revocation list names a certificate by."""
    return certificate.issuer.public_bytes(), certificate.serial_number


class Revocations:
    """The certificates that are revoked, by the files at a path ("" for none)."""

    def __init__(self, path: str, client_ca: str | Path):
        """BadRevocationList or OSError where a file cannot be used."""
        self.path, self.client_ca = path, client_ca
        self.state = self._files()
        self.revoked, self.revoked_issuers = self._read()

    def __contains__(self, certificate: object) -> bool:
        return certificate in self.revoked or (
            isinstance(certificate, tuple) and certificate[:1] in self.revoked_issuers)

    def refresh(self) -> bool:
        """Read the files again where one has changed; return whether other certificates are revoked now.

        Where a file cannot be used the lists of before go on to hold, and the log says why.
        """
        before = self.revoked, self.revoked_issuers
        try:
            state = self._files()
            if state == self.state:
                return False
            self.state = state
            self.revoked, self.revoked_issuers = self._read()
        except (OSError, BadRevocationList) as error:
            log.error("revocation lists: %s; those of before still hold", error)
            return False
        log.info("revocation lists read again: %s certificates are revoked", len(self.revoked))
        return (self.revoked, self.revoked_issuers) != before

    def _files(self) -> dict[Path, tuple[int, int]]:
        """Return the files with the time of their last change, in ns, and their size."""
        if not self.path:
            return {}
        path = Path(self.path)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        states = {file: file.stat() for file in files if file.is_file()}
        return {file: (state.st_mtime_ns, state.st_size) for file, state in states.items()}

    def _read(self) -> tuple[frozenset[CertificateId], frozenset[tuple[bytes]]]:
        """Return the certificates that are revoked, and the names of authorities that are."""
        if not self.path:
            return frozenset(), frozenset()
        if not Path(self.path).exists():
            raise BadRevocationList(f"crl: {self.path} does not exist")
        authorities = x509.load_pem_x509_certificates(Path(self.client_ca).read_bytes())
        lists: list[tuple[Path, x509.CertificateRevocationList]] = []
        for file in self.state:
            content = file.read_bytes()
            if b"-----BEGIN CERTIFICATE-----" in content:
                authorities += _authorities(file, content)
            lists += [(file, revocation_list) for revocation_list in _lists(file, content)]
        revoked = frozenset(entry for file, revocation_list in lists
                            for entry in _entries(file, revocation_list, authorities))
        return revoked, _revoked_issuers(authorities, revoked)


def _revoked_issuers(
    authorities: list[x509.Certificate], revoked: frozenset[CertificateId]
) -> frozenset[tuple[bytes]]:
    """Return the names of the authorities that are revoked, or whose own are. One of that name which is not,
    such as its successor with another key, makes up for it."""
    issuers: frozenset[tuple[bytes]] = frozenset()
    for _ in authorities:  # as long as a chain of all of them
        good: set[tuple[bytes]] = set()
        bad: set[tuple[bytes]] = set()
        for authority in authorities:
            issuer, serial = certificate_id(authority)
            is_bad = (issuer, serial) in revoked or (issuer,) in issuers
            (bad if is_bad else good).add((authority.subject.public_bytes(),))
        issuers = frozenset(bad - good)
    return issuers


def _authorities(file: Path, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise BadRevocationList(f"crl: {file} has a broken certificate: {error}") from None


def _lists(file: Path, content: bytes) -> Iterator[x509.CertificateRevocationList]:
    """Return the lists in a file: one in DER, or any number in PEM."""
    try:
        if _PEM not in content:
            yield x509.load_der_x509_crl(content)
            return
        begin = b"-----BEGIN X509 CRL-----"
        for part in content.split(begin)[1:]:
            yield x509.load_pem_x509_crl(begin + part)
    except ValueError as error:
        raise BadRevocationList(f"crl: {file} is not a revocation list: {error}") from None


def _entries(
    file: Path, revocation_list: x509.CertificateRevocationList, authorities: list[x509.Certificate]
) -> Iterator[CertificateId]:
    """Return what a list revokes. BadRevocationList where no authority has signed it."""
    issuer = revocation_list.issuer
    if not any(_signed(revocation_list, authority) for authority in authorities
               if authority.subject == issuer):
        raise BadRevocationList(f"crl: {file} is signed by none of the authorities; put the certificate of "
                                f"{issuer.rfc4514_string()} into the same file")
    for entry in revocation_list:
        yield issuer.public_bytes(), entry.serial_number


def _signed(revocation_list: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return revocation_list.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
