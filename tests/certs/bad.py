"""Certificates that must not be let in, made under a given root, each with why; and such that must."""
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

from certs import authority as a
from certs.authority import Holder

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Presented:
    """What a client shows: PEM of its chain without the root, PEM of its key, and DER of its certificate."""
    chain: bytes
    key: bytes
    ders: tuple[bytes, ...]

    def files(self, directory: Path) -> tuple[Path, Path]:
        """The same as files, for those who want files."""
        (directory / "own.pem").write_bytes(self.chain)
        (directory / "own.key").write_bytes(self.key)
        return directory / "own.pem", directory / "own.key"


def of(holder: Holder) -> Presented:
    ders = tuple(one.public_bytes(Encoding.DER) for one in holder.chain[:-1] or holder.chain)
    return Presented(holder.pem(), holder.key_pem(), ders)


def leaf(issuer: Holder | None, **how: datetime | ec.EllipticCurvePrivateKey) -> Holder:
    """A device's certificate that may be wrong in one way."""
    name = x509.RFC822Name("device@example.org")
    return a.issue(
        issuer,
        x509.Name([]) if issuer else a.subject("myself"),
        [
            (x509.SubjectAlternativeName([name]), True),
            (a.policies(a.POLICIES["generic"]), True),
            (a.SIGNING_USE, True),
        ],
        **how,
    )


def under(root: Holder, *extensions: tuple[x509.ExtensionType, bool]) -> Presented:
    """A device under an issuing authority that has these extensions as well."""
    issuer = a.issue(
        root, a.subject("issuer"), [*a.authority_extensions(0), (a.policies(a.ANY_POLICY), True), *extensions]
    )
    return of(leaf(issuer))


def mapping(root: Holder) -> Presented:
    """A device under an authority that maps one policy to another."""
    pair = x509.ObjectIdentifier(a.POLICIES["generic"]), x509.ObjectIdentifier(a.POLICIES["test"])
    ders = [bytes.fromhex("06") + bytes([len(body)]) + body for body in map(oid_body, pair)]
    inner = tlv(0x30, b"".join(ders))
    return under(
        root, (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), tlv(0x30, inner)), True)
    )


def oid_body(oid: x509.ObjectIdentifier) -> bytes:
    first, second, *rest = map(int, oid.dotted_string.split("."))
    out = bytes([40 * first + second])
    for arc in rest:
        digits = [arc & 127]
        while arc := arc >> 7:
            digits.insert(0, arc & 127 | 128)
        out += bytes(digits)
    return out


def tlv(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def rsa_key(root: Holder) -> Presented:
    """A device with an RSA key."""
    key = rsa.generate_private_key(65537, 2048)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(root.chain[0].subject)
        .serial_number(7)
        .public_key(key.public_key())
        .not_valid_before(NOW - DAY)
        .not_valid_after(a.FOREVER)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name("rsa@example.org")]), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), False)
        .add_extension(a.SIGNING_USE, True)
        .sign(root.key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Presented(certificate.public_bytes(Encoding.PEM), pem, (certificate.public_bytes(Encoding.DER),))


def other_name(root: Holder) -> Presented:
    """A device whose issuer's name is not that of the authority whose key signed it."""
    return of(leaf(Holder(root.key, a.root("another name").chain)))


def tampered(root: Holder) -> Presented:
    """A device that the authority's name is on, and another's signature."""
    forger = a.root("forger")
    return of(leaf(Holder(forger.key, root.chain)))


def too_deep(root: Holder) -> Presented:
    """A chain of five."""
    one = a.issue(root, a.subject("one"), [*a.authority_extensions(None), (a.policies(a.ANY_POLICY), True)])
    two = a.issue(one, a.subject("two"), [*a.authority_extensions(None), (a.policies(a.ANY_POLICY), True)])
    return of(leaf(a.authority(two, "three")))


def beyond_its_length(root: Holder) -> Presented:
    """A device under an authority that was not allowed to have one."""
    return of(leaf(a.authority(a.authority(root, "no further", below=0), "further")))


BAD: dict[str, tuple[Callable[[Holder], Presented], str]] = {
    "self-signed": (lambda root: of(leaf(None)), "self-signed certificate"),
    "unknown authority": (lambda root: of(leaf(a.root("unknown"))), "unable to get local issuer certificate"),
    "signature of another": (tampered, "certificate signature failure"),
    "expired": (lambda root: of(leaf(root, begin=NOW - 2 * DAY, end=NOW - DAY)), "certificate has expired"),
    "not valid yet": (lambda root: of(leaf(root, begin=NOW + DAY)), "certificate is not yet valid"),
    "RSA key": (rsa_key, "not on the curve P-256"),
    "P-384 key": (
        lambda root: of(leaf(root, key=ec.generate_private_key(ec.SECP384R1()))),
        "not on the curve P-256",
    ),
    "an authority itself": (
        lambda root: of(
            a.issue(
                root,
                a.subject("issuer"),
                [
                    (x509.BasicConstraints(True, 0), True),
                    (a.key_usage(digital_signature=True, key_cert_sign=True), True),
                ],
            )
        ),
        "an authority's certificate in place of a device's",
    ),
    "a server that is no client": (
        lambda root: of(
            a.issue(
                root,
                a.subject("server"),
                [(a.SIGNING_USE, True), (x509.ExtendedKeyUsage([Use.SERVER_AUTH]), False)],
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
    "issuer: policy constraints": (
        lambda root: under(root, (x509.PolicyConstraints(1, None), True)),
        "policy",
    ),
    "issuer: no authority": (
        lambda root: of(leaf(a.aggregator(root, "aggregator"))),
        "invalid CA certificate",
    ),
    "issuer: nothing said of its key's use": (
        lambda root: of(leaf(a.issue(root, a.subject("issuer"), [(x509.BasicConstraints(True, 0), True)]))),
        "without key usage keyCertSign",
    ),
    "issuer: too many below": (beyond_its_length, "path length constraint exceeded"),
    "a chain of five": (too_deep, "chain"),
}


def good(root: Holder) -> dict[str, Presented]:
    """Certificates that are to be let in, chains of two, three and four among them."""
    manufacturer = a.authority(root, "manufacturer", below=1)
    issuer = a.authority(manufacturer, "issuer")
    return {
        "a chain of two": of(a.device(root, b"2")),
        "a chain of three": of(a.device(a.authority(root, "issuer"), b"3")),
        "a chain of four": of(a.device(issuer, b"4")),
        "mobile": of(a.device(issuer, b"5", "mobile")),
        "aggregator": of(a.aggregator(issuer, "aggregator")),
        "issuer with permitted names": under(
            root, (x509.NameConstraints([x509.RFC822Name("example.org")], None), True)
        ),
        "issuer with a usage that is not critical": under(
            root, (x509.ExtendedKeyUsage([Use.CLIENT_AUTH]), False)
        ),
    }
