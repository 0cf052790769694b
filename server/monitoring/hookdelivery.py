"""What webhooks are told, in order, and what becomes of it.

The outbox is that of the changes themselves (models.changes): a webhook has a position in it, up to which it
was told. A worker claims a webhook that is behind, sends the next changes in one message and moves its
position on; until the lease is over no other does so. What is not taken is sent again as it was, ever later,
and given up after `webhook_retry_hours`.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

from server import alarms, clock, scopes, statechanges
from server.config import settings
from server.models import Webhook, db, is_postgres
from server.monitoring import changehooks, hookposts
from server.monitoring.undelivered import Undelivered
from server.notifications import queue
from server.resources import sql
from server.statechanges import ChangeRow
from server.units import Seconds

LEASE_S = 60
LOOKED_AT = 500  # changes of which those that concern a webhook are sent in one message
MOST = 100  # of these
AT_ONCE = 20  # messages that are sent before other webhooks have their turn
_BEHIND = ("SELECT id FROM webhook WHERE due_at <= ? AND given_up_at IS NULL AND EXISTS "
           "(SELECT 1 FROM state_change c WHERE c.position > webhook.position) ORDER BY due_at LIMIT 1")


def deliver_due() -> int:
    """Tell each webhook what is due; return how many messages were taken."""
    statechanges.arrange()
    told = 0
    for _ in range(AT_ONCE):
        hook = _claim()
        if hook is None:
            break
        told += _tell(hook)
    return told


def _claim() -> Webhook | None:
    """Claim the webhook that waits longest."""
    now = clock.now()
    if sql.row(_BEHIND, now) is None:
        return None
    skip = " FOR UPDATE SKIP LOCKED" if is_postgres() else ""
    with db.atomic():  # `=`: PostgreSQL may ask a subquery of IN again for each row, and claim more than one
        rows = sql.rows(f"UPDATE webhook SET due_at = ? WHERE id = ({_BEHIND}{skip}) RETURNING id",
                        now + _lease_s(), now)
        return Webhook.get_or_none(Webhook.id == rows[0][0]) if rows else None


def _lease_s() -> Seconds:
    rate = clock.rate()
    return int(LEASE_S * max(1.0, rate if math.isfinite(rate) else 1.0))


def _tell(hook: Webhook) -> int:
    """Send the next message to a webhook; return 1 where it was taken, else 0."""
    is_lost = not statechanges.is_kept(hook.position)
    rows = statechanges.after(hook.position, LOOKED_AT)
    if hook.until is not None:
        rows = [row for row in rows if row.position <= hook.until]
    chosen = _concerning(hook, rows)[:MOST]
    until = hook.until or (chosen[-1].position if len(chosen) == MOST else rows[-1].position if rows else 0)
    if not chosen and not is_lost:
        _move_on(hook, until)
        return 0
    try:
        hookposts.post(hook.url, hook.secret, f"changes_{hook.id}_{hook.position}_{until}",
                       _message(hook, chosen, is_lost))
    except Undelivered as fault:
        _failed(hook, until, fault)
        return 0
    Webhook.update(told_at=clock.now()).where(Webhook.id == hook.id).execute()
    _move_on(hook, until)
    return 1


def _concerning(hook: Webhook, rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """Return the changes that a webhook is told of."""
    chosen = [row for row in rows if not hook.kinds or row.kind in hook.kinds]
    if hook.vder is None:
        return chosen
    with scopes.within(hook.vder):
        seen = set(filter(statechanges.sees, {row.audience for row in chosen}))
    return [row for row in chosen if row.audience in seen]


def _message(hook: Webhook, rows: Sequence[ChangeRow], is_lost: bool) -> dict[str, object]:
    told = [statechanges.document(row) for row in rows]
    return {"type": "changes", "timestamp": told[-1]["at"] if told else hookposts.timestamp(), "data": {
        "webhook": hook.name, "lost": is_lost, "changes": told}}


def _move_on(hook: Webhook, until: int) -> None:
    """Write how far a webhook was told, unless another worker has taken over."""
    with db.atomic():
        Webhook.update(position=until, until=None, due_at=0, failing_since=None, last_error="").where(
            (Webhook.id == hook.id) & (Webhook.due_at == hook.due_at)).execute()
        if hook.failing_since is not None:
            alarms.clear(changehooks.ALARM, changehooks.source(hook))


def _failed(hook: Webhook, until: int, fault: Undelivered) -> None:
    """Have the same message sent again later, or give up."""
    now, source = clock.now(), changehooks.source(hook)
    since = hook.failing_since if hook.failing_since is not None else now
    is_over = (isinstance(fault, hookposts.HookGone)
               or now - since >= settings.webhook_retry_hours * 3600)
    with db.atomic():
        Webhook.update(
            until=until, failing_since=since, last_error=str(fault), due_at=queue.retry_at(since, now),
            given_up_at=now if is_over else None,
        ).where((Webhook.id == hook.id) & (Webhook.due_at == hook.due_at)).execute()
        if is_over:
            alarms.raise_alarm(changehooks.ALARM, source, f"it is told nothing more: {fault}")
        elif now - since >= settings.alarm_undelivered_s:
            alarms.raise_alarm(changehooks.ALARM, source, f"it takes nothing since {now - since} s: {fault}")
