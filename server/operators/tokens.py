"""Tokens: what programs show in place of a password. The text is shown once, and only its hash is stored."""
from __future__ import annotations

import hashlib
from typing import Any, NoReturn, TypedDict

from server import audit, clock
from server.errors import BadArgument, Refused
from server.grid.groups.tree import Tree
from server.models import OperatorToken, OperatorUser, VirtualDER
from server.operators import users
from server.operators.principals import Principal
from server.operators.roles import Role, includes, lesser
from server.resources import store
from server.units import Instant, Seconds

PREFIX = "counterpoise_"  # by which those who look for secrets that got out find it
_BYTES = 32
USED_EVERY_S = 3600  # how exactly the last use is noted: not each request is to write


class TokenRow(TypedDict):
    """A token; `role` and `vder` are what it narrows its user's rights to, where it does."""
    user: str
    name: str
    role: str
    vder: str | None
    created_at: Instant
    expires_at: Instant
    last_used_at: Instant | None


class NewToken(TokenRow):
    """A new token with its text, which is not shown again."""
    token: str


class RevokedToken(TypedDict):
    revoked: str


def _state(token: OperatorToken) -> dict[str, Any]:
    """What the audit log records of a token."""
    return {"user": token.user.name, "name": token.name, "role": token.role,
            "vder": token.vder.name if token.vder is not None else None, "expires_at": token.expires_at}


def create(user: str, name: str, role: Role | None, vder: str, lifetime_s: Seconds) -> NewToken:
    """Make a token for a user. Refused (400, 409) for more than the user may do, and for a name that another
    of the user's tokens has."""
    import secrets
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    return {**describe(_record(user, name, role, vder, lifetime_s, _hash(text))), "token": text}


@audit.audited("token create", "{user} {name}", answer=_state)
def _record(
    user: str, name: str, role: Role | None, vder: str, lifetime_s: Seconds, digest: str
) -> OperatorToken:
    if not name.strip() or len(name) > 64 or not name.isprintable():
        raise BadArgument("name", "1 to 64 printable characters are needed")
    top = users.subtree(vder)
    with store.transaction():
        owner, now = users.find(user), clock.now()
        if role is not None and not includes(Role(owner.role), role):
            raise BadArgument("role", f"{owner.name} has the role {owner.role}, which is less")
        if owner.vder is not None and not _is_within(top, owner.vder):
            raise BadArgument("vder", f"the rights of {owner.name} end at {owner.vder.name}")
        if _get(owner, name) is not None:
            raise Refused(409, f"{owner.name} has a token {name!r} already: revoke it, or choose another "
                               "name")
        return OperatorToken.create(user=owner, name=name, hash=digest, role=role or "", vder=top,
                                    created_at=now, expires_at=now + lifetime_s)


def _is_within(vder: VirtualDER | None, top: VirtualDER | None) -> bool:
    """Whether a virtual DER is `top` or below it; None narrows nothing."""
    return vder is None or top is None or vder.id in Tree.read().subtree(top.id)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def principal(text: str) -> Principal:
    """Return for whom a token stands. Refused (401) as `authentication.by_token`."""
    query = OperatorToken.select(OperatorToken, OperatorUser).join(OperatorUser)
    token, now = query.where(OperatorToken.hash == _hash(text)).first(), clock.now()
    if token is None:
        _refuse("this is no token, or it was revoked")
    user = token.user
    if token.expires_at <= now:
        _refuse(f"the token {token.name!r} has expired")
    if user.disabled:
        _refuse(f"the user {user.name} is disabled")
    if not _is_within(token.vder, user.vder):
        _refuse(f"the token {token.name!r} is for what {user.name} has no rights in any more")
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY_S:
        with store.transaction():
            OperatorToken.update(last_used_at=now).where(OperatorToken.id == token.id).execute()
    role = Role(user.role) if not token.role else lesser(Role(user.role), Role(token.role))
    return Principal(user.name, role, user.vder if token.vder is None else token.vder)


def _refuse(why: str) -> NoReturn:
    raise Refused(401, why, WWW_Authenticate="Bearer")


def find(user: str, name: str) -> OperatorToken:
    """Return the token of this name of a user. Refused (404) where there is none."""
    owner = users.find(user)
    token = _get(owner, name)
    if token is None:
        raise Refused(404, f"{owner.name} has no token {name!r}")
    return token


def _get(owner: OperatorUser, name: str) -> OperatorToken | None:
    return OperatorToken.get_or_none((OperatorToken.user == owner) & (OperatorToken.name == name))


def revoke(user: str, name: str) -> None:
    """Remove a token; from now on it lets nobody in."""
    _revoke(find(user, name))


def _revocation(token: OperatorToken) -> dict[str, Any] | None:
    return _state(token) if OperatorToken.get_or_none(OperatorToken.id == token.id) is not None else None


@audit.audited("token revoke", "{user} {name}", state=_revocation)
def _revoke(token: OperatorToken) -> None:
    with store.transaction():
        token.delete_instance()


def describe(token: OperatorToken) -> TokenRow:
    """Return a token as tokens are listed."""
    return {
        "user": token.user.name,
        "name": token.name,
        "role": token.role,
        "vder": token.vder.name if token.vder is not None else None,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    }


def list_tokens(user: str | None = None) -> list[TokenRow]:
    """Return the tokens of a user, or all, by user and name."""
    query = OperatorToken.select(OperatorToken, OperatorUser).join(OperatorUser).order_by(
        OperatorUser.name, OperatorToken.name)
    if user is not None:
        query = query.where(OperatorToken.user == users.find(user))
    return [describe(token) for token in query]
