"""Certificates with the extensions of IEEE 2030.5-2018, 6.11.8, for root, manufacturer's and issuing
authorities, devices, aggregators, servers and operators. Functions take and return a `Holder`; no files.

A chain has two certificates where the root issues devices itself, three with one authority in between, four
with two.
"""
from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from cryptography.x509.oid import NameOID

from server.devices import identity

FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The end of a certificate that does not expire (RFC 5280 4.1.2.5)."""

BACKDATING = timedelta(hours=1)
"""How long before its issue a certificate begins to be valid, for devices whose clock is behind."""

HARDWARE_MODULE_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4")
EXAMPLE_HARDWARE = x509.ObjectIdentifier("2.999.2030.5")
"""hwType of invented devices, from the arc that is reserved for examples."""

ANY_POLICY = "2.5.29.32.0"
POLICIES = {
    "generic": "1.3.6.1.4.1.40732.1.1",
    "mobile": "1.3.6.1.4.1.40732.1.2",
    "post-manufacture": "1.3.6.1.4.1.40732.1.3",
    "test": "1.3.6.1.4.1.40732.2.1",
    "self-signed": "1.3.6.1.4.1.40732.2.2",
    "service-provider": "1.3.6.1.4.1.40732.2.3",
    "bulk": "1.3.6.1.4.1.40732.2.4",
}
"""The policy of a certificate, by its kind (6.11.7.1 to 6.11.7.3)."""

Extensions = Iterable[tuple[x509.ExtensionType, bool]]
"""Extensions, each with whether it is critical."""


@asn1.sequence
class HardwareModuleName:
    """The maker of the hardware and its serial number (RFC 4108, 5)."""
    hwType: x509.ObjectIdentifier
    hwSerialNum: bytes


@dataclass(frozen=True)
class Holder:
    """A private key with its certificate and those of the authorities above, the root last."""
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.chain[0].public_bytes(Encoding.DER)

    @property
    def lfdi(self) -> str:
        """The LFDI: 40 upper-case hexadecimal digits."""
        return identity.lfdi(self.der)

    def pem(self) -> bytes:
        """Return the chain that the holder presents: all but the root, or of a root the root."""
        presented = self.chain[:-1] or self.chain
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in presented)

    def key_pem(self) -> bytes:
        """Return the private key, unencrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def root(name: str) -> Holder:
    """Return a root authority, such as the SERCA."""
    return issue(None, subject(name), [*authority_extensions(None)])


def authority(issuer: Holder, name: str, below: int = 0) -> Holder:
    """Return an authority that may have `below` authorities between itself and a device.

    That is 1 for a manufacturer's authority (MCA), 0 for an issuing one (MICA).
    """
    return issue(issuer, subject(name), [*authority_extensions(below), (policies(ANY_POLICY), True)])


def device(issuer: Holder, serial: bytes, kind: str = "generic",
           hardware: x509.ObjectIdentifier = EXAMPLE_HARDWARE) -> Holder:
    """Return a device, which has a HardwareModuleName in place of a subject."""
    name = asn1.encode_der(HardwareModuleName(hwType=hardware, hwSerialNum=serial))
    return issue(issuer, x509.Name([]), [
        (x509.SubjectAlternativeName([x509.OtherName(HARDWARE_MODULE_NAME, name)]), True),
        (policies(*dict.fromkeys((POLICIES[kind], POLICIES["test"]))), True), (SIGNING_USE, True)])


def aggregator(issuer: Holder, name: str) -> Holder:
    """Return a service provider that manages devices."""
    return issue(issuer, subject(name), [
        (policies(POLICIES["service-provider"], POLICIES["test"]), True), (SIGNING_USE, True),
        (x509.ExtendedKeyUsage([Use.CLIENT_AUTH]), False)])


def server(issuer: Holder, names: Iterable[str]) -> Holder:
    """Return a server with these host names and IP addresses.

    It may be a client too, since it sends notifications.
    """
    return issue(issuer, x509.Name([]), [
        (x509.SubjectAlternativeName([general_name(name) for name in names]), True),
        (policies(POLICIES["generic"], POLICIES["test"]), True), (SIGNING_USE, True),
        (x509.ExtendedKeyUsage([Use.SERVER_AUTH, Use.CLIENT_AUTH]), False)])


def operator(issuer: Holder, name: str, end: datetime = FOREVER) -> Holder:
    """Return a user of the operator interface."""
    return issue(issuer, subject(name), [
        (SIGNING_USE, True), (x509.ExtendedKeyUsage([Use.CLIENT_AUTH]), False)], end=end)


def issue(
    issuer: Holder | None,
    name: x509.Name,
    extensions: Extensions,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    begin: datetime | None = None,
    end: datetime = FOREVER,
) -> Holder:
    """Return a certificate with these extensions; without an issuer it is self-signed.

    The identifiers of the keys are added (RFC 5280 4.2.1.1, 2).
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    issuer_key = cast(ec.EllipticCurvePublicKey, issuer.chain[0].public_key()) if issuer else key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(issuer.chain[0].subject if issuer else name)
        .serial_number(x509.random_serial_number()).public_key(key.public_key())
        .not_valid_before(begin or datetime.now(UTC) - BACKDATING).not_valid_after(end)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Holder(
        key, (builder.sign(issuer.key if issuer else key, SHA256()), *(issuer.chain if issuer else ()))
    )


def authority_extensions(below: int | None) -> Extensions:
    """Yield the extensions of an authority.

    `below` is how many authorities may follow; None sets no limit.
    """
    yield x509.BasicConstraints(ca=True, path_length=below), True
    yield key_usage(key_cert_sign=True, crl_sign=True), True


def key_usage(**uses: bool) -> x509.KeyUsage:
    """Return a KeyUsage with these uses and no others."""
    unused = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**unused | uses)


SIGNING_USE = key_usage(digital_signature=True, key_agreement=True)


def policies(*identifiers: str) -> x509.CertificatePolicies:
    """Return these policies, without qualifiers."""
    return x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(identifier), None) for identifier in identifiers]
    )


def subject(name: str) -> x509.Name:
    """Return a subject with one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def general_name(name: str) -> x509.GeneralName:
    """Return a host name or an IP address as a GeneralName."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def revocation_list(
    issuer: Holder, certificates: Iterable[x509.Certificate], now: datetime, earlier: bytes = b""
) -> bytes:
    """Return a PEM file with the revocation list of an authority, and its own certificate above it.

    It revokes these certificates and those of an `earlier` file. It does not end: whoever reads it reads it
    again once it changes.
    """
    name = issuer.chain[0].subject
    builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(now).next_update(FOREVER)
    revoked = {certificate.serial_number: now for certificate in certificates}
    if earlier:
        begin = b"-----BEGIN X509 CRL-----"
        for entry in x509.load_pem_x509_crl(begin + earlier.partition(begin)[2]):
            revoked[entry.serial_number] = entry.revocation_date_utc
    for serial, revoked_at in sorted(revoked.items()):
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revoked_at).build())
    return issuer.pem() + builder.sign(issuer.key, SHA256()).public_bytes(Encoding.PEM)
