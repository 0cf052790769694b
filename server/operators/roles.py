"""The roles of operators. Each includes those before it."""
from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who may do it. The local command line may do everything, since its user holds the database."""
    VIEWER = "viewer"  # looks
    OPERATOR = "operator"  # acts on the grid, changes virtual DERs, programs, signals and plans
    APPROVER = "approver"  # approves what an operator has prepared
    ADMINISTRATOR = "administrator"  # enrols and removes devices, maintains the database


ORDER = tuple(Role)


def includes(role: Role, needed: Role) -> bool:
    """Whether somebody of a role may do what needs another."""
    return ORDER.index(role) >= ORDER.index(needed)


def lesser(first: Role, second: Role) -> Role:
    """The role of two that includes less."""
    return min(first, second, key=ORDER.index)
