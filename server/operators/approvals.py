"""Four eyes: what orders more power than somebody may alone waits until somebody else approves it.

It is done as it was asked, in the name of who asked, with the rights which that one has then; or not at all,
once its time is over. Who holds the database is outside of this.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypedDict

from server import actors, audit, clock, scopes
from server.errors import Refused
from server.grid.groups import powerlimits
from server.models import Approval, OperatorUser, VirtualDER
from server.operators import authorisation, principals
from server.operators.authorisation import Declared
from server.resources import store
from server.units import Instant, Watts

AT_ONCE_S = 900  # for so long what was asked without a start may be approved
KEPT_S = 400 * 86_400
_approved: ContextVar[bool] = ContextVar("approved", default=False)


class ApprovalRow(TypedDict):
    """What was asked for and its power, above the limit; until when it may be approved, and who decided.

    `state` is waiting, approved, rejected, expired, or failed: approved, and could not be done any more.
    """
    id: int
    vder: str
    operation: str
    arguments: dict[str, Any]
    power_w: Watts
    limit_w: Watts
    state: str
    reason: str
    requested_by: str
    requested_at: Instant
    valid_until: Instant
    decided_by: str
    decided_at: Instant | None
    remark: str


class WaitingApproval(TypedDict):
    """Nothing is done yet: what was asked for waits for somebody else, as approval `waiting`."""
    waiting: int
    vder: str
    power_w: Watts
    limit_w: Watts
    valid_until: Instant


class Ordering(Declared, Protocol):
    """An operation that orders power (see server.operations.declaration)."""
    @property
    def power(self) -> Callable[[Mapping[str, Any]], tuple[VirtualDER, Watts] | None] | None: ...

    def run(self, values: Mapping[str, Any]) -> Any: ...


# --- asking ---------------------------------------------------------------------------------------

def ask(operation: Ordering, values: Mapping[str, Any]) -> WaitingApproval | None:
    """Note what needs somebody else's approval, and return that it waits; None where it may be done."""
    actor = actors.actor()
    if operation.power is None or actor is None or _approved.get() or not powerlimits.has_any():
        return None
    with audit.unrecorded():
        ordered = operation.power(values)
    if ordered is None:
        return None
    vder, power_w = ordered
    limit_w = powerlimits.of(vder)
    if power_w <= limit_w:
        return None
    arguments = {**values, **({"vder": str(vder.id)} if "vder" in values else {})}
    row = _note(operation.name, arguments, vder, power_w, limit_w, actor)
    return {"waiting": row.id, "vder": vder.name, "power_w": power_w, "limit_w": limit_w,
            "valid_until": row.valid_until}


def _noted(row: Approval) -> dict[str, Any]:
    return {**describe(row), "arguments": dict(row.arguments)}


@audit.audited("approval ask", "{vder} approval {id}", answer=_noted)
def _note(
    operation: str, arguments: dict[str, Any], vder: VirtualDER, power_w: Watts, limit_w: Watts,
    actor: actors.Actor
) -> Approval:
    now = clock.now()
    with store.transaction():
        Approval.delete().where(Approval.requested_at < now - KEPT_S).execute()
        return Approval.create(
            vder=vder, operation=operation, arguments=arguments, power_w=power_w, limit_w=limit_w,
            reason=arguments.get("reason") or actor.reason, requested_by=actor.who,
            signed_in=actor.signed_in, requested_at=now,
            valid_until=arguments.get("start") or now + AT_ONCE_S)


# --- deciding -------------------------------------------------------------------------------------

def find(number: int) -> Approval:
    """Return the approval of this number. Refused (404) where there is none that is visible."""
    row = Approval.get_or_none(Approval.id == number)
    if row is None or not scopes.sees_vder(row.vder_id):
        raise Refused(404, f"there is no approval {number}")
    return row


def _state(number: int) -> dict[str, Any]:
    return dict(describe(find(number)))


@audit.audited("approval decide", "{vder} approval {id}", state=_state)
def _decide(number: int, state: str, remark: str) -> Approval:
    with store.transaction():
        row = find(number)
        status = status_of(row)
        if status != Approval.WAITING:
            raise Refused(409, f"approval {number} is {status}" + (
                ": its time is over, ask again" if status == EXPIRED else ""))
        row.state, row.decided_by, row.decided_at, row.remark = state, actors.who(), clock.now(), remark
        row.save()
        return row


def approve(number: int, remark: str, operation_of: Callable[[str], Ordering]) -> Any:
    """Approve what somebody else asked for, and do it; return its result.

    Refused (409) where it was decided, its time is over, the same person asked, or it cannot be done any
    more.
    """
    asked = find(number)
    if actors.same_person(asked.requested_by, actors.who()):
        raise Refused(409, f"approval {number} was asked for by {asked.requested_by}: somebody else approves "
                           "it")
    row = _decide(number, Approval.APPROVED, remark)
    try:
        with _as_asked(row) as check:
            operation = operation_of(row.operation)
            check(operation, row.arguments)
            return operation.run(row.arguments)
    except Refused as refused:
        row.state, row.remark = Approval.FAILED, refused.why
        row.save()
        raise Refused(409, f"approval {number}: it cannot be done any more: {refused.why}") from None


@contextmanager
def _as_asked(row: Approval) -> Iterator[Callable[[Ordering, Mapping[str, Any]], None]]:
    """Act inside as who asked, with the rights of now; yield what checks these."""
    reason = f"{row.reason}; approved by {row.decided_by}".removeprefix("; ")
    with ExitStack() as stack:
        token = _approved.set(True)
        stack.callback(_approved.reset, token)
        if not row.signed_in:
            stack.enter_context(scopes.within(None))
            stack.enter_context(actors.acting(row.requested_by, reason))
            yield lambda operation, values: None
            return
        user = OperatorUser.get_or_none(OperatorUser.name == row.requested_by)
        if user is None or user.disabled:
            raise Refused(409, f"{row.requested_by} may sign in no more")
        principal = principals.of(user)
        stack.enter_context(authorisation.acting(principal, reason))
        yield lambda operation, values: authorisation.check(principal, operation, values)


def reject(number: int, remark: str) -> ApprovalRow:
    """Reject what was asked for; who asked may take it back so, too."""
    return describe(_decide(number, Approval.REJECTED, remark))


# --- looking --------------------------------------------------------------------------------------

EXPIRED = "expired"


def status_of(row: Approval) -> str:
    """Return the state of an approval now."""
    over = row.state == Approval.WAITING and clock.now() >= row.valid_until
    return EXPIRED if over else str(row.state)


def describe(row: Approval) -> ApprovalRow:
    """Return an approval as approvals are listed."""
    return {
        "id": row.id,
        "vder": row.vder.name,
        "operation": row.operation,
        "arguments": row.arguments,
        "power_w": row.power_w,
        "limit_w": row.limit_w,
        "state": status_of(row),
        "reason": row.reason,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "valid_until": row.valid_until,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "remark": row.remark,
    }


def list_approvals(decided: bool = False, limit: int = 100) -> list[ApprovalRow]:
    """Return what waits for an approval, the newest first; with `decided` also the rest."""
    query = scopes.vders(Approval.select(), Approval.vder).order_by(Approval.id.desc()).limit(limit)
    if not decided:
        query = query.where((Approval.state == Approval.WAITING) & (Approval.valid_until > clock.now()))
    return [describe(row) for row in query]
