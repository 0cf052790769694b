"""Tables of notifications: who is told of what, and what is still to be told."""
from __future__ import annotations

from peewee import SQL, BigAutoField, BigIntegerField, BooleanField, SmallIntegerField, TextField

from server.models.base import Table


class Subscription(Table):
    """A Subscription document as it is looked up, and the notification that is due.

    `lfdi` is the subscriber, `resource` the href that it is told of (without a query), `kind` the row of that
    in the table of resources. `watched` is the href whose changes matter: of a view that of the list which it
    selects from, of readings that of their ReadingSetList. Of these changes those count whose audience
    `viewer` (an LFDI) sees, in a view of one virtual DER those of `only_audience` alone, in a view of active
    items those of active items (`active_only`), and of readings with a condition those with a value less than
    `lower` or greater than `upper`.

    `uri` is where notifications go, `receiver` its scheme, host and port. `own_address` is the subscriber's
    IP address when it subscribed, "" where that is not known. `base` is how the subscriber addresses this
    server. `item_limit` is the most items of a list in a notification, `level` the one that it was
    asked for with (resources.variants).

    `status` is 0, or the one with which the subscription has ended (NotificationStatus): its document is gone
    then, and the row stays until the subscriber has been told. `moved_to` is the new URI of the resource.

    `version` counts changes. `due_at` is when the next notification is to be sent, or when another worker
    may take over from the one that sends it; null where nothing is due. With `check_only` it is sent only if
    the subscriber does not see the resource any more. `failing_since` is null unless the last attempt failed,
    `last_error` says how. `sent_at` is when the last one was acknowledged. All in UTC seconds.
    """
    href = TextField(primary_key=True)
    lfdi = TextField()
    resource = TextField()
    kind = TextField()
    watched = TextField()
    viewer = TextField(index=True)
    only_audience = TextField(default="")
    active_only = BooleanField(default=False)
    lower = BigIntegerField(null=True)
    upper = BigIntegerField(null=True)
    uri = TextField()
    receiver = TextField()
    own_address = TextField(default="")
    base = TextField(default="")
    item_limit = BigIntegerField()
    level = TextField(default="")
    renewed_at = BigIntegerField()
    status = SmallIntegerField(default=0)
    moved_to = TextField(null=True)
    version = BigIntegerField(default=0)
    due_at = BigIntegerField(null=True)
    check_only = BooleanField(default=False)
    failing_since = BigIntegerField(null=True)
    sent_at = BigIntegerField(null=True)
    last_error = TextField(null=True)


_DUE = Subscription.due_at.is_null(False)
Subscription.add_index(Subscription.watched, Subscription.href)
Subscription.add_index(Subscription.index(Subscription.lfdi, Subscription.resource, Subscription.uri,
                                          unique=True, where=SQL("status = 0")))
Subscription.add_index(Subscription.due_at, where=_DUE)
Subscription.add_index(Subscription.receiver, Subscription.due_at, where=_DUE)


class ResourceChange(Table):
    """A change of a resource to which somebody subscribes, committed with the change: from it, workers mark
    the notifications that are due, those of a slice of subscriptions at a time.

    `watched` and `audience` are those of the changed document, or of the list that it is in; an audience of
    "" concerns all subscribers. Without `watched`, it is what the device `audience` (an LFDI) may see that
    has changed. `active` is false where the item is neither active nor has just been. `status` is 0, or the
    one with which subscriptions at and below `watched` end. `least` and `greatest` are the values of new
    readings, `after` is the href of the last subscription that has been marked.
    """
    id = BigAutoField()
    watched = TextField()
    audience = TextField(default="")
    active = BooleanField(default=True)
    status = SmallIntegerField(default=0)
    least = BigIntegerField(null=True)
    greatest = BigIntegerField(null=True)
    after = TextField(default="")
