"""`vder match`: who would be in a virtual DER by a rule."""
from __future__ import annotations

from typing import Annotated

from server.grid.groups import rulematch
from server.grid.groups.rulematch import RuleMatch
from server.operations.declaration import Arg, Role
from server.operations.virtualders import vder

GROUPS = (vder,)


@vder.operation("match", role=Role.VIEWER)
def match(
    rule: Annotated[str, Arg("A condition on labels, kind and name.", metavar="RULE")],
    *,
    limit: Annotated[int, Arg("The first so many devices.", least=0, most=1000)] = 20,
) -> RuleMatch:
    """Show who would be in a virtual DER by a rule; nothing is changed."""
    return rulematch.match(rule, limit)
