"""What came of an order: who answered what, and how much power came of it."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.errors import Refused
from server.functionsets.response import STATUSES_2023
from server.models import Device, ResponseRecord
from server.resources import store

WAITING, NO_RESPONSE = "waiting", "no answer"
PATIENCE_POLLS = 2
_RUNNING_STATUSES = {5: 2, 15: 2, 251: 2}  # opted in again, resumed and in progress: it runs


def latest_responses(asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By device and event (its mRID), the word for the last that the device said of it."""
    wanted = set(asked)
    found: dict[tuple[str, str], str] = {}
    for answer in (
        ResponseRecord.select()
        .where(ResponseRecord.subject.in_({mrid for _, mrid in wanted}))
        .order_by(ResponseRecord.created_at, ResponseRecord.received_at, ResponseRecord.href)
    ):
        if (answer.lfdi, answer.subject) in wanted and answer.status is not None:
            found[answer.lfdi, answer.subject] = STATUSES_2023[
                _RUNNING_STATUSES.get(answer.status, answer.status)
            ]
    return found


def list_responses(
    event: str | None = None, lfdi: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What devices answered, newest first: to one event (its mRID or href), by one device, or all."""
    query = (
        ResponseRecord.select()
        .order_by(ResponseRecord.received_at.desc(), ResponseRecord.href.desc())
        .limit(limit)
    )
    if event is not None:
        document = store.get(event)
        if document is not None and "mRID" not in document.submitted:
            raise Refused(404, f"{event} is no event: it has no mRID that anybody could answer to")
        query = query.where(
            ResponseRecord.subject == (document.submitted["mRID"] if document else event.upper())
        )
    if lfdi is not None:
        query = query.where(ResponseRecord.lfdi == lfdi)
    answers = list(query)
    names = {device.lfdi: device.name for device in Device.select().where(
        Device.lfdi.in_({answer.lfdi for answer in answers}))}
    return [{"device": names.get(answer.lfdi, ""), "lfdi": answer.lfdi, "event": answer.subject,
             "status": answer.status, "answer": STATUSES_2023.get(answer.status or 0, ""),
             "said": answer.created_at, "received": answer.received_at} for answer in answers]
