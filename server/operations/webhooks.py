"""`webhook`: programs that are told of changes of state, by a signed POST."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from server.models.changes import KINDS
from server.monitoring import changehooks
from server.monitoring.changehooks import NewWebhook, RemovedWebhook, TriedWebhook, WebhookRow
from server.operations.declaration import Arg, DryRun, Group, Role

webhook = Group("webhook", """
    Where programs are told of what changes: events, orders, plans, alarms and so on.

    Each message is a POST of JSON, signed as Standard Webhooks has it. What is not taken is sent again for a
    day.
    """, default="list")
GROUPS = (webhook,)
Name = Annotated[str, Arg("The webhook's name.", metavar="NAME")]


@webhook.operation("add", role=Role.ADMINISTRATOR, shows_secret=True)
def add(
    name: Name,
    url: Annotated[str, Arg("Where messages go, by https.", metavar="URL")],
    *,
    kinds: Annotated[Sequence[str], Arg(
        "Only of this kind; may be repeated.", option="kind", choices=KINDS)] = (),
    vder: Annotated[str, Arg(
        "Only what concerns this virtual DER, those below it and their members.", metavar="VDER")] = "",
) -> NewWebhook:
    """Add a webhook, which is told of what changes from now on. Its secret is shown now and never again."""
    return changehooks.add(name, url, kinds, vder)


@webhook.operation("list", role=Role.VIEWER)
def list_webhooks() -> list[WebhookRow]:
    """List webhooks: what each is told of, and how that goes."""
    return changehooks.list_webhooks()


@webhook.operation("show", role=Role.VIEWER)
def show(name: Name) -> WebhookRow:
    """Show a webhook, and how telling it goes."""
    return changehooks.describe(changehooks.find(name))


@webhook.operation("remove", role=Role.ADMINISTRATOR, confirm="Remove the webhook {name}?")
def remove(name: Name) -> RemovedWebhook:
    """Remove a webhook; it is told nothing more."""
    changehooks.remove(name)
    return {"removed": name}


@webhook.operation("test", role=Role.ADMINISTRATOR)
def test(name: Name, *, dry_run: DryRun = False) -> TriedWebhook:
    """Send a webhook a message of the type `test`. One that was given up is tried again if it takes that.

    A dry run sends nothing.
    """
    return changehooks.test(name, dry_run)
