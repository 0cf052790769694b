"""The last exchanges of devices with this process: noted in memory, and written for who looks at them.

The path of a request appends to a queue, which is all that it pays. Every few seconds the queue is emptied
beside requests: the newest of all devices stay in memory, as many as `trace_exchanges`, and only these are
written: those that were refused, those of a device that is traced, and those of a device for which somebody
asks (`counterpoise trace`). Each device has at most KEPT rows.
"""
from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server import clock, forks
from server.config import settings
from server.devices import processes
from server.devices.identity import PEER
from server.models import DeviceTrace, db
from server.resources import sql
from server.units import Instant, Lfdi, Seconds

QUEUE = 100_000  # exchanges between two turns; beyond, the oldest are not seen
KEPT = 100  # rows of a device
A_TURN = 500  # rows that a turn writes: a storm of refusals shall not become one of writes
MAX_BODY = 16_384  # bytes of a body that are kept
MAX_REASON = 500  # characters
_SECRET = re.compile(rb"(<(?:\w+:)?pIN>)[^<]*")
_COLUMNS = ("process", "number", "lfdi", "at", "method", "href", "status", "size", "duration_ms", "reason",
            "request_body", "answer_body")


class Noted(NamedTuple):
    """An exchange as its request noted it. `started` is by time.perf_counter; bodies are None unless they are
    wanted."""
    started: float
    duration_s: float
    lfdi: Lfdi
    method: str
    path: str
    query: str
    status: int
    size: int
    reason: str
    request_body: bytes | None
    answer_body: bytes | None


class _Kept(NamedTuple):
    """An exchange in memory, with its number in this process and the instant of its answer."""
    number: int
    at: float
    noted: Noted


_queue: deque[tuple[Any, ...]] = deque(maxlen=QUEUE)  # of what Noted has; a plain tuple is made faster
_recent: deque[_Kept] = deque()
_with_bodies: frozenset[Lfdi] = frozenset()
_answered_at: list[Instant] = [0]  # the newest asked_at that this process has answered
_count = [0]


def record(environ: Mapping[str, Any], status: int, size: int, started: float, reason: str,
           body: bytes) -> None:
    """Note an exchange. `started` is by time.perf_counter."""
    lfdi, request_body, answer_body = environ[PEER].lfdi, None, None
    if lfdi in _with_bodies:
        stream = environ["wsgi.input"]
        stream.seek(0)
        request_body, answer_body = stream.read(MAX_BODY), body[:MAX_BODY]
    _queue.append((started, time.perf_counter() - started, lfdi, environ["REQUEST_METHOD"],
                   environ["PATH_INFO"], environ["QUERY_STRING"], status, size, reason, request_body,
                   answer_body))


def drain() -> list[Noted]:
    """Empty the queue and return what was in it, the oldest first."""
    noted = []
    for _ in range(len(_queue)):
        noted.append(Noted._make(_queue.popleft()))
    return noted


def keep(noted: Iterable[Noted]) -> None:
    """Keep exchanges in memory, and write those that somebody wants."""
    global _with_bodies
    most = int(settings.trace_exchanges)
    if not most:
        _recent.clear()
        _with_bodies = frozenset()
        return
    now, counter, rate = clock.precise(), time.perf_counter(), _rate()
    traces = {row.lfdi: row for row in DeviceTrace.select()}
    _with_bodies = frozenset(lfdi for lfdi, row in traces.items() if row.bodies and row.until > now)
    wanted: list[_Kept] = []
    for exchange in noted:
        _count[0] += 1
        ago_s = counter - exchange.started - exchange.duration_s
        kept = _Kept(_count[0], now - ago_s * rate, exchange)
        _recent.append(kept)
        trace = traces.get(exchange.lfdi)
        if exchange.status >= 400 or trace is not None and trace.until > now:
            wanted.append(kept)
    while len(_recent) > most:
        _recent.popleft()
    asked = {lfdi: row.asked_at for lfdi, row in traces.items() if row.asked_at > _answered_at[0]}
    wanted += [kept for kept in _recent if kept.noted.lfdi in asked]
    _write(wanted[-A_TURN:])
    if asked:
        _answered_at[0] = max(asked.values())
    processes.note(answered_at=_answered_at[0])


def _rate() -> float:
    rate = clock.rate()
    return rate if 0 < rate < 1e9 else 1.0


def _write(wanted: list[_Kept]) -> None:
    if not wanted:
        return
    rows = {kept.number: _row(kept) for kept in wanted}
    with db.atomic():
        sql.insert("exchange", _COLUMNS, list(rows.values()), "ON CONFLICT (process, number) DO NOTHING")
        for lfdi in sorted({kept.noted.lfdi for kept in wanted}):
            sql.execute("DELETE FROM exchange WHERE lfdi = ? AND id NOT IN (SELECT id FROM exchange "
                        "WHERE lfdi = ? ORDER BY at DESC, id DESC LIMIT ?)", lfdi, lfdi, KEPT)


def _row(kept: _Kept) -> tuple[Any, ...]:
    noted = kept.noted
    path = noted.path.encode("latin-1", "replace").decode(errors="replace")
    href = f"{path}?{noted.query}" if noted.query else path
    return (processes.name(), kept.number, noted.lfdi, kept.at, noted.method, href.replace("\0", "\ufffd"),
            noted.status, noted.size, round(noted.duration_s * 1000, 2), noted.reason[:MAX_REASON],
            _text(noted.request_body), _text(noted.answer_body))


def _text(body: bytes | None) -> str | None:
    """Return a body as text, without the PIN of a Registration; None where it was not kept."""
    if body is None:
        return None
    return _SECRET.sub(rb"\1***", body).decode(errors="replace").replace("\0", "\ufffd")


def switch(lfdi: Lfdi, duration_s: Seconds, bodies: bool) -> None:
    """Have all exchanges of a device written from now on for so long; 0 ends it."""
    now = clock.now()
    if duration_s:
        values = {"until": now + duration_s, "bodies": bodies, "asked_at": now}
        DeviceTrace.insert(lfdi=lfdi, **values).on_conflict(
            conflict_target=[DeviceTrace.lfdi], update=values).execute()
    else:
        DeviceTrace.delete().where(DeviceTrace.lfdi == lfdi).execute()


@forks.forgotten
def forget() -> None:
    """Forget all that is in memory."""
    global _with_bodies
    _queue.clear()
    _recent.clear()
    _with_bodies = frozenset()
    _answered_at[0] = 0
