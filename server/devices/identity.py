"""The identity of a certificate's holder: LFDI, SFDI, PIN (IEEE 2030.5-2018, 6.3). Pure.

`peer_of` returns the caller of a request; protocol/connection.py puts it into the environ.
"""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

PEER = "counterpoise.peer"
"""The key of the WSGI environ that has the caller's Peer. No header can set it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The holder of a verified certificate. What it may do is decided in access.py."""
    lfdi: str
    """Long form device identifier: 40 upper-case hexadecimal digits."""
    sfdi: int
    """Short form device identifier: at most 12 decimal digits, the last one a check digit."""
    ends_at: float = math.inf
    """When the certificate ends, in seconds since 1970, UTC."""
    certificate: tuple[bytes, int] = (b"", 0)
    """What revocation lists name it by: its issuer's name in DER encoding, and its serial number."""


def lfdi(der: bytes) -> str:
    """Return the LFDI of a certificate in DER encoding (6.3.4).

    It is the first 160 bits of the SHA-256, as 40 upper-case hexadecimal digits.
    """
    return sha256(der).hexdigest()[:40].upper()


def sfdi(lfdi: str) -> int:
    """Return the SFDI of an LFDI (6.3.3).

    It is the first 36 bits as a number, followed by the digit that makes the sum of all digits a multiple of
    ten. ValueError for an LFDI that does not begin with nine hexadecimal digits.
    """
    if len(lfdi) < 9:
        raise ValueError(f"{lfdi!r} is too short for an LFDI")
    number = int(lfdi[:9], 16)
    return number * 10 + -digit_sum(number) % 10


def is_lfdi(text: str) -> bool:
    """Return whether this is an LFDI in its comparable form: 40 upper-case hexadecimal digits."""
    return len(text) == 40 and set(text) <= set("0123456789ABCDEF")


def new_pin() -> int:
    """Return a new registration PIN, six digits at random (6.3.5).

    Its check digit is right by both readings of the rule (see `is_pin`), so that no client refuses it: 20,000
    PINs are.
    """
    import secrets  # which most commands do not need

    while True:
        digits = secrets.randbelow(100_000)
        if len(_check_digits(digits)) == 1:
            return digits * 10 + _check_digits(digits).pop()


def is_pin(number: int) -> bool:
    """Return whether the last of six digits is a check digit of the five before it.

    Two readings of the rule are in the field: it is the sum of the five modulo ten, or it makes the sum of
    all six a multiple of ten, as with the SFDI. Both are accepted.
    """
    return 0 <= number <= 999999 and number % 10 in _check_digits(number // 10)


def _check_digits(digits: int) -> set[int]:
    total = digit_sum(digits)
    return {total % 10, -total % 10}


def digit_sum(number: int) -> int:
    """Return the sum of the digits: 15 for 12345."""
    return sum(map(int, str(number)))


@lru_cache(maxsize=4096)
def peer(der: bytes) -> Peer:
    """Return the holder of a certificate in DER encoding."""
    from cryptography import x509  # which only the device interface needs
    name, certificate = lfdi(der), x509.load_der_x509_certificate(der)
    return Peer(name, sfdi(name), certificate.not_valid_after_utc.timestamp(),
                (certificate.issuer.public_bytes(), certificate.serial_number))


def peer_of(environ: Mapping[str, Any]) -> Peer:
    """Return the caller of a request; no request without one reaches the application."""
    caller: Peer = environ[PEER]
    return caller
