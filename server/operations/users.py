"""`user` and `token`: who uses the operator interface, and what programs show in place of a password."""
from __future__ import annotations

from typing import Annotated

from server.operations.declaration import Arg, Group, Role
from server.operators import tokens, users
from server.operators.tokens import NewToken, RevokedToken, TokenRow
from server.operators.users import RemovedUser, UserRow
from server.units import Seconds

DAY_S = 86_400
user_group = Group("user", """
    People and programs who use the operator interface, and what each may do.

    The role includes those before it: viewer, operator, approver, administrator. The audit log has the name.
    """, default="list")
token_group = Group("token", """
    What programs show in place of a password. Each stands for a user, and may do no more than that one.
    """, default="list")
GROUPS = (user_group, token_group)
UserName = Annotated[str, Arg("The user's name.", metavar="USER")]
TokenName = Annotated[str, Arg("The token's name.", metavar="NAME")]
RoleName = Annotated[str, Arg("What the user may do.", choices=tuple(map(str, Role)))]
Password = Annotated[str, Arg(
    "The password, of at least 12 characters; without one only tokens let in.",
    option="password-stdin", secret=True)]
Within = Annotated[str, Arg(
    "The virtual DER at which the rights end: nothing else is visible.", option="vder", metavar="VDER")]


@user_group.operation("create", role=Role.ADMINISTRATOR)
def create(
    name: Annotated[str, Arg("a-z, 0-9 and . _ @ -", metavar="NAME")],
    *,
    role: RoleName,
    vder: Within = "",
    password: Password = "",
) -> UserRow:
    """Make a user. The first administrator is made on the command line of the server's machine."""
    return users.describe(users.create(name, Role(role), vder, password))


@user_group.operation("list", role=Role.VIEWER)
def list_users() -> list[UserRow]:
    """List users, and what they may do."""
    return users.list_users()


@user_group.operation("show", role=Role.VIEWER)
def show(user: UserName) -> UserRow:
    """Show a user, and what they may do."""
    return users.describe(users.find(user))


@user_group.operation("update", role=Role.ADMINISTRATOR)
def update(
    user: UserName,
    *,
    role: Annotated[str | None, Arg("Another role.", choices=tuple(map(str, Role)))] = None,
    vder: Annotated[str | None, Arg(
        "Another virtual DER at which the rights end; empty for none.", metavar="VDER")] = None,
    enable: Annotated[bool, Arg("Let a disabled user in again.")] = False,
) -> UserRow:
    """Change what a user may do, from the next request on."""
    users.update(user, Role(role) if role is not None else None, vder, False if enable else None)
    return users.describe(users.find(user))


@user_group.operation("disable", role=Role.ADMINISTRATOR)
def disable(user: UserName) -> UserRow:
    """Let a user in no more, by password or token, until `user update` enables them."""
    users.update(user, disabled=True)
    return users.describe(users.find(user))


@user_group.operation("password", role=Role.ADMINISTRATOR)
def password(user: UserName, *, password: Password = "") -> UserRow:
    """Set another password for a user, who is signed out everywhere; tokens stay."""
    users.set_password(user, password)
    return users.describe(users.find(user))


@user_group.operation("remove", role=Role.ADMINISTRATOR, confirm="Remove the user {user} with all tokens?")
def remove(user: UserName) -> RemovedUser:
    """Remove a user with all tokens. Who has done anything is better disabled: the audit log keeps the name,
    and another user of that name would look the same."""
    users.remove(user)
    return {"removed": user}


@token_group.operation("create", role=Role.ADMINISTRATOR, shows_secret=True)
def create_token(
    user: UserName,
    name: TokenName,
    *,
    role: Annotated[str | None, Arg(
        "A role that includes less than the user's.", choices=tuple(map(str, Role)))] = None,
    vder: Annotated[str, Arg(
        "The virtual DER at which its rights end, within the user's.", metavar="VDER")] = "",
    lifetime_s: Annotated[Seconds, Arg(
        "How long it lets in.", option="for", least=60, most=1100 * DAY_S)] = 90 * DAY_S,
) -> NewToken:
    """Make a token for a user. Its text is shown now and never again."""
    return tokens.create(user, name, Role(role) if role is not None else None, vder, lifetime_s)


@token_group.operation("list", role=Role.VIEWER)
def list_tokens(
    user: Annotated[str | None, Arg("Only this user's.", metavar="[USER]")] = None
) -> list[TokenRow]:
    """List tokens: whose, until when, last used when (to the hour)."""
    return tokens.list_tokens(user)


@token_group.operation("revoke", role=Role.ADMINISTRATOR, confirm="Revoke the token {name} of {user}?")
def revoke(user: UserName, name: TokenName) -> RevokedToken:
    """Revoke a token; it lets in no more."""
    tokens.revoke(user, name)
    return {"revoked": name}
