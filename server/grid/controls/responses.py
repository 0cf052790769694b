"""The Responses of devices to events: the latest of each device, in words, and lists of them."""
from __future__ import annotations

from collections.abc import Iterable

from server import scopes
from server.errors import Refused
from server.functionsets.response import STATUSES_2023
from server.grid.controls.results import ResponseRow
from server.models import Device, ResponseRecord, among
from server.resources import store
from server.resources.codes import ResponseStatus
from server.units import Lfdi

WAITING, NO_RESPONSE = "waiting", "no answer"
PATIENCE_POLLS = 2  # polls after which a device that has not responded counts as not responding
# Statuses after which the event runs on the device, and which are therefore shown as started.
_RUNNING = (ResponseStatus.OPTED_IN, ResponseStatus.RESUMED)


def latest_responses(keys: Iterable[tuple[Lfdi, str]]) -> dict[tuple[Lfdi, str], str]:
    """Return the status of the latest response, in words, by device and mRID of the event.

    Pairs without a response are left out.
    """
    pairs = set(keys)
    answers: dict[tuple[str, str], str] = {}
    # All responses to an event are in one of the statements, and so in their order.
    for response in among(
        ResponseRecord.select().order_by(
            ResponseRecord.created_at, ResponseRecord.received_at, ResponseRecord.href),
        ResponseRecord.subject, {mrid for _, mrid in pairs},
    ):
        if (response.lfdi, response.subject) in pairs and response.status is not None:
            status = ResponseStatus.STARTED if response.status in _RUNNING else response.status
            answers[response.lfdi, response.subject] = STATUSES_2023[status]
    return answers


def list_responses(
    event: str | None = None, lfdi: Lfdi | None = None, limit: int = 100
) -> list[ResponseRow]:
    """Return responses, newest first: to one event (its mRID or href), by one device, or all.

    Refused (404) where `event` is the href of a resource that is not an event.
    """
    query = (
        ResponseRecord.select()
        .order_by(ResponseRecord.received_at.desc(), ResponseRecord.href.desc())
        .limit(limit)
    )
    if event is not None:
        document = store.get(event)
        if document is not None and "mRID" not in document.submitted:
            raise Refused(404, f"{event} is not an event: it has no mRID that a device could respond to")
        mrid = document.submitted["mRID"] if document is not None else event.upper()
        query = query.where(ResponseRecord.subject == mrid)
    if lfdi is not None:
        query = query.where(ResponseRecord.lfdi == lfdi)
    responses = list(scopes.lfdis(query, ResponseRecord.lfdi))
    names = {device.lfdi: device.name
             for device in among(Device.select(), Device.lfdi, {response.lfdi for response in responses})}
    return [
        {
            "device": names.get(response.lfdi, ""),
            "lfdi": response.lfdi,
            "event": response.subject,
            "status": response.status,
            "answer": STATUSES_2023.get(response.status or 0, ""),
            "created_at": response.created_at,
            "received_at": response.received_at,
        }
        for response in responses
    ]
