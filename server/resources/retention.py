"""What is old is removed: a table of what, found how, after how many days, a slice at a time.

Each rule selects what is over for longer than its setting says, the oldest first and by an index, and removes
up to a slice of it in a transaction of its own, so that nobody waits for it. The worker goes on until no rule
has anything left.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server import clock
from server.config import settings
from server.errors import Refused
from server.models import Document, db
from server.resources import documents, outbox, readingdays, sql, store, table
from server.units import Instant

DAY = 86_400  # s
SLICE = 500  # rows that are removed in one transaction
READING_SLICE = 50  # sets of readings; one may have the readings of a day
READINGS = 1000  # of a set that are removed in one transaction
CHANGES = 100_000  # of state that are kept, at most CHANGE_DAYS
CHANGE_DAYS = 2.0
Keys = list[tuple[Any, ...]]
_reached: dict[str, bytes] = {}  # by rule: where in its list the last slice has ended


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is removed after a number of days.

    `select` is SQL that returns the keys of what is over before an instant; each `?` in it is that instant.
    `remove` removes the rows of these keys. Where that has to be looked for in a long list, `after` is the
    column of its order: a slice begins where the last one has ended. `prepare` is called with the
    instant before.
    """
    what: str
    days: Callable[[], float]
    select: str
    remove: Callable[[Keys], None]
    slice: int = SLICE
    prepare: Callable[[Instant], object] = lambda before: None
    after: str = ""

    def find(self, before: Instant) -> Keys:
        """Return the keys of a slice of what is over before an instant."""
        instants = [before] * self.select.count("?")
        if not self.after:
            return sql.rows(f"{self.select} LIMIT {self.slice}", *instants)
        rows = sql.rows(f"{self.select} AND {self.after} > ? ORDER BY {self.after} LIMIT {self.slice}",
                        *instants, _reached.get(self.what, b""))
        _reached[self.what] = rows[-1][-1] if len(rows) == self.slice else b""
        return [tuple(keys) for *keys, _ in rows]


def _delete(table: str, *key: str) -> Callable[[Keys], None]:
    """Return a function that deletes the rows of a table by their primary key."""
    statement = f"DELETE FROM {table} WHERE {' AND '.join(f'{column} = ?' for column in key)}"

    def delete(keys: Keys) -> None:
        with db.atomic():
            sql.many(statement, keys)
    return delete


def _remove_ended(keys: Keys) -> None:
    """Remove events that no list has any more, so that no list has to be rendered again, and what is below
    them, such as the prices of a TimeTariffInterval."""
    with store.transaction():
        sql.many("DELETE FROM document WHERE href = ?", [(href,) for href, _ in keys])
        sql.many(f"DELETE FROM document WHERE {sql.below('href')}",
                 [sql.bounds(href) for href, kind in keys if table.children(kind)])
        outbox.gone(href for href, _ in keys)


def _remove_responses(keys: Keys) -> None:
    with store.transaction():
        sql.many("DELETE FROM document WHERE href = ?", keys)
        sql.many("DELETE FROM response_record WHERE href = ?", keys)


def _remove_readings(keys: Keys) -> None:
    """Remove sets of readings; the MeterReadings say how many they have, so they are rendered again.

    Nobody waits for those of long sets either: at most READINGS of a set are removed with it.
    """
    for *of_set, _ in keys:
        last, = sql.row("SELECT max(number) FROM reading WHERE set_id = ? AND set_start = ?", *of_set)
        for beyond in range(READINGS, last or 0, READINGS):
            with db.atomic():
                sql.execute("DELETE FROM reading WHERE set_id = ? AND set_start = ? AND number <= ?",
                            *of_set, beyond)
    with store.transaction():
        sql.many("DELETE FROM reading_set WHERE id = ?", [(number,) for number, _, _ in keys])
        store.touch(*sorted({meter for _, _, meter in keys}))


def _discard(keys: Keys) -> None:
    """Remove documents whose time is over, without what follows from a cancellation."""
    for (href,) in keys:
        store.discard(href)


def _remove_documents(keys: Keys) -> None:
    """Remove documents with what follows from that; several of a row belong together."""
    for hrefs in keys:
        with store.transaction():
            for href in hrefs:
                try:
                    store.remove(href)
                except Refused:
                    pass  # another worker, or its device, was faster


_SILENT_MIRRORS = f"""
    SELECT m.href, u.href, u.sort FROM document u
    JOIN document m ON m.mrid = u.mrid AND m.parent = '/mup' AND m.audience = u.audience
    WHERE u.parent = '/upt' AND NOT EXISTS (
        SELECT 1 FROM document q JOIN reading_set s ON s.meter = q.href AND s.start >= ? - {DAY}
        WHERE q.parent = u.href || '/mr')
    AND NOT EXISTS (
        SELECT 1 FROM document q JOIN quarter_hours h ON h.meter = q.href AND h.day >= ? - {DAY}
        WHERE q.parent = u.href || '/mr')
    AND (EXISTS (SELECT 1 FROM document q JOIN reading_set s ON s.meter = q.href
                 WHERE q.parent = u.href || '/mr')
         OR EXISTS (SELECT 1 FROM document q JOIN quarter_hours h ON h.meter = q.href
                    WHERE q.parent = u.href || '/mr')
         OR NOT EXISTS (SELECT 1 FROM device v WHERE v.lfdi = u.audience
                        AND (v.last_contact_at >= ? OR v.enrolled_at >= ?)))"""
_IDLE_SUBSCRIPTIONS = """
    SELECT d.href FROM device v JOIN document d ON d.parent = '/edev/' || v.id || '/sub'
    WHERE v.last_contact_at < ? AND NOT EXISTS (
        SELECT 1 FROM device m WHERE m.lfdi = v.manager AND m.last_contact_at >= ?)"""
_IN_CONTRACT = ("SELECT 1 FROM device d JOIN participation c ON c.device_id = d.id "
                "WHERE d.lfdi = s.lfdi AND c.max_events IS NOT NULL")


_OLD_CHANGES = f"""
    SELECT id FROM state_change WHERE position IS NOT NULL AND (
        at < ? OR position <= (SELECT max(position) FROM state_change) - {CHANGES}) ORDER BY position"""


def _response_days() -> float:
    return float(max(settings.response_days, settings.event_days))  # the report of an event counts them


def _mirror_days() -> float:
    return float(min(settings.mirror_days, settings.quarter_hour_days))  # by these it is known to be silent


def _reading_days() -> float:
    now = clock.now()
    return (now - readingdays.kept_since(now)) / DAY


def _season_days() -> float:
    return float(max(settings.season_days, settings.event_days))


RULES = (
    Rule(what="events", days=lambda: settings.event_days, remove=_remove_ended,
         select=f"SELECT href, kind FROM document WHERE visibility = {Document.EXPIRED} AND until < ? "
                f"AND {documents.EVENT} ORDER BY until"),
    Rule(what="responses", days=_response_days, remove=_remove_responses,
         select="SELECT href FROM response_record WHERE received_at < ? ORDER BY received_at"),
    Rule(what="figures of erased devices", days=lambda: settings.event_days,
         remove=_delete("erased_member", "event", "lfdi"),
         select="SELECT event, lfdi FROM erased_member WHERE ended_at < ? ORDER BY ended_at"),
    # Shares of this season stay where a contract limits the device's events per season: they are counted.
    Rule(what="shares", days=lambda: settings.event_days, remove=_delete("share", "order_id", "lfdi"),
         select="SELECT s.order_id, s.lfdi FROM dispatch_order o JOIN share s ON s.order_id = o.id "
                f"WHERE o.start < ? AND o.start + o.duration_s < ? AND NOT EXISTS ({_IN_CONTRACT}) "
                "ORDER BY o.start"),
    Rule(what="orders", days=lambda: settings.event_days, remove=_delete("dispatch_order", "id"),
         select="SELECT id FROM dispatch_order WHERE start < ? AND start + duration_s < ? "
                "AND NOT EXISTS (SELECT 1 FROM share s WHERE s.order_id = dispatch_order.id) ORDER BY start"),
    Rule(what="orders before the season", days=_season_days, remove=_delete("dispatch_order", "id"),
         select="SELECT id FROM dispatch_order WHERE start < ? AND start + duration_s < ? ORDER BY start"),
    Rule(what="mirrors", days=_mirror_days, remove=_remove_documents, select=_SILENT_MIRRORS, slice=10,
         after="u.sort"),
    Rule(what="readings", days=_reading_days, remove=_remove_readings,
         select="SELECT id, start, meter FROM reading_set WHERE start < ? AND start + duration_s < ? "
                "ORDER BY start",
         slice=READING_SLICE, prepare=readingdays.drop),
    Rule(what="quarter-hours", days=lambda: settings.quarter_hour_days,
         remove=_delete("quarter_hours", "meter", "day"),
         select="SELECT meter, day FROM quarter_hours WHERE day < ? ORDER BY day"),
    Rule(what="measurements", days=lambda: settings.quarter_hour_days,
         remove=_delete("measurement", "vder_id", "quantity", "start"),
         select="SELECT vder_id, quantity, start FROM measurement WHERE start < ? ORDER BY start"),
    Rule(what="signals and forecasts", days=lambda: settings.quarter_hour_days,
         remove=_delete("series", "id"),
         select="SELECT id FROM series WHERE until < ? ORDER BY until"),
    Rule(what="charging sessions", days=lambda: settings.quarter_hour_days,
         remove=_delete("charging_session", "href"),
         # by the row the request is found, which goes first
         select="SELECT href FROM charging_session s WHERE arrival_at < ? AND departure_at < ? AND NOT "
                "EXISTS (SELECT 1 FROM document d WHERE d.href = s.href) ORDER BY arrival_at"),
    Rule(what="reservation requests", days=lambda: settings.request_days, remove=_discard, slice=50,
         select="SELECT d.href FROM charging_session s JOIN document d ON d.href = s.href "
                "WHERE s.arrival_at < ? AND s.departure_at < ? ORDER BY s.arrival_at"),
    Rule(what="subscriptions", days=lambda: settings.subscription_days, remove=_remove_documents,
         select=_IDLE_SUBSCRIPTIONS, slice=50),
    Rule(what="plans", days=lambda: settings.plan_days, remove=_delete("plan", "id"),
         select="SELECT id FROM plan WHERE start < ? AND start + steps * step_s < ? "
                "AND NOT EXISTS (SELECT 1 FROM balance b WHERE b.plan_id = plan.id) ORDER BY start"),
    Rule(what="exchanges", days=lambda: settings.trace_days, remove=_delete("exchange", "id"),
         select="SELECT id FROM exchange WHERE at < ? ORDER BY at"),
    Rule(what="changes of state", days=lambda: CHANGE_DAYS, remove=_delete("state_change", "id"),
         select=_OLD_CHANGES),
    Rule(what="traces", days=lambda: settings.trace_days, remove=_delete("device_trace", "lfdi"),
         select="SELECT lfdi FROM device_trace WHERE until < ? AND asked_at < ? ORDER BY until"),
    Rule(what="keyed requests", days=lambda: 1.0, remove=_delete("keyed_request", "who", "key"),
         select="SELECT who, key FROM keyed_request WHERE created_at < ? ORDER BY created_at"),
    Rule(what="operations done later", days=lambda: 7.0, remove=_delete("operator_job", "id"),
         select="SELECT id FROM operator_job WHERE created_at < ? ORDER BY created_at"),
    Rule(what="alarms", days=lambda: settings.alarm_days, remove=_delete("alarm_record", "id"),
         select="SELECT id FROM alarm_record WHERE cleared_at < ? ORDER BY cleared_at"),
)
_BY_NAME = {rule.what: rule for rule in RULES}


def remove(what: str, before: Instant) -> int:
    """Remove a slice of what was over before an instant, by one of the RULES; return of how many rows."""
    rule = _BY_NAME[what]
    rule.prepare(before)
    keys = rule.find(before)
    if keys:
        rule.remove(keys)
    return len(keys)


def remove_old() -> tuple[int, bool]:
    """Remove a slice of whatever is old; return how many rows, and whether there may be more."""
    removed, more = 0, False
    for rule in RULES:
        count = remove(rule.what, clock.now() - int(rule.days() * DAY))
        removed, more = removed + count, more or count == rule.slice
    return removed, more
