"""Sessions: who has signed in, by the cookie that their browser sends. Only its hash is stored.

A session ends by signing out, by idleness, after a time of its own, and with whatever changes what its user
may do. A process that makes the clock run faster (for a demonstration) does not make sessions shorter.
"""
from __future__ import annotations

import hashlib
import hmac
import math
from typing import Any, TypedDict

from server import audit, clock
from server.actors import Actor
from server.config import settings
from server.errors import Refused
from server.models import OperatorSession, OperatorUser
from server.operators import principals
from server.operators.principals import Principal
from server.resources import store
from server.units import Instant, Seconds

PASSWORD, CERTIFICATE, OPENID = "password", "certificate", "OpenID Connect"  # ways to sign in
SEEN_EVERY_S = 60  # how exactly the last use is noted: not each request is to write
MOST = 20  # of one user; the oldest ends first
_BYTES = 32


class SignedInRow(TypedDict):
    """Who is signed in, by what and from where; `until` is when it ends unless it is used, `ends_at` when it
    ends in any case. `vder` is the virtual DER at which the rights end, null where they end nowhere."""
    user: str
    role: str
    vder: str | None
    signed_in_by: str
    address: str
    since: Instant
    until: Instant
    ends_at: Instant


def start(user: OperatorUser, by: str, address: str = "") -> str:
    """Start a session of a user who has proved who they are, and return its cookie."""
    import secrets
    cookie, now = secrets.token_urlsafe(_BYTES), clock.now()
    with store.transaction():
        purge()
        newest = OperatorSession.select(OperatorSession.hash).where(OperatorSession.user == user).order_by(
            OperatorSession.seen_at.desc(), OperatorSession.hash).limit(MOST - 1)
        OperatorSession.delete().where(
            (OperatorSession.user == user)
            & OperatorSession.hash.not_in([row.hash for row in newest])).execute()
        OperatorSession.create(hash=_hash(cookie), user=user, created_at=now, seen_at=now, signed_in_by=by,
                               address=address)
        _note("sign in", user, by, address)
    return cookie


def _note(operation: str, user: OperatorUser, by: str, address: str) -> None:
    state: dict[str, Any] = {"by": by, "address": address}
    audit.add(Actor(user.name), operation, user.name, None, state)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _lasts_s(duration_s: Seconds) -> float:
    """A duration by a person's watch, as one of the clock, which may run faster."""
    return duration_s * max(1.0, clock.rate() if math.isfinite(clock.rate()) else 1.0)


def _end(session: OperatorSession) -> tuple[Instant, Instant]:
    """When a session ends unless it is used, and in any case."""
    ends_at = int(session.created_at + _lasts_s(settings.session_s))
    return min(ends_at, int(session.seen_at + _lasts_s(settings.session_idle_s))), ends_at


def _find(cookie: str, used: bool = True) -> OperatorSession:
    """Return the session of a cookie. Refused (401) where it has ended, or never was."""
    query = OperatorSession.select(OperatorSession, OperatorUser).join(OperatorUser)
    session: OperatorSession | None = query.where(OperatorSession.hash == _hash(cookie)).first()
    now = clock.now()
    if session is None or session.user.disabled or now >= _end(session)[0]:
        raise Refused(401, "you are not signed in any more: sign in again")
    if used and session.seen_at <= now - _lasts_s(SEEN_EVERY_S):
        session.seen_at = now
        OperatorSession.update(seen_at=now).where(OperatorSession.hash == session.hash).execute()
    return session


def principal(cookie: str, used: bool = True) -> Principal:
    """Return who has signed in. Refused (401) where the session has ended.

    `used` is whether it goes on by that: not by what a page asks for by itself.
    """
    return principals.of(_find(cookie, used).user)


def show(cookie: str) -> SignedInRow:
    """Return who has signed in, and until when. Refused (401) where the session has ended."""
    session = _find(cookie, used=False)
    user, (until, ends_at) = session.user, _end(session)
    return {"user": user.name, "role": user.role, "vder": user.vder.name if user.vder is not None else None,
            "signed_in_by": session.signed_in_by, "address": session.address, "since": session.created_at,
            "until": until, "ends_at": ends_at}


def form_key(cookie: str) -> str:
    """Return a secret of a session, by which forms that it was given are known (see Flask-WTF): who has it
    does not have the cookie."""
    return hmac.new(cookie.encode(), b"forms", hashlib.sha256).hexdigest()


def end(cookie: str) -> None:
    """Sign out. Nothing is refused: a session that has ended already is none."""
    session = OperatorSession.get_or_none(OperatorSession.hash == _hash(cookie))
    if session is None:
        return
    with store.transaction():
        if session.delete_instance():
            _note("sign out", session.user, session.signed_in_by, session.address)


def end_all(user: OperatorUser) -> int:
    """Sign a user out everywhere; return how many sessions that were."""
    return int(OperatorSession.delete().where(OperatorSession.user == user).execute())


def purge() -> int:
    """Remove sessions that have ended; return how many."""
    now = clock.now()
    return int(OperatorSession.delete().where(
        (OperatorSession.seen_at <= now - _lasts_s(settings.session_idle_s))
        | (OperatorSession.created_at <= now - _lasts_s(settings.session_s))).execute())
