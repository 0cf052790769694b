"""The rules by which certificates are accepted, beyond those that OpenSSL checks.

OpenSSL (FLAGS) checks signatures, dates, RFC 5280 to the letter, policies and name constraints. `chain_fault`
checks what IEEE 2030.5-2018, 6.11, demands beyond that of the device's key and of the authorities between it
and the root. These are pure functions of the certificate's bytes and are cached, so a device that connects
again costs nothing.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Use
from cryptography.x509.oid import ExtensionOID
from OpenSSL import crypto
from OpenSSL._util import ffi, lib
from OpenSSL.crypto import X509StoreFlags as Flags

FLAGS = Flags.X509_STRICT | Flags.POLICY_CHECK | Flags.PARTIAL_CHAIN
"""Partial chains, so that an issuing CA can be accepted without everything else that its root has signed."""

MAX_CHAIN = 4
"""The most certificates in a chain: of root, manufacturer, issuer and device (6.11.2, 6.11.3)."""


Extensions = dict[x509.ObjectIdentifier, x509.Extension[Any]]


P256, P384, RSA = "P-256", "P-384", "RSA"  # kinds of keys
MIN_RSA_BITS = 2048

FURTHER = {
    "AES256-SHA256": RSA,  # TLS_RSA_WITH_AES_256_CBC_SHA256, which CSIP names for aggregators
    "ECDHE-RSA-AES128-GCM-SHA256": RSA,
    "ECDHE-RSA-AES256-GCM-SHA384": RSA,
    "ECDHE-ECDSA-AES256-SHA384": P384,
}
"""Suites that can be allowed beside those of the standard, with the kind of key that clients have then."""

UNSUPPORTED, REVOKED = 26, 23
"""X509_V_ERR_INVALID_PURPOSE and X509_V_ERR_CERT_REVOKED, for which OpenSSL sends the alerts
unsupported_certificate and certificate_revoked (RFC 5246, 7.2.2)."""

REVOKED_FAULT = "a certificate that is revoked"
_NO_ISSUER = 20  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
_LEAF_ALONE = (": it came without its issuer's, and client_ca has none that has signed it. Where the "
               "authority is trusted, let the client send its chain, or add the issuer to client_ca")


def keys_of(suites: Iterable[str]) -> frozenset[str]:
    """Return the kinds of keys that devices may have where these of FURTHER are allowed."""
    return frozenset({P256, *(FURTHER[suite] for suite in suites)})


class Untrusted(Exception):
    """A certificate is not accepted. The message says why, without showing the certificate."""


def chain_fault(chain: Sequence[bytes], keys: frozenset[str] = frozenset({P256})) -> str:
    """Return what is wrong with a chain that OpenSSL has found valid; "" if nothing is.

    The certificates are in DER encoding, the device's first, the root last. `keys` are the kinds of keys that
    devices may have.
    """
    if len(chain) > MAX_CHAIN:
        return f"a chain of {len(chain)} certificates, where {MAX_CHAIN} are the most"
    device, *issuers = chain
    return device_fault(device, keys) or next(filter(None, map(issuer_fault, issuers)), "")


@lru_cache(maxsize=4096)
def device_fault(der: bytes, keys: frozenset[str] = frozenset({P256})) -> str:
    """Return what is wrong with a device's certificate; "" if nothing is.

    Its key has to be of one of these kinds (on P-256: 6.11), and it must not be an authority's.
    """
    certificate = x509.load_der_x509_certificate(der)
    if fault := key_fault(der, keys):
        return fault
    extensions = extensions_of(certificate)
    basic = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    if basic and basic.value.ca:
        return "an authority's certificate in place of a device's"
    return usage_fault(extensions)


@lru_cache(maxsize=4096)
def key_fault(der: bytes, keys: frozenset[str]) -> str:
    """Return why the key of a certificate is of none of these kinds; "" if it is of one."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "a public key of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey) and RSA in keys:
        short = key.key_size < MIN_RSA_BITS
        return f"an RSA key of {key.key_size} bits, where {MIN_RSA_BITS} are the least" if short else ""
    curves = {"secp256r1": P256, "secp384r1": P384}
    if isinstance(key, ec.EllipticCurvePublicKey) and curves.get(key.curve.name) in keys:
        return ""
    kind = f"on the curve {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(
        key).__name__.removesuffix("PublicKey").strip("_")
    allowed = " or ".join(sorted(keys - {P256}))
    return f"a public key that is not on the curve P-256{f', nor {allowed}' if allowed else ''} ({kind})"


@lru_cache(maxsize=256)
def issuer_fault(der: bytes) -> str:
    """Return what is wrong with an issuing authority (6.11.8; RFC 5280, 4.2.1); "" if nothing is."""
    certificate = x509.load_der_x509_certificate(der)
    if certificate.subject == certificate.issuer:
        return ""  # a root is accepted because it is configured, whatever its extensions
    extensions = extensions_of(certificate)
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


def usage_fault(extensions: Extensions) -> str:
    """Return what is wrong with an extended key usage: where there is one, it has to allow a TLS client."""
    usage = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if usage and not {Use.CLIENT_AUTH, Use.ANY_EXTENDED_KEY_USAGE} & set(usage.value):
        return "an extended key usage without the purpose of a TLS client"
    return ""


def openssl_fault(error: int, depth: int) -> str:
    """Return OpenSSL's message for an error of a chain, which pyOpenSSL shows in its exceptions only.

    It says what to do where the client has sent none of the certificates above its own (depth 0).
    """
    message = str(ffi.string(lib.X509_verify_cert_error_string(error)).decode())
    return f"{message}{_LEAF_ALONE}" if error == _NO_ISSUER and depth == 0 else message


def extensions_of(certificate: x509.Certificate) -> Extensions:
    """Return the extensions of a certificate by their identifiers."""
    return {extension.oid: extension for extension in certificate.extensions}


class Authorities:
    """The configured authorities, for certificates that come without a TLS handshake (proxy.py)."""

    def __init__(self, pem: bytes, keys: frozenset[str] = frozenset({P256})):
        self.keys = keys
        self.store = crypto.X509Store()
        self.store.set_flags(FLAGS)
        for certificate in x509.load_pem_x509_certificates(pem):
            self.store.add_cert(crypto.X509.from_cryptography(certificate))

    def verify(self, der: bytes, intermediates: Iterable[bytes] = ()) -> None:
        """Verify a certificate, given those between it and the authorities. Raises Untrusted."""
        try:
            device, *issuers = (
                crypto.X509.from_cryptography(x509.load_der_x509_certificate(certificate))
                for certificate in (der, *intermediates)
            )
            chain = crypto.X509StoreContext(self.store, device, issuers).get_verified_chain()
        except crypto.X509StoreContextError as error:
            code, depth, _ = error.errors
            raise Untrusted(openssl_fault(code, depth)) from None
        except ValueError:
            raise Untrusted("this is not a certificate") from None
        fault = chain_fault([
            certificate.to_cryptography().public_bytes(Encoding.DER) for certificate in chain], self.keys)
        if fault:
            raise Untrusted(fault)
