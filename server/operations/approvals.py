"""`approval`: what orders more power than one person may, and waits for somebody else."""
from __future__ import annotations

import math
from typing import Annotated, Any, TypedDict

from server import operations
from server.errors import Refused
from server.grid.groups import powerlimits
from server.grid.groups.powerlimits import PowerLimitRow
from server.operations.declaration import Arg, Group, Operation, Reason, Role, VderName
from server.operators import approvals
from server.operators.approvals import ApprovalRow
from server.units import Watts

approval = Group("approval", """
    What orders more power than one person may alone: it waits until somebody else approves it, and is then
    done as it was asked. `approval limit` says above which power.
    """, default="list")
GROUPS = (approval,)
Number = Annotated[int, Arg("The number of what waits.", metavar="APPROVAL")]


class Approved(TypedDict):
    """What was approved, and done; the result is what the operation returns, such as an order."""
    approved: int
    operation: str
    result: Any


def _operation(name: str) -> Operation:
    return next(operation for operation in operations.load(name.partition(" ")[0]).walk()
                if operation.name == name)


@approval.operation("list", role=Role.VIEWER, in_subtree=True)
def list_approvals(
    *,
    decided: Annotated[bool, Arg("Also what was decided, or waited too long.", option="all")] = False,
    limit: Annotated[int, Arg("The newest so many.", least=1, option="n/lines")] = 100,
) -> list[ApprovalRow]:
    """List what waits for an approval, the newest first."""
    return approvals.list_approvals(decided, limit)


@approval.operation("approve", role=Role.APPROVER, in_parts=True, in_subtree=True)
def approve(number: Number, *, reason: Reason = "") -> Approved:
    """Approve what somebody else has asked for. It is done at once, as it was asked, in the name of who asked
    and with the rights of that one; or refused if it cannot be done any more."""
    row = approvals.find(number)
    return {"approved": number, "operation": row.operation,
            "result": approvals.approve(number, reason, _operation)}


@approval.operation("reject", role=Role.OPERATOR, in_subtree=True)
def reject(number: Number, *, reason: Reason = "") -> ApprovalRow:
    """Reject what was asked for, or take it back."""
    return approvals.reject(number, reason)


@approval.operation("limits", role=Role.VIEWER, in_subtree=True)
def list_limits() -> list[PowerLimitRow]:
    """List above which power orders need an approval, where the setting approval_limit_w holds for all, and
    by how much the automatic balance changes an exchange at most."""
    return powerlimits.list_limits()


@approval.operation("limit", role=Role.ADMINISTRATOR)
def limit(
    vder: VderName,
    *,
    orders_w: Annotated[Watts | None, Arg(
        "Above this power an order on it, or below it, needs an approval; inf for no limit.", least=0,
        most=math.inf)] = None,
    automatic_w: Annotated[Watts | None, Arg(
        "The automatic balance of it, or below it, changes its exchange by no more; inf for no limit.",
        least=0, most=math.inf)] = None,
) -> PowerLimitRow:
    """Say above which power an order on a virtual DER, or below it, needs somebody else's approval, and how
    much power the automatic balance, which needs none, may move. The least limit counts of those above it and
    its own; for orders also the setting approval_limit_w."""
    if orders_w is None and automatic_w is None:
        raise Refused(400, "specify `orders_w`, `automatic_w`, or both")
    powerlimits.put(vder, orders_w, automatic_w)
    return powerlimits.show(vder)
