"""DERControls of a virtual DER's program: post, list, show, cancel.

What an operator posts is checked against the schema and the clock. What is possible but may surprise comes
back as warnings; see `conflicts`.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server import audit, clock, scopes
from server.errors import Refused
from server.grid.controls import conflicts, eventlisting, modewords
from server.grid.controls.modechecks import check_modes
from server.grid.controls.results import (DerControlDetail, DerControlRow, DerControlSummary, EventSummary,
                                          PostedDerControl)
from server.grid.fleet import contractchecks, members, stops
from server.grid.groups import virtualders
from server.models import Document, VirtualDER
from server.resources import codec, dermodes, dryrun, profiles, refresh, store, table
from server.resources.codes import DEVICE_RESPONSES, EventStatus
from server.units import Href, Instant, Seconds, SecondsExact, Xml

Data = dict[str, Any]
STATUSES = {
    EventStatus.SCHEDULED: "scheduled",
    EventStatus.ACTIVE: "active",
    EventStatus.CANCELLED: "cancelled",
    EventStatus.CANCELLED_RANDOMIZED: "cancelled with randomization",
    EventStatus.SUPERSEDED: "superseded",
}
OVER = "over"
_MAX_RANDOMIZATION_S = 3600  # OneHourRangeType
_UINT16, _UINT32 = 0xFFFF, 0xFFFFFFFF
_RAMP_TICKS = 100  # rampTms is in hundredths of a second


def _state(href: str) -> DerControlSummary:
    return describe(_control(href))


@audit.audited("control post", "{vder} {href}", answer=dict)
def post(
    vder: str | int | VirtualDER,
    base: Mapping[str, Any],
    duration_s: Seconds,
    start: Instant | None = None,
    *,
    randomize_start: Seconds = 0,
    randomize_duration: Seconds = 0,
    category: int | None = None,
    description: str = "",
    ramp_s: SecondsExact | None = None,
    response_required: int = DEVICE_RESPONSES,
    dry_run: bool = False,
) -> PostedDerControl:
    """Post a DERControl to a virtual DER's program.

    `base` is the DERControlBase; `start` is by default now; `randomize_*` are signed seconds within an hour;
    `category` is the DeviceCategoryType bitmap; `response_required` has the bits of ResponseRequired. With
    `dry_run` the control is rolled back, and the result has its XML. Refused (400) where the schema or the
    clock does not allow it, (409) where a contract does not.
    """
    target = virtualders.find(vder)
    stops.check(target)
    contractchecks.check_control(target, base)
    with dryrun.transaction(dry_run):
        href = publish(
            target.program,
            base,
            event_fields(
                duration_s, start, randomize_start, randomize_duration, description, response_required
            ),
            ramp_s=ramp_s,
            category=category,
        )
        document = _control(href)
        warnings = conflicts.control_conflicts(target, document, members.read(virtualders.members(target)))
        result: PostedDerControl = {
            **describe(document), "vder": target.name, "warnings": warnings, "dry_run": dry_run
        }
        if dry_run:
            result["xml"] = [xml(document)]
    return result


def publish(
    program: Href, base: Mapping[str, Any], event: Data, *, ramp_s: SecondsExact | None = None,
    category: int | None = None
) -> Href:
    """Add a DERControl to the program at this href and return its href. For the arguments see
    `publish_all`."""
    return publish_all({program: base}, event, ramp_s=ramp_s, category=category)[program]


def publish_all(
    bases: Mapping[Href, Mapping[str, Any]], event: Data, *, ramp_s: SecondsExact | None = None,
    category: int | None = None
) -> dict[Href, Href]:
    """Add a DERControl with each of these DERControlBases to its program; return their hrefs.

    Both are by the program's href. `event` is made by `event_fields`; for the others see `post`.
    """
    common = dict(event)
    if category is not None:
        common["deviceCategory"] = f"{category:08X}"
    ramp = {} if ramp_s is None else {"rampTms": _ramp_ticks(ramp_s)}
    for program, base in bases.items():
        if not dermodes.modes_set(base):
            raise Refused(400, "DERControlBase: a control sets at least one mode")
        check_modes(base, program)
    hrefs = store.add_all("DERControl", [(f"{program}/derc", {"DERControlBase": {**base, **ramp}, **common})
                                         for program, base in bases.items()])
    return dict(zip(bases, hrefs, strict=True))


def event_fields(
    duration_s: Seconds,
    start: Instant | None = None,
    randomize_start: Seconds = 0,
    randomize_duration: Seconds = 0,
    description: str = "",
    response_required: int = DEVICE_RESPONSES,
) -> dict[str, Any]:
    """Return the elements that events of all kinds have in common.

    Refused (400) where the event would be over already, or is randomized by more than an hour.
    """
    now = clock.now()
    begins_at = now if start is None else start
    if not 0 < duration_s <= _UINT32:
        raise Refused(400, f"duration {duration_s}: a control lasts at least one second")
    if begins_at + duration_s <= now:
        raise Refused(400, f"the control would be over: it ends at {begins_at + duration_s} and it is {now}")
    for name, seconds in (("randomizeStart", randomize_start), ("randomizeDuration", randomize_duration)):
        if abs(seconds) > _MAX_RANDOMIZATION_S:
            raise Refused(400, f"{name} {seconds}: at most an hour either way is possible")
    if randomize_duration <= -duration_s:
        raise Refused(400, f"randomizeDuration {randomize_duration} s: an event of {duration_s} s would be "
                           "shortened to nothing; write less, or a longer event")
    optional = {
        "description": description,
        "randomizeStart": randomize_start,
        "randomizeDuration": randomize_duration,
    }
    return {
        "interval": {"duration": duration_s, "start": begins_at},
        "responseRequired": f"{response_required:02X}",
        **{name: value for name, value in optional.items() if value},
    }


def _ramp_ticks(ramp_s: SecondsExact) -> int:
    ticks = round(ramp_s * _RAMP_TICKS)
    if not 0 <= ticks <= _UINT16:
        raise Refused(400, f"ramp {ramp_s} s: 0 to {_UINT16 / _RAMP_TICKS} s are possible")
    return ticks


def list_controls(
    vder: str | int | VirtualDER | None = None, ended: bool = False
) -> Iterator[DerControlRow]:
    """Return the controls of a virtual DER, or of all, in the order of their lists.

    Those that are over are included with `ended`.
    """
    events = eventlisting.of(vder, lambda owner: f"{owner.program}/derc", ended)
    return ({**describe(event), "vder": owner.name} for owner, event in events)


def show(href: str) -> DerControlDetail:
    """Return a control with its XML."""
    refresh.freshen(lists=[table.parent(href)])
    document = _control(href)
    owner = VirtualDER.get(VirtualDER.program == table.parent(document.parent))
    return {**describe(document), "vder": owner.name, "xml": xml(document)}


@audit.audited("control cancel", "{href}", state=_state, answer=dict)
def cancel(
    href: str, at: Instant | None = None, randomized: bool = False, reason: str | None = None
) -> DerControlSummary:
    """Cancel a control now, or from the instant `at` on.

    Refused (409) where it is cancelled, superseded or over.
    """
    with store.transaction():
        cancel_event(_control(href), at, randomized, reason)
        return describe(_control(href))


def cancel_event(
    document: Document, at: Instant | None = None, randomized: bool = False, reason: str | None = None
) -> None:
    """Cancel an event of any kind. Refused (409) where it is cancelled, superseded or over."""
    status = EventStatus(document.status["currentStatus"])
    if status > EventStatus.ACTIVE:
        raise Refused(409, f"{document.href} is {STATUSES[status]} already")
    store.cancel(document.href, at, randomized, reason)


def describe(document: Document) -> DerControlSummary:
    """Return a control in brief."""
    base = document.submitted["DERControlBase"]
    return {**event_summary(document), "base": base, "in_words": modewords.in_words("DERControlBase", base)}


def event_summary(document: Document) -> EventSummary:
    """Return what events of all kinds have in common."""
    data, event_status = document.submitted, document.status
    status = EventStatus(event_status["currentStatus"])
    over = document.visibility == Document.EXPIRED and status == EventStatus.ACTIVE
    return {
        "href": document.href,
        "mrid": data["mRID"],
        "description": data.get("description", ""),
        "status": OVER if over else STATUSES[status],
        "since": event_status["dateTime"],
        "start": data["interval"]["start"],
        "duration_s": data["interval"]["duration"],
        "potentially_superseded": event_status["potentiallySuperseded"],
    }


def xml(document: Document) -> Xml:
    """Return a document as a device reads it."""
    return codec.wrap(document.kind, document.body, profiles.default()).decode()


def _control(href: str) -> Document:
    document = store.get(href)
    if document is None or document.kind != "DERControl" or not scopes.sees_audience(document.audience):
        raise Refused(404, f"there is no control {href}")
    return document
