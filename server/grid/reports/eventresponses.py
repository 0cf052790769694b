"""How devices responded to an event: latest answer in words, opt-outs, statuses and delays."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from server.functionsets.response import STATUSES_2023
from server.grid.controls import responses
from server.grid.optimisation.arrays import np
from server.grid.reports.evaluatedevents import EvaluatedEvent
from server.grid.reports.results import DelayStatistics, ResponseSummary
from server.models import ResponseRecord, among
from server.resources import pollrates
from server.resources.codes import OPT_OUTS, ResponseStatus

STAGES = {
    ResponseStatus.RECEIVED: "received",
    ResponseStatus.STARTED: "started",
    ResponseStatus.COMPLETED: "completed",
}
Records = Sequence[ResponseRecord]


def read(event: EvaluatedEvent) -> dict[str, list[ResponseRecord]]:
    """Return the responses to an event by device (LFDI), in the order in which they were received."""
    mrids = {expectation.mrid for expectation in event.expectations.values()}
    records: dict[str, list[ResponseRecord]] = {}
    # A device has one of the mRIDs, so its records are in one of the statements, and in their order.
    for record in among(
        ResponseRecord.select().order_by(ResponseRecord.received_at, ResponseRecord.href),
        ResponseRecord.subject, mrids,
    ):
        expectation = event.expectations.get(record.lfdi)
        if record.status is not None and expectation is not None and expectation.mrid == record.subject:
            records.setdefault(record.lfdi, []).append(record)
    return records


def answer(event: EvaluatedEvent, lfdi: str, records: Records, now: int) -> str:
    """Return the latest response of a device in words.

    A device that has not responded within PATIENCE_POLLS polls counts as not responding, also if it responds
    later.
    """
    timeout_s = responses.PATIENCE_POLLS * pollrates.poll("DERProgramList", lfdi)
    deadline = event.published_at + timeout_s
    in_time = any(record.received_at <= deadline for record in records)
    if in_time or records and now <= deadline:
        return STATUSES_2023.get(records[-1].status or 0, "")
    return responses.NO_RESPONSE if now > deadline else responses.WAITING


def opted_out(records: Records) -> bool:
    """Return whether a device has opted out by its responses, and not in again."""
    out = False
    for record in records:
        out = record.status in OPT_OUTS or out and record.status != ResponseStatus.OPTED_IN
    return out


def summary(records: Mapping[str, Records], event: EvaluatedEvent) -> ResponseSummary:
    """Return how many devices responded with which status, and how long after the event was published.

    A response from before, when the device had a share in an earlier order, has no delay.
    """
    delays_s: dict[int, list[int]] = {stage: [] for stage in STAGES}
    statuses: Counter[int] = Counter()
    for device_records in records.values():
        for record in device_records:
            status = record.status
            if status is None:
                continue
            statuses[status] += 1
            if status in delays_s and record.received_at >= event.published_at:
                delays_s[status].append(record.received_at - event.published_at)
    return {
        "by_status": {
            f"{status} {STATUSES_2023.get(status, '')}".strip(): count
            for status, count in sorted(statuses.items())
        },
        "delays": {
            STAGES[ResponseStatus(stage)]: _statistics(stage_delays_s)
            for stage, stage_delays_s in delays_s.items()
            if stage_delays_s
        },
        "received_s": sorted(delays_s[ResponseStatus.RECEIVED]),
    }


def _statistics(delays_s: list[int]) -> DelayStatistics:
    return {
        "count": len(delays_s),
        "p50_s": float(np.median(delays_s)),
        "p90_s": float(np.quantile(delays_s, 0.9)),
        "max_s": max(delays_s),
    }
