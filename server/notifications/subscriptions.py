"""The rows behind Subscription documents: what they are made of, and how a subscription ends."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from server import clock
from server.devices import access
from server.errors import Refused
from server.models import Subscription
from server.notifications import addresses, representation
from server.resources import profiles, sql, store, subscribability, table, variants
from server.resources.codes import NotificationStatus, ReasonCode, Subscribable, SubscriptionEncoding
from server.units import Href, Instant, Lfdi

Data = dict[str, Any]
_READING_VALUE = 0  # Condition/attributeIdentifier


class BadSubscription(Refused):
    """A Subscription that cannot be; `reason_code` is that of the Error."""

    def __init__(self, status: int, why: str, reason_code: ReasonCode = ReasonCode.VALUES):
        super().__init__(status, f"Subscription/{why}")
        self.reason_code = reason_code


class Subscriber(NamedTuple):
    """Who subscribes, from which IP address ("" for unknown), and how it addresses this server
    (https://host)."""
    lfdi: Lfdi
    address: str = ""
    base: str = ""
    known: bool = False


def values(data: Data, subscriber: Subscriber) -> Data:
    """Return the columns of a subscription, without its href and without what is due.

    Refused (400, 404): what is not subscribable, or not there for the subscriber, and what the elements
    cannot be.
    """
    if data["encoding"] != SubscriptionEncoding.XML:
        why = "not available here" if data["encoding"] == SubscriptionEncoding.EXI else "reserved"
        raise BadSubscription(400, f"encoding: {data['encoding']} is {why}; use 0, which is XML")
    level = variants.level_named(data["level"])
    variant = profiles.variant(subscriber.lfdi, level)
    resource = _resource(data["subscribedResource"], subscriber.base)
    match = table.match(resource)
    if match is None:
        raise BadSubscription(404, f"subscribedResource: there is no {resource} for you")
    try:
        representation.current(access.caller(subscriber.lfdi, 0), resource, 0, variant)
    except Refused:
        raise BadSubscription(404, f"subscribedResource: there is no {resource} for you") from None
    kind = subscribability.of(match.row.name)
    if not kind:
        raise BadSubscription(400, f"subscribedResource: a {match.row.name} cannot be subscribed to; poll it")
    lower, upper = _condition(data.get("Condition"), kind)
    target = _target(data["notificationURI"], subscriber)
    watch = subscribability.watch(resource, match)
    viewer = subscriber.lfdi
    if watch.viewer_device:
        viewer, = sql.row("SELECT lfdi FROM device WHERE id = ?", watch.viewer_device)
    return {
        "lfdi": subscriber.lfdi,
        "resource": resource,
        "kind": match.row.name,
        "watched": watch.watched,
        "viewer": viewer,
        "only_audience": watch.only_audience,
        "active_only": watch.active_only,
        "lower": lower,
        "upper": upper,
        "uri": data["notificationURI"],
        "receiver": target.receiver,
        "own_address": subscriber.address,
        "base": subscriber.base,
        "item_limit": data["limit"],
        "level": level,
        "renewed_at": clock.now(),
    }


def _resource(uri: str, base: str) -> Href:
    """Return the href of a subscribedResource, without query, and without the address of this server."""
    if base and uri.startswith(f"{base}/"):
        uri = uri[len(base):]
    if not uri.startswith("/") or uri.startswith("//"):
        raise BadSubscription(400, f"subscribedResource: {uri} is not an href of this server, such as /derp")
    return uri.partition("?")[0].partition("#")[0]


def _condition(condition: Data | None, kind: Subscribable) -> tuple[int | None, int | None]:
    """Return the thresholds of a condition, None without one."""
    if condition is None:
        return None, None
    if kind not in (Subscribable.CONDITIONAL, Subscribable.BOTH):
        raise BadSubscription(400, "Condition: this resource takes subscriptions without a condition only",
                              ReasonCode.CONDITION_NOT_SUPPORTED)
    if condition["attributeIdentifier"] != _READING_VALUE:
        raise BadSubscription(400, "Condition/attributeIdentifier: only 0 is known, the value of a reading",
                              ReasonCode.CONDITION_NOT_SUPPORTED)
    lower, upper = condition["lowerThreshold"], condition["upperThreshold"]
    if lower > upper:
        raise BadSubscription(400, f"Condition: the lower threshold {lower} is above the upper one {upper}")
    return lower, upper


def _target(uri: str, subscriber: Subscriber) -> addresses.Target:
    try:
        target = addresses.target(uri)
    except addresses.BadUri as error:
        raise BadSubscription(400, f"notificationURI: {error}") from None
    address = addresses.literal(target.host)
    fault = addresses.fault(address, subscriber.address) if address else addresses.name_fault(target.host)
    if fault and not subscriber.known:
        raise BadSubscription(400, f"notificationURI: {fault}")
    return target


def find(lfdi: Lfdi, resource: Href, uri: str) -> Href | None:
    """Return the subscription of a device to a resource with a URI; None where there is none."""
    row = sql.row("SELECT href FROM subscription WHERE lfdi = ? AND resource = ? AND uri = ? AND status = 0",
                  lfdi, resource, uri)
    return row[0] if row else None


def save(href: Href, columns: Data) -> None:
    """Write the row of a subscription that is new or renewed; what is due stays due."""
    Subscription.insert(href=href, **columns).on_conflict(
        conflict_target=[Subscription.href],
        update={getattr(Subscription, name): value for name, value in columns.items()}).execute()


def end(
    hrefs: Iterable[Href], status: NotificationStatus, moved_to: str | None = None, tell: bool = True
) -> int:
    """End subscriptions: remove their documents and, if `tell`, have their subscribers told why. Return how
    many.

    Those that are over already are left out.
    """
    ended = 0
    for href in hrefs:
        with store.transaction(href):
            row = sql.row(
                "UPDATE subscription SET status = ?, moved_to = ?, version = version + 1, due_at = ?, "
                "check_only = ? WHERE href = ? AND status = 0 RETURNING href",
                int(status), moved_to, clock.now(), False, href)
            if row is None:
                continue
            ended += 1
            if store.get(href) is not None:
                store.remove(href)
            if not tell:
                forget([href])
    return ended


def end_of_device(lfdi: Lfdi, href: Href) -> None:
    """End the subscriptions of a device whose EndDevice (its href) is removed; it is told so."""
    sql.execute(
        "UPDATE subscription SET "
        f"status = CASE WHEN resource = ? OR {sql.below('resource')} THEN ? ELSE ? END, "
        "version = version + 1, due_at = ?, check_only = ? WHERE lfdi = ? AND status = 0",
        href, *sql.bounds(href), int(NotificationStatus.RESOURCE_DELETED), int(NotificationStatus.CANCELLED),
        clock.now(), False, lfdi)


def forget(hrefs: Iterable[Href]) -> None:
    """Remove the rows of subscriptions, with what is due."""
    sql.many("DELETE FROM subscription WHERE href = ?", ((href,) for href in hrefs))


def expired(before: Instant, limit: int) -> list[Href]:
    """Return subscriptions that nobody has renewed since an instant, at most `limit`."""
    return [href for href, in sql.rows(
        "SELECT href FROM subscription WHERE status = 0 AND renewed_at < ? LIMIT ?", before, limit)]
