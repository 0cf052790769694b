"""Webhooks as operators have them: added, listed, tried, removed."""
from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any, TypedDict

from server import alarms, audit, clock, statechanges
from server.errors import BadArgument, Refused
from server.grid.groups import virtualders
from server.models import Webhook
from server.monitoring import hookposts
from server.monitoring.undelivered import Undelivered
from server.resources import store
from server.units import Instant

ALARM = "webhook"
PREFIX = "whsec_"  # of the text of a secret (Standard Webhooks)
SECRET_BYTES = 32


class WebhookRow(TypedDict):
    """A webhook: what it is told of (no kinds: of all), and how that goes. It is told no more once
    `given_up_at`; `waiting` is how many changes are still to be looked at for it."""
    name: str
    url: str
    kinds: list[str]
    vder: str | None
    created_at: Instant
    told_at: Instant | None
    failing_since: Instant | None
    last_error: str
    given_up_at: Instant | None
    waiting: int


class NewWebhook(WebhookRow):
    """A new webhook with the secret of its signature, which is not shown again."""
    secret: str


class RemovedWebhook(TypedDict):
    removed: str


class TriedWebhook(TypedDict):
    """What a message that was sent as a trial was answered with; null where none was sent."""
    name: str
    status: int | None


def source(hook: Webhook) -> str:
    """Return the source of its alarm."""
    return f"webhook {hook.name}"


def _state(name: str) -> dict[str, Any]:
    hook = find(name)
    return {"name": hook.name, "url": hook.url, "kinds": list(hook.kinds),
            "vder": hook.vder.name if hook.vder is not None else None}


def add(name: str, url: str, kinds: Sequence[str], vder: str) -> NewWebhook:
    """Add a webhook; it is told of what changes from now on.

    Refused (400) for a URL that messages may not go to, (409) for a name that another has.
    """
    secret = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    _record(name, url, kinds, vder, secret)
    return {**describe(find(name)), "secret": PREFIX + secret}


@audit.audited("webhook add", "{name}", state=_state)
def _record(name: str, url: str, kinds: Sequence[str], vder: str, secret: str) -> None:
    if not name.strip() or len(name) > 64 or not name.isprintable():
        raise BadArgument("name", "1 to 64 printable characters are needed")
    if fault := hookposts.fault(url):
        raise BadArgument("url", fault)
    top = virtualders.find(vder) if vder else None
    with store.transaction():
        if Webhook.get_or_none(Webhook.name == name) is not None:
            raise Refused(409, f"there is a webhook {name!r} already: remove it, or choose another name")
        statechanges.arrange()
        Webhook.create(name=name, url=url, kinds=list(dict.fromkeys(kinds)), vder=top, secret=secret,
                       created_at=clock.now(), position=statechanges.newest())


def find(name: str) -> Webhook:
    """Return the webhook of a name. Refused (404) where there is none."""
    hook = Webhook.get_or_none(Webhook.name == name)
    if hook is None:
        raise Refused(404, f"there is no webhook {name!r}; `counterpoise webhook list` has those there are")
    return hook


def describe(hook: Webhook) -> WebhookRow:
    """Return a webhook as it is shown."""
    return {
        "name": hook.name,
        "url": hook.url,
        "kinds": list(hook.kinds),
        "vder": hook.vder.name if hook.vder is not None else None,
        "created_at": hook.created_at,
        "told_at": hook.told_at,
        "failing_since": hook.failing_since,
        "last_error": hook.last_error,
        "given_up_at": hook.given_up_at,
        "waiting": max(statechanges.newest() - hook.position, 0),
    }


def list_webhooks() -> list[WebhookRow]:
    """Return all webhooks."""
    return [describe(hook) for hook in Webhook.select().order_by(Webhook.name)]


@audit.audited("webhook remove", "{name}", state=_state)
def remove(name: str) -> None:
    """Remove a webhook; it is told nothing more."""
    with store.transaction():
        hook = find(name)
        hook.delete_instance()
        alarms.clear(ALARM, source(hook))


def test(name: str, dry_run: bool = False) -> TriedWebhook:
    """Send a message of the type `test`. One that was given up is tried again from then on.

    Refused (409) where it is not taken. A dry run sends nothing.
    """
    hook = find(name)
    if dry_run:
        if why := hookposts.fault(hook.url):
            raise Refused(409, f"the webhook {name} is told nothing: {why}")
        return {"name": name, "status": None}
    try:
        status = hookposts.post(hook.url, hook.secret, f"test_{secrets.token_hex(8)}", {
            "type": "test", "timestamp": hookposts.timestamp(), "data": {"webhook": hook.name}})
    except Undelivered as fault:
        raise Refused(409, f"the webhook {name} does not take it: {fault}") from None
    resume(hook)
    return {"name": name, "status": status}


def resume(hook: Webhook) -> None:
    """Try a webhook that takes messages from now on, from where it was left."""
    if hook.failing_since is not None or hook.given_up_at is not None:
        with store.transaction():
            Webhook.update(failing_since=None, given_up_at=None, due_at=0, last_error="").where(
                Webhook.id == hook.id).execute()
            alarms.clear(ALARM, source(hook))
