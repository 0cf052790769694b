"""Attempts to sign in, which have to wait the longer the more of them have failed, by name and by address."""
from __future__ import annotations

import hashlib

from server import clock
from server.errors import Refused
from server.models import SignInFailure
from server.resources import store
from server.units import Instant, Seconds

# How many may fail before the next has to wait: people mistype, and many may share an address.
FREE = {"name": 5, "address": 20}
LONGEST_S = 900  # so that nobody is kept out for long by somebody else's attempts
FORGOTTEN_S = 86_400
MOST = 10_000  # rows; the oldest go first


def check(name: str, address: str) -> None:
    """Refuse (429) an attempt that comes before its time; it is not even looked at."""
    now = clock.now()
    for kind, key in _keys(name, address):
        row = SignInFailure.get_or_none(SignInFailure.key == key)
        if row is None:
            continue
        left_s = row.failed_at + _wait_s(kind, row.failures) - now
        if left_s > 0:
            raise Refused(429, f"too many attempts to sign in have failed: try again in {left_s} s",
                          Retry_After=str(left_s))


def _wait_s(kind: str, failures: int) -> Seconds:
    over = failures - FREE[kind]
    return 0 if over < 0 else min(LONGEST_S, 2 ** min(over, 10))


def failed(name: str, address: str) -> None:
    """Count an attempt that has failed."""
    now = clock.now()
    with store.transaction():
        SignInFailure.delete().where(SignInFailure.failed_at < now - FORGOTTEN_S).execute()
        for _, key in _keys(name, address):
            _count(key, now)


def _count(key: str, now: Instant) -> None:
    counted = SignInFailure.update(failures=SignInFailure.failures + 1, failed_at=now).where(
        SignInFailure.key == key).execute()
    if counted:
        return
    if SignInFailure.select().count() >= MOST:
        oldest = SignInFailure.select(SignInFailure.key).order_by(SignInFailure.failed_at).limit(1)
        SignInFailure.delete().where(SignInFailure.key.in_(oldest)).execute()
    SignInFailure.insert(key=key, failures=1, failed_at=now).on_conflict_ignore().execute()


def succeeded(name: str, address: str) -> None:
    """Forget what has failed under a name; other names may have been tried from the address."""
    key = dict(_keys(name, address))["name"]
    if SignInFailure.select().where(SignInFailure.key == key).exists():
        with store.transaction():
            SignInFailure.delete().where(SignInFailure.key == key).execute()


def _keys(name: str, address: str) -> list[tuple[str, str]]:
    texts = {"name": name, **({"address": address} if address else {})}
    return [(kind, hashlib.sha256(f"{kind} {text}".encode()).hexdigest()) for kind, text in texts.items()]
