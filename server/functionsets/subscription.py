"""Subscription and Notification: who may subscribe to what, and what is refused (IEEE 2030.5-2018, 8.7).

A device subscribes below its own EndDevice. A device that an aggregator manages does not: the aggregator
subscribes for it, below the aggregator's EndDevice. This server itself subscribes nowhere.
"""
from __future__ import annotations

from server.config import settings
from server.devices import methods
from server.devices.requestcontext import Changed, Created, RequestContext
from server.errors import Refused
from server.models import Device, Subscription
from server.notifications import subscriptions
from server.notifications.subscriptions import BadSubscription, Subscriber
from server.resources import quotas, sql, store, table
from server.resources.hooks import Change, after, before, instead, rebuild
from server.units import Href


@instead("LINK", "SubscriptionList")
def _unlinked(hrefs: list[Href]) -> list[Href]:
    """Return the lists of devices that are managed, which do not subscribe (CSIP 2.1, 6.1.7)."""
    numbers = {table.number(table.parent(href)): href for href in hrefs}
    return [numbers[number] for number, in sql.among(
        "SELECT id FROM device WHERE id IN ({}) AND manager <> ''", numbers)]


@instead("POST", "SubscriptionList")
def subscribe(context: RequestContext) -> Created | Changed:
    """Add a subscription, or renew the one of the same subscriber, resource and URI.

    No writer runs beside it: each either knows of the subscription, or has committed what the subscriber then
    reads.
    """
    with store.transaction():
        return methods.post(context)


@before("POST", "Subscription")
@before("PUT", "Subscription")
def _check(change: Change) -> None:
    caller, lfdi = change.caller, change.audience or ""
    if caller is not None:
        device = Device.get_or_none(Device.lfdi == lfdi)
        if caller.lfdi != lfdi or device is None or device.manager:
            raise Refused(403, "Subscription: an aggregator subscribes below its own EndDevice, and for the "
                               "devices that it manages too")
    known = Subscription.get_or_none(Subscription.href == change.href) if change.href else None
    subscriber = Subscriber(lfdi, getattr(caller, "address", ""), getattr(caller, "base", ""), caller is None)
    change.notes["columns"] = columns = subscriptions.values(change.data, subscriber)
    same = subscriptions.find(lfdi, columns["resource"], columns["uri"])
    if change.href:
        if same not in (None, change.href):
            raise BadSubscription(409, f"subscribedResource: {same} has the same, and notificationURI too")
        if known is None:
            raise Refused(404, "Subscription: it is over; POST a new one")
    elif same is not None:
        document = store.get(same)
        assert document is not None
        change.href, change.old = same, document.submitted
    else:
        _check_quota(change, lfdi)


def _check_quota(change: Change, lfdi: str) -> None:
    """Refuse (403) more subscriptions than a device may have; an aggregator may have as many for each
    device."""
    if change.caller is None:
        return
    count, = sql.row("SELECT count(*) FROM subscription WHERE lfdi = ? AND status = 0", lfdi)
    if count < settings.quota_subscriptions:
        return
    devices, = sql.row("SELECT 1 + count(*) FROM device WHERE manager = ?", lfdi)
    if count >= settings.quota_subscriptions * devices:
        raise quotas.OverQuota(403, lfdi, f"Subscription: you have {count} already, which is the most. "
                                          "Delete one that you no longer need.")


@after("POST", "Subscription")
@after("PUT", "Subscription")
def _save(change: Change) -> None:
    subscriptions.save(change.href, change.notes["columns"])


@after("DELETE", "Subscription")
def _forget(change: Change) -> None:
    """Forget a subscription, unless it has ended and its subscriber is still to be told."""
    sql.execute("DELETE FROM subscription WHERE href = ? AND status = 0", change.href)


@after("DELETE", "EndDevice")
def _end_all(change: Change) -> None:
    subscriptions.end_of_device(change.data["lFDI"], change.href)


@before("POST", "Notification")
def _refuse_notification(change: Change) -> None:
    if change.caller is not None:
        raise Refused(404, "Notification: this server has subscribed to nothing")


@rebuild
def _rebuild() -> int:
    """Make the rows of documents without one, and remove documents that nobody could have been told of;
    return how many.

    Before notifications were sent, any Subscription was stored.
    """
    rows = {href for href, in sql.rows("SELECT href FROM subscription")}
    changed = 0
    for href, lfdi in sql.rows(
            "SELECT href, audience FROM document WHERE kind = 'Subscription' ORDER BY href"):
        if href in rows:
            continue
        document = store.get(href)
        assert document is not None
        changed += 1
        try:
            columns = subscriptions.values(document.submitted, Subscriber(lfdi, known=True))
            if subscriptions.find(lfdi, columns["resource"], columns["uri"]):
                raise BadSubscription(409, "it is there twice")
        except Refused:
            store.remove(href)
        else:
            subscriptions.save(href, columns)
    return changed
