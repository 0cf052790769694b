"""The values that the fields of a virtual DER may have. Each check returns the value or refuses it."""
from __future__ import annotations

import math

from server.errors import Refused
from server.grid.groups import membershiprules, programs
from server.grid.groups.tree import Tree
from server.models import OperatorToken, OperatorUser, VirtualDER
from server.units import Watts

MAX_LEVELS = 32
TERAWATT = 1e12
_NAME_LENGTH = 32  # DERProgram.description is a String32, whose length is in bytes of UTF-8


def check_name(name: str) -> str:
    """Refuse a name that is too long, a number (400) or taken (409)."""
    if not name or name.isdigit() or len(name.encode()) > _NAME_LENGTH:
        raise Refused(
            400, f"name {name!r}: a name has 1 to {_NAME_LENGTH} characters, not all of them digits; one "
                 "such as é counts as two or more"
        )
    if VirtualDER.select().where(VirtualDER.name == name).exists():
        raise Refused(409, f"there is a virtual DER {name!r} already")
    return name


def check_rule(rule: str) -> str:
    """Refuse (400) a rule with a syntax error."""
    try:
        membershiprules.read(rule)
    except membershiprules.RuleError as error:
        raise Refused(400, str(error)) from None
    return rule


def check_primacy(primacy: int) -> int:
    """Refuse (400) a primacy that is not of 0 to 255."""
    if not 0 <= primacy <= 255:
        raise Refused(400, f"primacy {primacy}: specify 0 (strongest) to 255")
    return primacy


def check_limit(limit_w: Watts | None) -> Watts | None:
    """Return a limit, None for none or infinity; refuse (400) what is not a magnitude."""
    if limit_w is None or limit_w == math.inf:
        return None
    if not 0 <= limit_w <= TERAWATT:
        raise Refused(
            400, f"limit {limit_w:g} W: a limit is a magnitude, 0 or more and less than a terawatt"
        )
    return limit_w


def check_stays(vder: VirtualDER) -> None:
    """Refuse (409) to change a virtual DER that is being deleted."""
    if vder.deleting:
        raise Refused(409, f"{vder.name} is being deleted: its members are leaving it")


def check_parent(vder: VirtualDER, parent: VirtualDER | None) -> None:
    """Refuse (409) a parent that would close a circle or make the tree too deep."""
    if parent is None:
        return
    check_stays(parent)
    if parent.device_id is not None:
        raise Refused(409, f"{parent.name} is the virtual DER of a single device and can have no children")
    tree = Tree.read()
    path = list(tree.ancestors(parent.id))
    if vder.id in path:
        raise Refused(409, f"{vder.name} cannot be below {parent.name}, which is below it")
    if len(path) + (tree.height(vder.id) if vder.id in tree.vders else 1) > MAX_LEVELS:
        raise Refused(409, f"the tree would be more than {MAX_LEVELS} levels deep")


def _whose_rights_end(vder: VirtualDER) -> list[str]:
    """Return the users whose own rights, or those of a token, end at a virtual DER."""
    users = {user.name for user in OperatorUser.select().where(OperatorUser.vder == vder)}
    tokens = OperatorToken.select(OperatorToken, OperatorUser).join(OperatorUser).where(
        OperatorToken.vder == vder)
    return sorted(users | {token.user.name for token in tokens})


def check_deletion(vder: VirtualDER, force: bool) -> None:
    """Refuse (409) to delete a virtual DER that has children, carries a stop, is where the rights of users
    end or, unless forced, has controls that are scheduled or active."""
    if vder.children.exists():
        raise Refused(409, f"{vder.name} contains {', '.join(child.name for child in vder.children)}")
    if vder.stopped:
        raise Refused(409, f"{vder.name} is part of a stop: resume that first")
    if names := _whose_rights_end(vder):
        raise Refused(409, f"the rights of {', '.join(names)} end at {vder.name}: change these first")
    controls = programs.live_controls(vder)
    if controls and not force:
        raise Refused(409, f"{vder.name} has {len(controls)} controls that are scheduled or active")
