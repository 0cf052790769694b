"""What a notification contains: the resource as its subscriber would GET it now (8.7.3.2)."""
from __future__ import annotations

from typing import NamedTuple

from server import clock
from server.config import settings
from server.config.checks import addresses, authority
from server.devices import access, methods
from server.devices.requestcontext import Fragment, ListPage, RequestContext
from server.errors import Refused
from server.models import Device, Subscription
from server.resources import codec, hooks, schema, table
from server.resources.codes import NotificationStatus
from server.resources.xmltext import escape
from server.units import Href, Lfdi

_DEFAULT = 2018


class Notice(NamedTuple):
    """A body to post, and its media type."""
    media_type: str
    body: bytes


def current(lfdi: Lfdi, href: Href, limit: int, edition: int) -> Fragment:
    """Return a resource as a device would GET it, a list with at most `limit` items.

    Refused (404) where it would not get it.
    """
    match = table.match(href)
    if match is None:
        raise Refused(404, access.NOT_THERE)
    caller = access.caller(lfdi, 0)._replace(edition=edition)
    if caller.state == Device.SUSPENDED:
        raise Suspended(403, "this device is suspended")
    access.admit(caller, "GET", match)
    query = f"l={limit}" if "l" in match.row.query else ""
    context = RequestContext(caller, match, href, edition, query, _no_document)
    instead = hooks.instead_of("GET", match.row.name)
    result = instead(context) if instead else methods.get(context)
    assert isinstance(result, Fragment | ListPage)
    return context.represent(result)


class Suspended(Refused):
    """The subscriber is suspended: it is told nothing, and goes on to be a subscriber."""


def _no_document() -> tuple[str, codec.Data]:
    raise Refused(400, "a notification has no request")


def notice(subscription: Subscription) -> Notice:
    """Return the notification of a subscription: that it has ended, or what the resource is now.

    Refused (404) where the subscriber does not see that, Suspended where it sees nothing at present.
    """
    resource = b""
    row = table.match(subscription.resource)
    bare = subscription.item_limit == 0 and row is not None and not row.row.is_list
    if subscription.status == NotificationStatus.DEFAULT:
        name, xml = current(subscription.lfdi, subscription.resource, subscription.item_limit,
                            subscription.edition)
        prefix = "csipaus:" if schema.foreign_name(name) else ""
        if not bare:
            resource = b'<Resource xmlns:xsi="%s" xsi:type="%s"%s</Resource>' % (
                schema.XSI.encode(), f"{prefix}{name}".encode(), xml)
    moved_to = ""
    if subscription.status == NotificationStatus.RESOURCE_MOVED:
        moved_to = f"<newResourceURI>{escape(str(subscription.moved_to))}</newResourceURI>"
    created = f"<createdDateTime>{clock.now()}</createdDateTime>" if subscription.edition != _DEFAULT else ""
    fragment = b"><subscribedResource>%s</subscribedResource>%s%s%s<status>%d</status>" \
        b"<subscriptionURI>%s</subscriptionURI>" % (
            escape(subscription.resource).encode(), created.encode(), moved_to.encode(), resource,
            subscription.status, escape(f"{subscription.base or _address()}{subscription.href}").encode())
    level = "" if subscription.edition == _DEFAULT else "; level=-S2"
    return Notice(f"application/sep+xml{level}", codec.wrap("Notification", fragment))


def _address() -> str:
    """Return how this server is addressed by the settings: for subscribers that have not said it."""
    return f"https://{authority(addresses(settings.host)[0], settings.port)}"
