"""Whether somebody may do something.

    with authorisation.acting(principal, reason):
        authorisation.check(principal, operation, values)
        result = operation.run(values)
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from server import actors, scopes
from server.errors import Refused
from server.operators.principals import Principal
from server.operators.roles import Role, includes


class _Argument(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> type: ...


class Declared(Protocol):
    """What is asked of an operation (see server.operations.declaration)."""
    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def in_subtree(self) -> bool: ...

    @property
    def arguments(self) -> Sequence[_Argument]: ...


_role: ContextVar[Role | None] = ContextVar("role", default=None)


@contextmanager
def acting(principal: Principal, reason: str = "") -> Iterator[None]:
    """Attribute the changes inside to a principal, and let nothing be visible inside but what theirs is."""
    token = _role.set(principal.role)
    try:
        with actors.acting(principal.name, reason, signed_in=True), scopes.within(principal.subtree):
            yield
    finally:
        _role.reset(token)


def sees_pins() -> bool:
    """Whether the PINs of devices are for who acts here: administrators of the whole tree, and the local
    command line."""
    role = _role.get()
    return scopes.top() is None and (role is None or includes(role, Role.ADMINISTRATOR))


def check(principal: Principal, operation: Declared, values: Mapping[str, Any]) -> None:
    """Refuse (403) what a principal may not do; it is called in `acting`, which hides what is not theirs.

    RuntimeError outside of it, since everything would be visible there.
    """
    if actors.actor() is None or scopes.top() != principal.subtree:
        raise RuntimeError("check is called within authorisation.acting")
    if not includes(principal.role, operation.role):
        raise Refused(403, f"{operation.name} needs the role {operation.role}, and {principal.name} has "
                           f"{principal.role}")
    if not operation.in_subtree:
        scopes.require_whole(operation.name)
    for argument in operation.arguments:
        if argument.kind is Path and values.get(argument.name) is not None:
            raise Refused(403, f"{argument.name}: files on the server's machine are for the command "
                               "line there")
