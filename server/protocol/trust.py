"""May this certificate come in? OpenSSL checks the chain; the rules it cannot be told are here.

OpenSSL's part (FLAGS): signatures, dates, RFC 5280 to the letter, policies, name constraints. Ours (`fault`):
what IEEE 2030.5-2018 6.11 asks beyond that, of the device's key and of the authorities between it and the
root. The answers are pure functions of the certificate's bytes and remembered, so a device that comes back
costs nothing.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from cryptography.x509.oid import ExtensionOID
from OpenSSL import crypto
from OpenSSL._util import ffi, lib
from OpenSSL.crypto import X509StoreFlags as Flags

FLAGS = Flags.X509_STRICT | Flags.POLICY_CHECK | Flags.PARTIAL_CHAIN
"""Partial chains, so that an issuing CA alone can be trusted without all that its root has signed."""

LONGEST = 4
"""Certificates in a chain: root, manufacturer's, issuer's, device's (6.11.2, 6.11.3)."""


class Untrusted(Exception):
    """A certificate that is not let in; the text says why, without showing the certificate."""


def fault(chain: Sequence[bytes]) -> str:
    """What is wrong with a chain that OpenSSL found good: DER certificates, the caller's first, the root
    last. Empty if nothing is."""
    if len(chain) > LONGEST:
        return f"a chain of {len(chain)} certificates, where {LONGEST} are the most"
    own, *above = chain
    return device_fault(own) or next(filter(None, map(issuer_fault, above)), "")


@lru_cache(maxsize=4096)
def device_fault(der: bytes) -> str:
    """What is wrong with the caller's own certificate: its key is on P-256 (6.11), and it is nobody's
    issuer."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "a public key of an unknown kind"
    if not (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"):
        return "a public key that is not on the curve P-256"
    extensions = by_name(certificate)
    basic = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    if basic and basic.value.ca:
        return "an authority's certificate in place of a device's"
    return usage_fault(extensions)


@lru_cache(maxsize=256)
def issuer_fault(der: bytes) -> str:
    """What is wrong with an authority above the device (6.11.8, RFC 5280 4.2.1)."""
    certificate = x509.load_der_x509_certificate(der)
    if certificate.subject == certificate.issuer:
        return ""       # a root is trusted because it is ours, not for what it says
    extensions = by_name(certificate)
    usage = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    names = extensions.get(ExtensionOID.NAME_CONSTRAINTS)
    if usage and usage.critical:
        return "an issuing authority with a critical extended key usage"
    if names and not names.critical:
        return "an issuing authority with name constraints that are not critical"
    if ExtensionOID.POLICY_MAPPINGS in extensions:
        return "an issuing authority with a policy mapping"
    if ExtensionOID.POLICY_CONSTRAINTS in extensions:
        return "an issuing authority with policy constraints"
    return usage_fault(extensions)


def usage_fault(extensions: dict[x509.ObjectIdentifier, x509.Extension]) -> str:
    """An extended key usage, where there is one, has to let its holder (or those it issues to) be a TLS
    client."""
    usage = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if usage and not {Use.CLIENT_AUTH, Use.ANY_EXTENDED_KEY_USAGE} & set(usage.value):
        return "an extended key usage without the purpose of a TLS client"
    return ""


def reason(number: int) -> str:
    """OpenSSL's words for what is wrong with a chain; pyOpenSSL has them, but shows them in its exceptions
    only."""
    return ffi.string(lib.X509_verify_cert_error_string(number)).decode()


def by_name(certificate: x509.Certificate) -> dict[x509.ObjectIdentifier, x509.Extension]:
    """The extensions of a certificate by their identifiers."""
    return {extension.oid: extension for extension in certificate.extensions}


class Authorities:
    """The authorities we trust, for certificates that come without a handshake of our own (proxy.py)."""

    def __init__(self, pem: bytes):
        self.store = crypto.X509Store()
        self.store.set_flags(FLAGS)
        for certificate in x509.load_pem_x509_certificates(pem):
            self.store.add_cert(crypto.X509.from_cryptography(certificate))

    def verify(self, der: bytes, between: Iterable[bytes] = ()) -> None:
        """Let a certificate in, given those between it and the authorities; Untrusted otherwise."""
        try:
            own, *rest = (
                crypto.X509.from_cryptography(x509.load_der_x509_certificate(one)) for one in (der, *between)
            )
            chain = crypto.X509StoreContext(self.store, own, rest).get_verified_chain()
        except crypto.X509StoreContextError as error:
            raise Untrusted(str(error)) from None
        except ValueError:
            raise Untrusted("what is no certificate") from None
        why = fault([one.to_cryptography().public_bytes(Encoding.DER) for one in chain])
        if why:
            raise Untrusted(why)
