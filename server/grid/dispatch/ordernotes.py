"""Orders that have begun or are over, and the responses of devices, noted as changes of state.

No row changes when an order begins, and a device's Response shall write nothing more than itself. So the
worker looks every few seconds at what has come since, and notes it together: for each order, or event that
is part of none, how many devices have responded how.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from server import clock
from server.functionsets.response import STATUSES_2023
from server.models import KeyValue, db, is_postgres, vder_audience
from server.models.changes import ORDER, RESPONSES, ChangedSubject, note_all
from server.resources import sql
from server.units import Instant

LOOKED_AT = "orders noted"  # the KeyValue with the instant until which it is done
EVERY_S = 5
LATE_S = 2  # after which a Response that was received is committed
LONGEST_S = 8 * 86_400  # of an order whose end is noted
_ORDERS = ("SELECT o.id, o.vder_id, v.name, o.plan_id FROM dispatch_order o JOIN virtual_der v "
           "ON v.id = o.vder_id WHERE (o.cancelled_at IS NULL OR o.cancelled_at > {at}) AND {at} > ? "
           "AND {at} <= ? AND o.start > ? ORDER BY o.id")
_RECEIVED = "r.received_at > ? AND r.received_at <= ? AND r.status IS NOT NULL"
_OF_ORDERS = ("SELECT s.order_id, o.vder_id, r.status, count(*) FROM response_record r "
              "JOIN share s ON s.mrid = r.subject AND s.lfdi = r.lfdi JOIN dispatch_order o "
              f"ON o.id = s.order_id WHERE {_RECEIVED} GROUP BY 1, 2, 3 ORDER BY 1, 3")
_OF_EVENTS = ("SELECT d.href, d.audience, r.status, count(*) FROM response_record r "
              "JOIN document d ON d.mrid = r.subject AND d.status IS NOT NULL "
              f"WHERE {_RECEIVED} AND NOT EXISTS (SELECT 1 FROM share s WHERE s.mrid = r.subject) "
              "GROUP BY 1, 2, 3 ORDER BY 1, 3")


def note_due() -> int:
    """Note what has come since the last time, unless that was just now; return 0. Of two workers one does."""
    now = clock.now()
    if 0 <= now - (_until() or 0) < EVERY_S:
        return 0
    with db.atomic():
        KeyValue.insert(name=LOOKED_AT, value=str(now)).on_conflict_ignore().execute()
        since = _until(lock=True) or now
        if since < now:
            _note(since, now)
        KeyValue.update(value=str(now)).where(KeyValue.name == LOOKED_AT).execute()
    return 0


def _until(lock: bool = False) -> Instant | None:
    query: Any = KeyValue.select().where(KeyValue.name == LOOKED_AT)
    row = (query.for_update() if lock and is_postgres() else query).first()
    return int(row.value) if row is not None else None


def _note(since: Instant, now: Instant) -> None:
    for change, at in (("begun", "o.start"), ("over", "o.start + o.duration_s")):
        note_all(ORDER, change, [
            ChangedSubject(str(number), vder_audience(vder), {"vder": name, "plan": plan})
            for number, vder, name, plan in sql.rows(_ORDERS.format(at=at), since, now, since - LONGEST_S)])
    note_all(RESPONSES, "received", list(_responses(since - LATE_S, now - LATE_S)))


def _responses(since: Instant, until: Instant) -> Iterator[ChangedSubject]:
    """Yield how many devices have responded how, by order, or event without one."""
    counts: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for number, vder, status, count in sql.rows(_OF_ORDERS, since, until):
        counts[str(number), vder_audience(vder), "order"][_name(status)] = count
    for href, audience, status, count in sql.rows(_OF_EVENTS, since, until):
        counts[href, audience, "event"][_name(status)] = count
    for (subject, audience, of), by_status in counts.items():
        yield ChangedSubject(subject, audience, {"to": of, "responses": by_status})


def _name(status: int) -> str:
    return STATUSES_2023.get(status, str(status))
