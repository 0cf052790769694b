"""What came of an order: who answered what, and how much power came of it."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import fsum
from typing import Any

from server import clock
from server.errors import Refused
from server.grid import power
from server.models import Answer, Device, Order, Share
from server.protocol.functionsets.response import STATUSES_2023
from server.resources import rates, store

WAITING, SILENT = "waiting", "no answer"
PATIENCE_POLLS = 2
WORTH = 0.05  # of what devices do or are to do: a planned change of less says nothing about performance
_TOOK = {5: 2, 15: 2, 251: 2}  # opted in again, resumed and in progress: it runs


def progress(row: Order) -> dict[str, Any]:
    """Devices by what they last said, and the power delivered against the wish.

    `delivered_w` is the mean injection since the start (or until the end) of those whose readings say so, and
    `expected_w` what was planned of the same; `performance` is the part that was delivered of the planned change, None
    where the plan changes next to nothing. That is for a look while it runs; for settlement see `performance`.
    """
    shares = list(Share.select().where(Share.order == row).order_by(Share.lfdi))
    said = states({(share.lfdi, share.mrid) for share in shares})
    names = {device.lfdi: device.name for device in Device.select(Device.lfdi, Device.name).where(
        Device.lfdi.in_(Share.select(Share.lfdi).where(Share.order == row)))}
    end = min(clock.now(), row.start + row.duration, *([row.cancelled] if row.cancelled is not None else []))
    injected = power.mean([share.lfdi for share in shares], row.start, end) if end > row.start else {}
    devices: list[dict[str, Any]] = [
        {"lfdi": share.lfdi, "name": names.get(share.lfdi, ""), "control": share.event,
         "answer": said.get((share.lfdi, share.mrid)) or _unanswered(row, share.lfdi), "baseline_w": share.baseline_w,
         "planned_w": share.planned_w, "delivered_w": injected.get(share.lfdi)} for share in shares]
    read = [device for device in devices if device["delivered_w"] is not None]
    delivered, expected, baseline = (fsum(device[key] for device in read)
                                     for key in ("delivered_w", "planned_w", "baseline_w"))
    least = WORTH * fsum(max(abs(device["planned_w"]), abs(device["baseline_w"])) for device in read)
    return {"answers": dict(Counter(device["answer"] for device in devices)), "read": len(read),
            "delivered_w": delivered if read else None, "expected_w": expected if read else None,
            "performance": (delivered - baseline) / (expected - baseline) if abs(expected - baseline) > least else None,
            "devices": devices}


def _unanswered(row: Order, lfdi: str) -> str:
    late = clock.now() > row.created + PATIENCE_POLLS * rates.poll("DERProgramList", lfdi)
    return SILENT if late else WAITING


def states(asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By device and event (its mRID), the word for the last that the device said of it."""
    wanted = set(asked)
    found: dict[tuple[str, str], str] = {}
    for answer in Answer.select().where(Answer.subject.in_({mrid for _, mrid in wanted})).order_by(
            Answer.created, Answer.received, Answer.href):
        if (answer.lfdi, answer.subject) in wanted and answer.status is not None:
            found[answer.lfdi, answer.subject] = STATUSES_2023[_TOOK.get(answer.status, answer.status)]
    return found


def responses(event: str | None = None, lfdi: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """What devices answered, newest first: to one event (its mRID or href), by one device, or all."""
    query = Answer.select().order_by(Answer.received.desc(), Answer.href.desc()).limit(limit)
    if event is not None:
        document = store.get(event)
        if document is not None and "mRID" not in document.stated:
            raise Refused(404, f"{event} is no event: it has no mRID that anybody could answer to")
        query = query.where(Answer.subject == (document.stated["mRID"] if document else event.upper()))
    if lfdi is not None:
        query = query.where(Answer.lfdi == lfdi)
    answers = list(query)
    names = {device.lfdi: device.name for device in Device.select().where(
        Device.lfdi.in_({answer.lfdi for answer in answers}))}
    return [{"device": names.get(answer.lfdi, ""), "lfdi": answer.lfdi, "event": answer.subject,
             "status": answer.status, "answer": STATUSES_2023.get(answer.status or 0, ""),
             "said": answer.created, "received": answer.received} for answer in answers]
