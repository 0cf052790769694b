"""What is measured of the server, for a monitoring system: each a name, a type, a unit in the name, a help.

prometheus_client writes them; it counts nothing in the path of a request (decision 0028). Counts of requests
are those that the processes of the device interface have told (devices/processes), added up; the others are
read from the database, and kept for a few seconds so that no scraper causes more.
"""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from server import clock
from server.config import settings
from server.devices import processcounts
from server.grid.series import measurements
from server.grid.series.intervals import STEP
from server.models import Balance, Device, Document, Plan
from server.monitoring import notices, presence
from server.notifications import queue
from server.resources import sql

if TYPE_CHECKING:
    import prometheus_client

KEEP_S = 10.0  # how long what was read of the database is given again
PREFIX = "counterpoise_"
RESPONSES_S = 300
AFTER_STEPS = 3  # the last steps in which an imbalance may have been evaluated


class Sample(NamedTuple):
    """A value with its labels; `suffix` belongs to the name of a histogram's part."""
    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Exposed(NamedTuple):
    """A measure and what gives its samples at the moment."""
    name: str
    kind: str
    help: str
    samples: Callable[[], Iterator[Sample]]


def _requests() -> Iterator[Sample]:
    for key, count in sorted(processcounts.total()["requests"].items()):
        function_set, method, status = key.split()
        yield Sample(count, {"function_set": function_set, "method": method, "status": status})


def _latencies() -> Iterator[Sample]:
    total = processcounts.total()
    for name, counts in sorted(total["latencies"].items()):
        below = 0
        for bound_s, count in zip([*map(str, processcounts.BOUNDS_S), "+Inf"], counts, strict=True):
            below += count
            yield Sample(below, {"function_set": name, "le": bound_s}, "_bucket")
        yield Sample(total["seconds"].get(name, 0.0), {"function_set": name}, "_sum")
        yield Sample(below, {"function_set": name}, "_count")


def _counted(name: str) -> Callable[[], Iterator[Sample]]:
    def samples() -> Iterator[Sample]:
        yield Sample(processcounts.total().get(name, 0))
    return samples


def _processes() -> Iterator[Sample]:
    yield Sample(processcounts.total()["running"])


def _database() -> Iterator[Sample]:
    started = time.perf_counter()
    sql.row("SELECT 1")
    yield Sample(round(time.perf_counter() - started, 6), {"from": "console"})
    if worst_s := processcounts.total()["database_s"]:
        yield Sample(worst_s, {"from": "devices"})


def _devices() -> Iterator[Sample]:
    before = clock.now() - settings.alarm_silence_s
    counts: Counter[str] = Counter({"seen": 0, "stale": 0, "never": 0, "suspended": 0})
    for state, count in sql.rows(
            "SELECT CASE WHEN state <> ? THEN 'suspended' WHEN last_contact_at IS NULL THEN 'never' "
            "WHEN last_contact_at < ? THEN 'stale' ELSE 'seen' END, count(*) FROM device GROUP BY 1",
            Device.ENROLLED, before):
        counts[state] = count
    yield from (Sample(count, {"state": state}) for state, count in sorted(counts.items()))


def _events() -> Iterator[Sample]:
    active, = sql.row(f"SELECT count(*) FROM document WHERE visibility = {Document.ACTIVE}")
    upcoming, = sql.row(f"SELECT count(*) FROM document WHERE visibility < {Document.EXPIRED} "
                        "AND status IS NOT NULL AND at > ?", clock.now())
    yield Sample(active, {"state": "active"})
    yield Sample(upcoming, {"state": "scheduled"})


def _responses() -> Iterator[Sample]:
    yield from (Sample(count, {"status": str(status)}) for status, count in sql.rows(
        "SELECT status, count(*) FROM response_record WHERE received_at > ? AND status IS NOT NULL "
        "GROUP BY status ORDER BY status", clock.now() - RESPONSES_S))


def _of_areas(value: Callable[[Balance], float | None]) -> Callable[[], Iterator[Sample]]:
    def samples() -> Iterator[Sample]:
        areas = Balance.select().where(Balance.automatic | Balance.plan_id.is_null(False))
        for balance in areas.order_by(Balance.vder):
            if (number := value(balance)) is not None:
                yield Sample(number, {"area": balance.vder.name})
    return samples


def _solver_s(balance: Balance) -> float | None:
    plan = Plan.select(Plan.solver_s).where(Plan.id == balance.plan_id).first()
    return None if plan is None else float(plan.solver_s)


def _failed(balance: Balance) -> float:
    return float(bool(balance.last_error))


def _decided_at(balance: Balance) -> float | None:
    return None if balance.last_step_start is None else float(balance.last_step_start)


def _imbalances() -> Iterator[Sample]:
    start = clock.now() - clock.now() % STEP - AFTER_STEPS * STEP
    for balance in Balance.select().where(Balance.automatic | Balance.plan_id.is_null(False)):
        for what, quantity in (("measured", "after"), ("uncontrolled", "before"), ("planned", "expected")):
            known = [float(value) for value in measurements.read(balance.vder, quantity, start, AFTER_STEPS)
                     if value == value]
            if known:
                yield Sample(known[-1], {"area": balance.vder.name, "what": what})


def _queues() -> Iterator[Sample]:
    backlog = queue.backlog()
    orders, = sql.row("SELECT count(*) FROM dispatch_order WHERE work IS NOT NULL")
    members, = sql.row("SELECT count(*) FROM membership_change")
    waiting = {"notifications": backlog.due, "notifications failing": backlog.failing,
               "alarm notices": notices.untold().waiting, "orders": orders, "memberships": members}
    yield from (Sample(count, {"queue": name}) for name, count in sorted(waiting.items()))


def _alarms() -> Iterator[Sample]:
    for severity, acknowledged, count in sql.rows(
            "SELECT severity, CASE WHEN acknowledged_at IS NULL THEN 'no' ELSE 'yes' END, count(*) "
            "FROM alarm_record WHERE cleared_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"):
        yield Sample(count, {"severity": severity, "acknowledged": acknowledged})


def _worker() -> Iterator[Sample]:
    at = presence.beaten_at()
    yield Sample(-1 if at is None else clock.now() - at)


MEASURES = (
    Exposed("requests_total", "counter", "Requests of devices that were answered.", _requests),
    Exposed("request_duration_seconds", "histogram", "Time in which they were answered.", _latencies),
    Exposed("answer_bytes_total", "counter", "Bytes of the answers' bodies.", _counted("answer_bytes")),
    Exposed("handshakes_total", "counter", "TLS handshakes that were completed.", _counted("handshakes")),
    Exposed("processes", "gauge", "Processes of the device interface that run.", _processes),
    Exposed("database_seconds", "gauge", "Time in which the database answers SELECT 1; of the processes of "
            "the device interface the longest.", _database),
    Exposed("devices", "gauge", "Enrolled devices: seen within alarm_silence_s, stale, never seen, "
            "suspended.", _devices),
    Exposed("events", "gauge", "Events that are active, and that are scheduled.", _events),
    Exposed("responses", "gauge", "Responses to events in the last five minutes.", _responses),
    Exposed("plan_solver_seconds", "gauge", "Time that the solver took for the plan in force.",
            _of_areas(_solver_s)),
    Exposed("area_failed", "gauge", "1 where the last step of an area had an error or a warning.",
            _of_areas(_failed)),
    Exposed("area_step_timestamp_seconds", "gauge", "Beginning of the step that was decided last.",
            _of_areas(_decided_at)),
    Exposed("area_imbalance_watts", "gauge", "Imbalance of the last evaluated step: measured, planned, and "
            "as it would have been uncontrolled; too much drawn is positive.", _imbalances),
    Exposed("queue", "gauge", "What waits to be done.", _queues),
    Exposed("alarms", "gauge", "Alarms that stand.", _alarms),
    Exposed("worker_silence_seconds", "gauge", "Time since a worker said that it runs; -1 if none ever has.",
            _worker),
)
_kept: dict[str, Any] = {"at": float("-inf"), "families": []}


class _KeptMeasures:
    """The measures as they were within the last KEEP_S, as a collector of prometheus_client."""

    def collect(self) -> list[prometheus_client.Metric]:
        """Return a family for each measure."""
        if not 0 <= time.monotonic() - _kept["at"] < KEEP_S:
            processcounts.read()
            _kept["families"], _kept["at"] = [_family(measure) for measure in MEASURES], time.monotonic()
        return list(_kept["families"])


def written(accept: str) -> tuple[bytes, str]:
    """Return all measures, and their media type: the text format of Prometheus or OpenMetrics, by the header
    Accept."""
    from prometheus_client import exposition  # which takes a while to load
    encode, media_type = exposition.choose_encoder(accept)
    return encode(_KeptMeasures()), media_type


def forget() -> None:
    """Read anew when it is asked for next."""
    _kept["at"] = float("-inf")


def _family(measure: Exposed) -> prometheus_client.Metric:
    from prometheus_client import Metric
    name = PREFIX + measure.name
    family = Metric(name.removesuffix("_total"), measure.help, measure.kind)
    for sample in measure.samples():
        family.add_sample(name + sample.suffix, dict(sample.labels), sample.value)
    return family
