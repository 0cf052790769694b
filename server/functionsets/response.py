"""Response: the answers of devices to events (IEEE 2030.5-2018, 8.8 and table 27)."""
from __future__ import annotations

from typing import Any

from server import clock
from server.config import settings
from server.devices import access
from server.errors import Refused
from server.models import Document, ResponseRecord
from server.resources import events, hexbinary, retrieve, store, table
from server.resources.codes import ResponseStatus
from server.resources.hooks import Change, after, before, rebuild
from server.resources.meterreadings import CLOCK_TOLERANCE_S
from server.resources.quotas import OverQuota
from server.units import Instant

Data = dict[str, Any]
STATUSES: dict[int, str] = {
    ResponseStatus.RECEIVED: "received",
    ResponseStatus.STARTED: "started",
    ResponseStatus.COMPLETED: "completed",
    ResponseStatus.OPTED_OUT: "opted out",
    ResponseStatus.OPTED_IN: "opted in",
    ResponseStatus.CANCELLED: "cancelled",
    ResponseStatus.SUPERSEDED: "superseded",
    ResponseStatus.PARTIAL_OPT_OUT: "partially completed with opt-out",
    ResponseStatus.PARTIAL_OPT_IN: "partially completed with opt-in",
    ResponseStatus.NO_PARTICIPATION: "completed without participation",
    ResponseStatus.ACKNOWLEDGED: "message acknowledged",
    ResponseStatus.CANNOT_BE_DISPLAYED: "message cannot be displayed",
    ResponseStatus.ABORTED_OTHER_SERVER: "aborted for another server",
    ResponseStatus.ABORTED_OTHER_PROGRAM: "aborted for another program",
    ResponseStatus.NOT_APPLICABLE: "parameter not applicable",
    ResponseStatus.INVALID: "invalid",
    ResponseStatus.EXPIRED: "received after it had expired",
}
STATUSES_2023 = STATUSES | {ResponseStatus.RESUMED: "resumed", ResponseStatus.NOT_SUPPORTED: "not supported"}
# What is said at the effective end of an event (table 27).
_AT_THE_END = frozenset({ResponseStatus.COMPLETED, ResponseStatus.PARTIAL_OPT_OUT,
                         ResponseStatus.PARTIAL_OPT_IN, ResponseStatus.NO_PARTICIPATION})
KINDS = table.rows["ResponseList"].posted
SUBJECTS = tuple(sorted(row.name for row in table.rows.values() if row.response))  # kinds of events


@before("POST", *KINDS)
def _check(change: Change) -> None:
    data, caller = change.data, change.caller
    lfdi, subject, status = data["endDeviceLFDI"], data["subject"], data.get("status")
    if caller is not None and not access.writable(caller, lfdi):
        raise Refused(403, f"{change.kind}/endDeviceLFDI: {lfdi} is not a device you answer for")
    change.audience = lfdi
    earlier = list(
        Document.select(Document.href, Document.kind, Document.submitted)
        .join(ResponseRecord, on=(ResponseRecord.href == Document.href))
        .where((ResponseRecord.subject == subject) & (ResponseRecord.lfdi == lfdi))
    )
    event = store.find(subject, *SUBJECTS)
    # a device that has left the virtual DER goes on answering an event that it has answered before
    if event is None or not earlier and retrieve.single(event.href, lfdi) is None:
        raise Refused(400, f"{change.kind}/subject: there is not an event {subject} for {lfdi}")
    _check_type(change, event.kind)
    defined = STATUSES_2023 if caller is not None and caller.edition_of(data) == 2023 else STATUSES
    if status is not None and status not in defined:
        raise Refused(400, f"{change.kind}/status: {status} is not defined")
    if status is not None and status not in table.rows[event.kind].statuses:
        meaning = f"{status} ({defined[status]})"
        raise Refused(400, f"{change.kind}/status: {meaning} is not a response to a {event.kind}")
    if caller is not None and status in _AT_THE_END:
        _check_begun(change, event, f"{status} ({defined[status]})")
    comparable = hexbinary.comparable(data)
    for response in earlier:
        # the same Response once more, since the answer to the first was lost
        if response.kind == change.kind and hexbinary.comparable(response.submitted) == comparable:
            change.href, change.old = response.href, data
    if not change.href and caller is not None and len(earlier) >= settings.quota_responses:
        why = f"{change.kind}: there are {len(earlier)} to event {subject} already, which is the most"
        raise OverQuota(403, lfdi, why)


def _check_type(change: Change, event_kind: str) -> None:
    """Refuse (400) a type of Response that is for other events; Response itself is for all."""
    expected = [name for name in SUBJECTS if table.rows[name].response == change.kind]
    if expected and event_kind not in expected:
        subject = change.data["subject"]
        raise Refused(400, f"{change.kind}/subject: {subject} is no {expected[0]}")


def _check_begun(change: Change, event: Document, meaning: str) -> None:
    """Refuse (400) what is said at the end of an event before that can have begun."""
    if event.kind in events.KINDS:
        begins_at = events.from_data(event.kind, event.href, event.submitted).earliest_start
        if clock.now() < begins_at - CLOCK_TOLERANCE_S:
            raise Refused(400, f"{change.kind}/status: {meaning} before the event begins, at {begins_at}")


@after("POST", *KINDS)
def _record_response(change: Change) -> None:
    _add_record(change.href, change.data, clock.now())


@after("DELETE", *KINDS)
def _remove_record(change: Change) -> None:
    ResponseRecord.delete().where(ResponseRecord.href == change.href).execute()


def _add_record(href: str, data: Data, received_at: Instant) -> bool:
    """Add the row of a Response; return whether it is new."""
    created: bool
    created_at = data.get("createdDateTime")
    if created_at is not None and created_at > received_at + CLOCK_TOLERANCE_S:
        created_at = received_at  # of a clock that is ahead; it would be the latest for ever
    _, created = ResponseRecord.get_or_create(href=href, defaults={
        "subject": data["subject"], "lfdi": data["endDeviceLFDI"], "status": data.get("status"),
        "created_at": created_at, "received_at": received_at})
    return created


@rebuild
def _rebuild_records() -> int:
    """Add the rows that are missing; return how many."""
    documents = Document.select().where(Document.kind.in_(KINDS))
    return sum(
        _add_record(document.href, document.submitted, document.at or clock.now()) for document in documents
    )
