"""Passwords: what one has to be, and its hash, which alone is stored."""
from __future__ import annotations

import os
import threading
from functools import cache

from server.errors import BadArgument

LEAST_CHARACTERS, MOST_CHARACTERS = 12, 1000
# Argon2id as RFC 9106, section 4, has it for where memory is limited, by one thread: 64 MiB, a quarter of a
# second. Hashes carry their own figures, so these can change.
ITERATIONS, MEMORY_KIB, LENGTH_BYTES, SALT_BYTES = 3, 65_536, 32, 16
AT_ONCE = threading.BoundedSemaphore(2)  # so that attempts to sign in take no more memory than that


def check(password: str, name: str) -> None:
    """Refuse (400) a password that is too short or long, or is the user's name."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise BadArgument("password", f"it needs {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters; "
                                      f"this one has {len(password)}")
    if name.casefold() in password.casefold() and len(password) - len(name) < LEAST_CHARACTERS // 2:
        raise BadArgument("password", "it is little more than the user's name")
    if len(set(password)) < LEAST_CHARACTERS // 3:
        raise BadArgument("password", "it repeats a few characters")


def hashed(password: str) -> str:
    """Return the hash of a password, in the PHC format."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    with AT_ONCE:
        return Argon2id(salt=os.urandom(SALT_BYTES), length=LENGTH_BYTES, iterations=ITERATIONS, lanes=1,
                        memory_cost=MEMORY_KIB).derive_phc_encoded(password.encode())


def matches(password: str, stored: str) -> bool:
    """Whether a password has this hash. Without a hash it takes as long, and does not match."""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    with AT_ONCE:
        try:
            Argon2id.verify_phc_encoded(password[:MOST_CHARACTERS].encode(), stored or _nobodys())
        except InvalidKey:
            return False
    return bool(stored)


@cache
def _nobodys() -> str:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
    return Argon2id(salt=os.urandom(SALT_BYTES), length=LENGTH_BYTES, iterations=ITERATIONS, lanes=1,
                    memory_cost=MEMORY_KIB).derive_phc_encoded(os.urandom(SALT_BYTES))
