"""`subscription`: who is told of what, whether that arrives, and how a subscription is ended."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from server import audit
from server.devices import enrolment
from server.errors import BadArgument, Refused
from server.models import Subscription
from server.notifications import addresses, subscriptions
from server.operations.declaration import Arg, Group, Reason, Role
from server.resources.codes import NotificationStatus
from server.units import Href, Instant, Lfdi

subscription = Group("subscription", "Who is told of changes, and whether that arrives.", default="list")
GROUPS = (subscription,)
ACTIVE, PENDING, FAILING, ENDED = "active", "pending", "failing", "ended"


class SubscriptionRow(TypedDict):
    """A subscription: to what, where notifications go, and what is due.

    `state` is active (nothing is due), pending, failing (the receiver did not take the last one) or ended
    (its subscriber is still to be told). `error` says what came of the last attempt. `next_at` is when the
    next one is due, `sent_at` when the last was acknowledged.
    """
    href: Href
    device: Lfdi
    resource: Href
    uri: str
    state: str
    renewed_at: Instant
    sent_at: Instant | None
    next_at: Instant | None
    failing_since: Instant | None
    error: str


def _row(row: Subscription) -> SubscriptionRow:
    pending = PENDING if row.due_at is not None else ACTIVE
    state = ENDED if row.status else FAILING if row.failing_since is not None else pending
    return {"href": row.href, "device": row.lfdi, "resource": row.resource, "uri": row.uri, "state": state,
            "renewed_at": row.renewed_at, "sent_at": row.sent_at, "next_at": row.due_at,
            "failing_since": row.failing_since, "error": row.last_error or ""}


@subscription.operation("list", role=Role.VIEWER)
def list_subscriptions(
    *,
    device: Annotated[str, Arg("Only of this device.")] = "",
    failing: Annotated[bool, Arg("Only those whose receiver did not take the last notification.")] = False,
) -> Iterator[SubscriptionRow]:
    """List the subscriptions, and what is due to their subscribers."""
    query = Subscription.select().order_by(Subscription.lfdi, Subscription.href)
    if device:
        query = query.where(Subscription.lfdi == enrolment.find(device).lfdi)
    if failing:
        query = query.where(Subscription.failing_since.is_null(False))
    return map(_row, query.iterator())


def _state(href: Href) -> dict[str, Any]:
    row = Subscription.get_or_none(Subscription.href == href)
    if row is None:
        raise Refused(404, f"there is no subscription {href}")
    return {"subscription": href, "device": row.lfdi, "resource": row.resource, "uri": row.uri,
            "status": NotificationStatus(row.status).name.lower()}


@audit.audited("subscription end", "{subscription}", state=_state)
def _end(href: Href, status: NotificationStatus, moved_to: str | None, reason: str) -> None:
    if not subscriptions.end([href], status, moved_to):
        raise Refused(409, f"{href} has ended already")


@subscription.operation("end", role=Role.OPERATOR)
def end(
    href: Annotated[Href, Arg("The subscription's href.", metavar="SUBSCRIPTION")],
    *,
    moved_to: Annotated[str, Arg("Where the resource is now, such as on another server: its URI.")] = "",
    reason: Reason = "",
) -> SubscriptionRow:
    """End a subscription (its href); the worker tells its subscriber, who may subscribe anew."""
    _state(href)
    if moved_to:
        try:
            addresses.target(moved_to)
        except addresses.BadUri as error:
            raise BadArgument("moved_to", str(error)) from None
    status = NotificationStatus.RESOURCE_MOVED if moved_to else NotificationStatus.CANCELLED
    _end(href, status, moved_to or None, reason)
    return _row(Subscription.get(Subscription.href == href))
