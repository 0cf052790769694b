"""Certificates that must be refused, issued under a root, each with the reason; and some that must be
accepted."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Use

from certs import authority as ca
from certs.authority import Holder

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Presented:
    """What a client presents: PEM of its chain without the root and of its key, DER of each certificate."""
    chain: bytes
    key: bytes
    ders: tuple[bytes, ...]

    def files(self, directory: Path) -> tuple[Path, Path]:
        """Write chain and key into files, and return their paths."""
        (directory / "own.pem").write_bytes(self.chain)
        (directory / "own.key").write_bytes(self.key)
        return directory / "own.pem", directory / "own.key"


def presented(holder: Holder) -> Presented:
    chain = holder.chain[:-1] or holder.chain
    ders = tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
    return Presented(holder.pem(), holder.key_pem(), ders)


def device_certificate(issuer: Holder | None, **options: datetime | ec.EllipticCurvePrivateKey) -> Holder:
    """Return a device's certificate, which options may make invalid."""
    name = x509.RFC822Name("device@example.org")
    return ca.issue(
        issuer,
        x509.Name([]) if issuer else ca.subject("myself"),
        [
            (x509.SubjectAlternativeName([name]), True),
            (ca.policies(ca.POLICIES["generic"]), True),
            (ca.SIGNING_USE, True),
        ],
        **options,
    )


def under(root: Holder, *extensions: tuple[x509.ExtensionType, bool]) -> Presented:
    """Return a device under an issuing authority with these further extensions."""
    return presented(device_certificate(ca.issue(root, ca.subject("issuer"), [*issuing(0), *extensions])))


def issuing(below: int | None) -> list[tuple[x509.ExtensionType, bool]]:
    """Return the extensions of an issuing authority."""
    return [*ca.authority_extensions(below), (ca.policies(ca.ANY_POLICY), True)]


def mapping(root: Holder, critical: bool = True) -> Presented:
    """Return a device under an authority that maps one policy to another."""
    pair = x509.ObjectIdentifier(ca.POLICIES["generic"]), x509.ObjectIdentifier(ca.POLICIES["test"])
    ders = [bytes.fromhex("06") + bytes([len(body)]) + body for body in map(oid_body, pair)]
    inner = tlv(0x30, b"".join(ders))
    return under(
        root, (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), tlv(0x30, inner)), critical)
    )


def oid_body(oid: x509.ObjectIdentifier) -> bytes:
    first, second, *arcs = map(int, oid.dotted_string.split("."))
    body = bytes([40 * first + second])
    for arc in arcs:
        digits = [arc & 127]
        while arc := arc >> 7:
            digits.insert(0, arc & 127 | 128)
        body += bytes(digits)
    return body


def tlv(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def rsa_key(root: Holder) -> Presented:
    """Return a device with an RSA key."""
    key = rsa.generate_private_key(65537, 2048)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(root.chain[0].subject)
        .serial_number(7)
        .public_key(key.public_key())
        .not_valid_before(NOW - DAY)
        .not_valid_after(ca.FOREVER)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name("rsa@example.org")]), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), False)
        .add_extension(ca.SIGNING_USE, True)
        .sign(root.key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Presented(certificate.public_bytes(Encoding.PEM), pem, (certificate.public_bytes(Encoding.DER),))


def other_name(root: Holder) -> Presented:
    """Return a device whose issuer has another name than the authority that signed it."""
    return presented(device_certificate(Holder(root.key, ca.root("another name").chain)))


def tampered(root: Holder) -> Presented:
    """Return a device that names the authority as its issuer, but was signed with another key."""
    forger = ca.root("forger")
    return presented(device_certificate(Holder(forger.key, root.chain)))


def too_deep(root: Holder) -> Presented:
    """Return a chain of five certificates."""
    first = ca.issue(root, ca.subject("one"), issuing(None))
    second = ca.issue(first, ca.subject("two"), issuing(None))
    return presented(device_certificate(ca.authority(second, "three")))


def beyond_its_length(root: Holder) -> Presented:
    """Return a device under an authority that its own authority was not allowed to issue."""
    return presented(device_certificate(ca.authority(ca.authority(root, "no further", below=0), "further")))


BAD: dict[str, tuple[Callable[[Holder], Presented], str]] = {
    "self-signed": (lambda root: presented(device_certificate(None)), "self-signed certificate"),
    "unknown authority": (
        lambda root: presented(device_certificate(ca.root("unknown"))),
        "unable to get local issuer certificate",
    ),
    "signature of another": (tampered, "certificate signature failure"),
    "expired": (
        lambda root: presented(device_certificate(root, begin=NOW - 2 * DAY, end=NOW - DAY)),
        "certificate has expired",
    ),
    "not valid yet": (lambda root: presented(device_certificate(root, begin=NOW + DAY)),
                      "certificate is not yet valid"),
    "RSA key": (rsa_key, "not on the curve P-256"),
    "P-384 key": (
        lambda root: presented(device_certificate(root, key=ec.generate_private_key(ec.SECP384R1()))),
        "not on the curve P-256",
    ),
    "an authority itself": (
        lambda root: presented(
            ca.issue(
                root,
                ca.subject("issuer"),
                [
                    (x509.BasicConstraints(True, 0), True),
                    (ca.key_usage(digital_signature=True, key_cert_sign=True), True),
                ],
            )
        ),
        "an authority's certificate in place of a device's",
    ),
    "a server that is no client": (
        lambda root: presented(
            ca.issue(
                root,
                ca.subject("server"),
                [(ca.SIGNING_USE, True), (x509.ExtendedKeyUsage([Use.SERVER_AUTH]), False)],
            )
        ),
        "purpose",
    ),
    "issuer: critical extended key usage": (
        lambda root: under(root, (x509.ExtendedKeyUsage([Use.CLIENT_AUTH]), True)),
        "critical extended key usage",
    ),
    "issuer: extended key usage for servers": (
        lambda root: under(root, (x509.ExtendedKeyUsage([Use.SERVER_AUTH]), False)),
        "purpose",
    ),
    "issuer: name constraints that exclude it": (
        lambda root: under(root, (x509.NameConstraints([x509.RFC822Name("example.com")], None), True)),
        "permitted subtree violation",
    ),
    "issuer: name constraints not critical": (
        lambda root: under(root, (x509.NameConstraints([x509.RFC822Name("example.org")], None), False)),
        "name constraints that are not critical",
    ),
    "issuer: another name": (other_name, "unable to get local issuer certificate"),
    "issuer: policy mapping": (mapping, "policy mapping"),
    "issuer: policy mapping not critical": (lambda root: mapping(root, critical=False), "policy mapping"),
    "issuer: policy constraints": (
        lambda root: under(root, (x509.PolicyConstraints(1, None), True)),
        "policy",
    ),
    "issuer: no authority": (
        lambda root: presented(device_certificate(ca.aggregator(root, "aggregator"))),
        "invalid CA certificate",
    ),
    "issuer: nothing said of its key's use": (
        lambda root: presented(
            device_certificate(ca.issue(root, ca.subject("issuer"), [(x509.BasicConstraints(True, 0), True)]))
        ),
        "without key usage keyCertSign",
    ),
    "issuer: too many below": (beyond_its_length, "path length constraint exceeded"),
    "a chain of five": (too_deep, "chain"),
}


def good(root: Holder) -> dict[str, Presented]:
    """Return certificates that must be accepted, with chains of two, three and four among them."""
    manufacturer = ca.authority(root, "manufacturer", below=1)
    issuer = ca.authority(manufacturer, "issuer")
    return {
        "a chain of two": presented(ca.device(root, b"2")),
        "a chain of three": presented(ca.device(ca.authority(root, "issuer"), b"3")),
        "a chain of four": presented(ca.device(issuer, b"4")),
        "mobile": presented(ca.device(issuer, b"5", "mobile")),
        "aggregator": presented(ca.aggregator(issuer, "aggregator")),
        "issuer with permitted names": under(
            root, (x509.NameConstraints([x509.RFC822Name("example.org")], None), True)
        ),
        "issuer with a usage that is not critical": under(
            root, (x509.ExtendedKeyUsage([Use.CLIENT_AUTH]), False)
        ),
    }
