"""Whether the device interface would let a certificate in, and why not: by the rules by which it does."""
from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypedDict

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server import scopes
from server.config import settings
from server.devices import identity, trust
from server.devices.revocation import BadRevocationList, Revocations, certificate_id
from server.errors import Refused
from server.models import Device
from server.units import Instant, Lfdi

MAX_BYTES = 1 << 16  # a chain has four certificates of about a kilobyte
MAX_CERTIFICATES = 16
LAST = 253_402_300_799  # 9999-12-31T23:59:59Z: a certificate that does not end (RFC 5280, 4.1.2.5)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


class ChainRow(TypedDict):
    """A certificate of a chain; `source` says whether it came with the device's or is one of client_ca."""
    subject: str
    issuer: str
    source: str
    serial: str
    begins_at: Instant
    ends_at: Instant


class CheckedCertificate(TypedDict):
    """A certificate, and whether the device interface would let it in; `reasons` say why not.

    `chain` begins with it and ends with the authority that is trusted, as far as that is known. `device` is
    the name or number of the device that is enrolled with it, None where there is none that is visible.
    """
    lfdi: Lfdi
    sfdi: int
    let_in: bool
    reasons: list[str]
    warnings: list[str]
    subject: str
    issuer: str
    begins_at: Instant
    ends_at: Instant
    policies: list[str]
    device: str | None
    state: str
    chain: list[ChainRow]


def check(content: bytes) -> CheckedCertificate:
    """Check the first certificate of a text or file, presented with the others in it.

    Refused (400) where there is none.
    """
    own, *between = certificates(content)
    der = own.public_bytes(Encoding.DER)
    lfdi = identity.lfdi(der)
    device: Device | None = scopes.devices(Device.select()).where(Device.lfdi == lfdi).first()
    authorities = _authorities()
    chain = [(own, "device"), *_above(own, between, authorities)]
    reasons = [*_refused(der, between), *_revoked([certificate for certificate, _ in chain]),
               *_not_enrolled(device)]
    return {
        "lfdi": lfdi,
        "sfdi": identity.sfdi(lfdi),
        "let_in": not reasons,
        "reasons": reasons,
        "warnings": ["The text has a private key, which nobody needs for this. Whoever may have seen it can "
                     "act as this device: have another certificate issued."] if _KEY.search(content) else [],
        "subject": name_of(own.subject) or "none, as devices have",
        "issuer": name_of(own.issuer),
        "begins_at": seconds(own.not_valid_before_utc),
        "ends_at": seconds(own.not_valid_after_utc),
        "policies": policies(own),
        "device": None if device is None else device.name or str(device.id),
        "state": "" if device is None else device.state,
        "chain": [_row(certificate, source) for certificate, source in chain],
    }


def certificates(content: bytes) -> list[x509.Certificate]:
    """Return the certificates of a text or file: PEM, DER, or DER in base64. Refused (400) where it has none,
    or too many."""
    if len(content) > MAX_BYTES:
        raise Refused(400, f"{len(content)} bytes are no certificate: {MAX_BYTES} are the most")
    parts = _PEM.findall(content)
    try:
        if parts:
            found = [x509.load_pem_x509_certificate(part + b"\n") for part in parts[:MAX_CERTIFICATES + 1]]
        else:
            found = [x509.load_der_x509_certificate(_der(content))]
    except ValueError:
        raise Refused(400, "this is not a certificate: give it as PEM (BEGIN CERTIFICATE), or as DER, with "
                           "those of its issuers where the device presents them") from None
    if len(found) > MAX_CERTIFICATES:
        raise Refused(400, f"there are more than {MAX_CERTIFICATES} certificates: give the device's first, "
                           "then its issuers'")
    return found


def _der(content: bytes) -> bytes:
    if content[:1] == b"\x30" and len(content) > 1 and content[1] & 0x80:
        return content  # a SEQUENCE with a length of several octets
    return base64.b64decode(b"".join(content.split()), validate=True)


def _authorities() -> list[x509.Certificate]:
    """The authorities that are trusted. Refused (503) where their file cannot be read."""
    try:
        return x509.load_pem_x509_certificates(Path(settings.client_ca).read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(503, f"the authorities of devices cannot be read from {settings.client_ca} (setting "
                           f"client_ca): {error}") from None


def allowed_keys() -> frozenset[str]:
    """Return the kinds of keys that devices may have, by the settings."""
    return trust.keys_of(filter(None, (suite.strip() for suite in settings.further_suites.split(","))))


def _refused(der: bytes, between: list[x509.Certificate]) -> Iterator[str]:
    """Yield why TLS would refuse it."""
    authorities = trust.Authorities(Path(settings.client_ca).read_bytes(), allowed_keys())
    try:
        authorities.verify(der, [certificate.public_bytes(Encoding.DER) for certificate in between])
    except trust.Untrusted as fault:
        yield f"TLS refuses it: {fault}"


def _revoked(chain: list[x509.Certificate]) -> Iterator[str]:
    """Yield which certificates of a chain are revoked by the lists of the setting `crl`."""
    try:
        revocations = Revocations(settings.crl, settings.client_ca)
    except (OSError, BadRevocationList) as error:
        yield f"its revocation cannot be told: {error}"
        return
    for certificate in chain:
        if certificate_id(certificate) in revocations:
            yield f"{trust.REVOKED_FAULT}: {name_of(certificate.subject) or 'its own'}"


def _not_enrolled(device: Device | None) -> Iterator[str]:
    if device is None:
        yield ("no device is enrolled with it: it may register itself" if settings.registration else
               "no device is enrolled with it: enrol its LFDI")
    elif device.state != Device.ENROLLED:
        yield f"the device is {device.state}"


def _above(own: x509.Certificate, between: list[x509.Certificate], authorities: list[x509.Certificate]
           ) -> Iterator[tuple[x509.Certificate, str]]:
    """Yield the certificates above one, as far as they are known by their names, with where they are from."""
    known = [*((certificate, "trusted (client_ca)") for certificate in authorities),
             *((certificate, "came with it") for certificate in between)]
    for _ in range(trust.MAX_CHAIN):
        if own.subject == own.issuer and own.subject.rdns:
            return
        found = next(((certificate, source) for certificate, source in known
                      if certificate.subject == own.issuer), None)
        if found is None:
            return
        yield found
        own = found[0]


def _row(certificate: x509.Certificate, source: str) -> ChainRow:
    return {"subject": name_of(certificate.subject), "issuer": name_of(certificate.issuer), "source": source,
            "serial": f"{certificate.serial_number:X}",
            "begins_at": seconds(certificate.not_valid_before_utc),
            "ends_at": seconds(certificate.not_valid_after_utc)}


def name_of(name: x509.Name) -> str:
    """Return a name as people write it; "" for none."""
    return name.rfc4514_string()


def seconds(at: datetime) -> Instant:
    """Return an instant (UTC, s) of a certificate."""
    return min(max(int(at.timestamp()), 0), LAST)


def policies(certificate: x509.Certificate) -> list[str]:
    """Return the identifiers of the policies of a certificate."""
    return [policy.policy_identifier.dotted_string
            for extension in certificate.extensions
            if isinstance(extension.value, x509.CertificatePolicies)
            for policy in extension.value]
