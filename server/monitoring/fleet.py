"""What may be wrong with devices as a whole, and with the clock of one."""
from __future__ import annotations

from collections.abc import Iterator

from server import clock
from server.alarmfindings import Finding
from server.config import settings
from server.grid.controls.responses import PATIENCE_POLLS
from server.models import Device
from server.resources import pollrates, sql

ALL = "all devices"
SAMPLE = 2000  # shares of an order, or newest Responses times ten: what is judged is a share of many
RECENT_S = 7200  # in which an order began whose Responses are judged
LEAST_RESPONSES = 2  # of a device: one may have been sent again long after it was made
MOST_CLOCKS = 100  # alarms of one look: where more are off, these tell enough
_SILENT = ("count(*), coalesce(sum(CASE WHEN d.last_contact_at < ? THEN 1 ELSE 0 END), 0) FROM device d")
# One that has never been here may not be installed yet; an aggregator speaks for those that it manages.
_EXPECTED = "d.state = ? AND d.last_contact_at IS NOT NULL"


def silent() -> Iterator[Finding]:
    """Yield that too many devices are silent: of all, and of each area.

    All devices are read, once in five minutes: an index would be written with every contact instead.
    """
    before = clock.now() - settings.alarm_silence_s
    count, missing = sql.row(f"SELECT {_SILENT} WHERE {_EXPECTED}", before, Device.ENROLLED)
    yield from _silent(ALL, count, missing)
    for name, count, missing in sql.rows(
            f"SELECT v.name, {_SILENT} JOIN membership m ON m.device_id = d.id "
            "JOIN balance b ON b.vder_id = m.vder_id JOIN virtual_der v ON v.id = b.vder_id "
            f"WHERE {_EXPECTED} GROUP BY v.name ORDER BY v.name", before, Device.ENROLLED):
        yield from _silent(f"area {name}", count, missing)


def _silent(source: str, count: int, missing: int) -> Iterator[Finding]:
    if missing > settings.alarm_silent_share * count:
        yield Finding(source, f"{missing} of {count} devices ({missing / count:.0%}) were not in contact for "
                              f"{settings.alarm_silence_s // 60} min or longer")


def unanswered() -> Iterator[Finding]:
    """Yield the virtual DERs of whose newest order, within RECENT_S, too few members have sent a Response."""
    now = clock.now()
    patience_s = PATIENCE_POLLS * pollrates.poll("DERProgramList")
    newest = sql.rows(
        "SELECT max(o.id), v.name FROM dispatch_order o JOIN virtual_der v ON v.id = o.vder_id "
        "WHERE o.start > ? AND o.start <= ? AND o.created_at <= ? AND o.cancelled_at IS NULL "
        "AND v.device_id IS NULL GROUP BY v.name ORDER BY v.name",
        now - RECENT_S, now, now - patience_s)
    for order, name in newest:
        count, answered = sql.row(
            "SELECT count(*), coalesce(sum(answered), 0) FROM (SELECT CASE WHEN EXISTS ("
            "SELECT 1 FROM response_record r WHERE r.subject = s.mrid AND r.lfdi = s.lfdi) "
            "THEN 1 ELSE 0 END AS answered FROM share s WHERE s.order_id = ? AND s.mrid <> '' LIMIT ?) t",
            order, SAMPLE)
        if count and answered < settings.alarm_response_share * count:
            yield Finding(f"virtual DER {name}", f"{answered} of {count} members ({answered / count:.0%}) "
                                                 f"have responded to order {order}")


def wrong_clocks() -> Iterator[Finding]:
    """Yield the devices whose newest Responses all have a time that is off, and those that have a standing
    alarm and are right again."""
    rows = sql.rows(
        "SELECT d.id, min(abs(r.off_s)), max(r.off_s) FROM (SELECT lfdi, created_at - received_at AS off_s "
        "FROM response_record WHERE created_at IS NOT NULL AND received_at > ? "
        "ORDER BY received_at DESC LIMIT ?) r JOIN device d ON d.lfdi = r.lfdi "
        "GROUP BY d.id HAVING count(*) >= ? ORDER BY 2 DESC",
        clock.now() - RECENT_S, 10 * SAMPLE, LEAST_RESPONSES)
    tolerated_s = settings.alarm_clock_s * max(1.0, clock.rate())  # a clock that runs fast outruns messages
    wrong = [row for row in rows if row[1] > tolerated_s]
    for number, least_s, most_s in wrong[:MOST_CLOCKS]:
        off_s = least_s if most_s > 0 else -least_s
        yield Finding(f"device {number}", f"its Responses of the last two hours are {off_s:+d} s off or more")
    yield from (Finding(f"device {number}") for number, least_s, _ in rows
                if least_s <= tolerated_s)
