"""Who is calling: a certificate -> LFDI, SFDI -> Peer. Pure functions (IEEE 2030.5-2018, 6.3).

Read the numbers first, then `peer_of`, which is what a view asks; worker.py puts the answer there once a
connection.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

PEER = "counterpoise.peer"
"""The key of the WSGI environ that has the caller's Peer. No header can write it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The holder of a verified certificate. What it may do is another matter (access.py)."""
    lfdi: str
    """Long form device identifier: 40 upper-case hexadecimal digits."""
    sfdi: int
    """Short form device identifier: at most 12 decimal digits, the last one a check digit."""


def lfdi(der: bytes) -> str:
    """The LFDI of a DER certificate: the first 160 bits of its SHA-256, as 40 upper-case hexadecimal digits
    (6.3.4)."""
    return sha256(der).hexdigest()[:40].upper()


def sfdi(lfdi: str) -> int:
    """The SFDI of an LFDI: its first 36 bits as a number, followed by the digit that makes the sum of all
    digits a multiple of ten (6.3.3). ValueError if it does not start with nine hexadecimal digits."""
    if len(lfdi) < 9:
        raise ValueError(f"{lfdi!r} is too short for an LFDI")
    number = int(lfdi[:9], 16)
    return number * 10 + -digit_sum(number) % 10


def is_lfdi(text: str) -> bool:
    """Whether this is an LFDI as we write it: 40 upper-case hexadecimal digits."""
    return len(text) == 40 and set(text) <= set("0123456789ABCDEF")


def pin(number: int) -> int:
    """The registration PIN made of five digits: they and their sum modulo ten (6.3.5). 12345 -> 123455.
    ValueError for more than five digits."""
    if not 0 <= number <= 99999:
        raise ValueError(f"a PIN is made of five digits, not of {number}")
    return number * 10 + digit_sum(number) % 10


def is_pin(number: int) -> bool:
    """Whether the last of six digits is the check digit of the five before it."""
    return 0 <= number <= 999999 and number == pin(number // 10)


def digit_sum(number: int) -> int:
    """12345 -> 15."""
    return sum(map(int, str(number)))


@lru_cache(maxsize=4096)
def peer(der: bytes) -> Peer:
    """The Peer whose certificate this is."""
    name = lfdi(der)
    return Peer(name, sfdi(name))


def peer_of(environ: Mapping[str, Any]) -> Peer:
    """The caller of a request; the worker (protocol/worker.py) lets no request in that has none."""
    return environ[PEER]
