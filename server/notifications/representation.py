"""What a notification contains: the resource as its subscriber would GET it now (8.7.3.2)."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from server import clock
from server.config import settings
from server.config.checks import addresses, authority
from server.devices import access, methods
from server.devices.access import Caller
from server.devices.requestcontext import Fragment, ListPage, RequestContext
from server.errors import Refused
from server.models import Device, Document, Subscription
from server.resources import codec, hooks, pollrates, profiles, schema, sql, table
from server.resources.codes import NotificationStatus
from server.resources.subscribability import watch
from server.resources.variants import Variant
from server.resources.xmltext import escape
from server.units import Href, Lfdi

MOST_AUDIENCES = 50  # of the items of a list, of which representations are shared


class Notice(NamedTuple):
    """A body to post, and its media type."""
    media_type: str
    body: bytes


def current(caller: Caller, href: Href, limit: int, variant: Variant) -> Fragment:
    """Return a resource as a device would GET it, a list with at most `limit` items.

    Refused (404) where it would not get it.
    """
    match = table.match_in(variant.edition, href)
    if match is None:
        raise Refused(404, access.NOT_THERE)
    caller = caller._replace(variant=variant)
    if caller.state == Device.SUSPENDED:
        raise Suspended(403, "this device is suspended")
    access.admit(caller, "GET", match)
    query = f"l={limit}" if "l" in match.row.query else ""
    context = RequestContext(caller, match, href, variant, query, _no_document)
    instead = hooks.instead_of("GET", match.row.name)
    result = instead(context) if instead else methods.get(context)
    assert isinstance(result, Fragment | ListPage)
    return context.represent(result)


class Suspended(Refused):
    """The subscriber is suspended: it is told nothing, and goes on to be a subscriber."""


def _no_document() -> tuple[str, codec.Data]:
    raise Refused(400, "a notification has no request")


class Representations:
    """Resources as the subscribers of some notifications would GET them; what several get alike is made once.

    What a device gets of a stored document, or of a list of them, depends on which of the audiences of these
    it belongs to, and on its pollRate. These are asked for many subscribers at once.
    """

    def __init__(self, claims: Iterable[Subscription]):
        subscribers: dict[Href, set[Lfdi]] = defaultdict(set)
        for claim in claims:
            subscribers[claim.resource].add(claim.lfdi)
        everyone = set().union(*subscribers.values())
        rows = list(sql.among(
            "SELECT lfdi, id, state, kind, manager FROM device WHERE lfdi IN ({})", everyone))
        self._callers = {lfdi: Caller(lfdi, 0, *row) for lfdi, *row, _ in rows}
        self._managed = {lfdi for lfdi, *_, manager in rows if manager}
        self._audiences = {resource: _audiences(resource, lfdis) for resource, lfdis in subscribers.items()}
        self._made: dict[tuple[object, ...], Fragment] = {}

    def of(self, claim: Subscription) -> Fragment:
        """Return the resource of a notification. Refused as `current`, and (404) for a subscriber that an
        aggregator manages by now."""
        if claim.lfdi in self._managed:
            raise Refused(404, "its aggregator subscribes for it")
        resource, limit, variant = claim.resource, claim.item_limit, variant_of(claim)
        caller = self._callers.get(claim.lfdi) or Caller(claim.lfdi, 0)
        audiences = self._audiences[resource].get(claim.lfdi) if caller.enrolled else None
        rate_s = pollrates.poll(_element(resource), claim.lfdi)
        key = resource, limit, variant, audiences or claim.lfdi, rate_s
        if key not in self._made:
            self._made[key] = current(caller, resource, limit, variant)
        return self._made[key]


def variant_of(subscription: Subscription) -> Variant:
    """Return the variant of a notification: that of a GET of its subscriber that declares its level."""
    return profiles.variant(subscription.lfdi, subscription.level)


def _element(resource: Href) -> str:
    match = table.match(resource)
    return match.row.element if match else ""


def _audiences(resource: Href, lfdis: set[Lfdi]) -> dict[Lfdi, frozenset[str]]:
    """Return to which audiences of a stored document, or of the items of a list, devices belong; nothing of
    what is made in another way, or has the items of very many."""
    match = table.match(resource)
    if match is None or len(lfdis) < 2 or hooks.instead_of("GET", match.row.name):
        return {}
    column, source = ("parent", watch(resource, match).watched) if match.row.is_list else ("href", resource)
    found = [audience for audience, in sql.rows(
        f"SELECT DISTINCT audience FROM document WHERE {column} = ? AND visibility < ? LIMIT ?",
        source, Document.EXPIRED, MOST_AUDIENCES + 1)]
    if not found or len(found) > MOST_AUDIENCES:
        return {}
    belong: dict[Lfdi, set[str]] = defaultdict(set)
    for lfdi, audience in sql.among(
            "SELECT lfdi, audience FROM audience WHERE lfdi IN ({}) "
            f"AND audience IN ({sql.marks(len(found))})", lfdis, *found):
        belong[lfdi].add(audience)
    return {lfdi: frozenset(audiences) for lfdi, audiences in belong.items()}


def notice(subscription: Subscription, representations: Representations) -> Notice:
    """Return the notification of a subscription: that it has ended, or what the resource is now.

    Refused (404) where the subscriber does not see that, Suspended where it sees nothing at present.
    """
    resource = b""
    row = table.match(subscription.resource)
    bare = subscription.item_limit == 0 and row is not None and not row.row.is_list
    if subscription.status == NotificationStatus.DEFAULT:
        name, xml = representations.of(subscription)
        prefix = "csipaus:" if schema.foreign_name(name) else ""
        if not bare:
            resource = b'<Resource xmlns:xsi="%s" xsi:type="%s"%s</Resource>' % (
                schema.XSI.encode(), f"{prefix}{name}".encode(), xml)
    moved_to = ""
    if subscription.status == NotificationStatus.RESOURCE_MOVED:
        moved_to = f"<newResourceURI>{escape(str(subscription.moved_to))}</newResourceURI>"
    variant = variant_of(subscription)
    created = f"<createdDateTime>{clock.now()}</createdDateTime>" if variant.edition == 2023 else ""
    fragment = b"><subscribedResource>%s</subscribedResource>%s%s%s<status>%d</status>" \
        b"<subscriptionURI>%s</subscriptionURI>" % (
            escape(subscription.resource).encode(), created.encode(), moved_to.encode(), resource,
            subscription.status, escape(f"{subscription.base or _address()}{subscription.href}").encode())
    return Notice(variant.media_type, codec.wrap("Notification", fragment, variant))


def _address() -> str:
    """Return how this server is addressed by the settings: for subscribers that have not said it."""
    return f"https://{authority(addresses(settings.host)[0], settings.port)}"
