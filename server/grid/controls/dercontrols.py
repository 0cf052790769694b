"""Controls and defaults of a virtual DER's program: post, list, show, cancel.

What an operator posts is checked against the schema and against the clock. What is possible and yet may
surprise comes back as warnings: see `conflicts`.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server import audit, clock
from server.errors import Refused
from server.grid.controls import conflicts
from server.grid.fleet import members
from server.grid.groups import virtualders
from server.models import Document, VirtualDER
from server.resources import codec, dermodes, events, schema, store, table
from server.resources.dryrun import RolledBack

STATUSES = ("scheduled", "active", "cancelled", "cancelled with randomization", "superseded")
OVER = "over"
_HOUR = 3600
_UINT16, _UINT32 = 0xFFFF, 0xFFFFFFFF


def _state(href: str) -> dict[str, Any]:
    return describe(_control(href))


@audit.audited("control post", "{vder} {href}", answer=dict)
def post(
    vder: str | int | VirtualDER,
    base: Mapping[str, Any],
    duration: int,
    start: int | None = None,
    *,
    randomize_start: int = 0,
    randomize_duration: int = 0,
    category: int | None = None,
    description: str = "",
    ramp: float | None = None,
    response_required: int = 7,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Post a DERControl to a virtual DER's program.

    `base` is the DERControlBase; `start` (default: now) in UTC seconds, `duration` in seconds, `randomize_*`
    signed seconds within an hour, `category` the DeviceCategoryType bitmap, `ramp` in seconds,
    `response_required` bits: 1 received, 2 specific, 4 customer. With `dry_run` it is taken back again, and
    the answer has the XML.
    """
    found = virtualders.find(vder)
    try:
        with store.transaction():
            href = publish(
                found.program,
                base,
                duration,
                start,
                randomize_start=randomize_start,
                category=category,
                randomize_duration=randomize_duration,
                description=description,
                ramp=ramp,
                response_required=response_required,
            )
            document = _control(href)
            answer = {**describe(document), "vder": found.name, "warnings": conflicts.control_conflicts(
                found, document, members.read(virtualders.members(found)))}
            if dry_run:
                raise RolledBack({**answer, "dry_run": True, "xml": [xml(document)]})
    except RolledBack as taken:
        return taken.answer
    return {**answer, "dry_run": False}


def publish(
    program: str,
    base: Mapping[str, Any],
    duration: int,
    start: int | None = None,
    *,
    randomize_start: int = 0,
    randomize_duration: int = 0,
    category: int | None = None,
    description: str = "",
    ramp: float | None = None,
    response_required: int = 7,
) -> str:
    """Add a DERControl to the program at this href; its href. For the arguments see `post`."""
    if not dermodes.modes_set(base):
        raise Refused(400, "DERControlBase: a control sets at least one mode")
    data = {
        "DERControlBase": dict(base),
        **event_fields(duration, start, randomize_start, randomize_duration, description, response_required),
    }
    if ramp is not None:
        data["DERControlBase"]["rampTms"] = _ramp(ramp)
    if category is not None:
        data["deviceCategory"] = f"{category:08X}"
    with store.transaction():
        _check(base)
        href = store.add("DERControl", f"{program}/derc", data)
        codec.decode(codec.wrap("DERControl", _control(href).body))
    return href


def event_fields(
    duration: int,
    start: int | None = None,
    randomize_start: int = 0,
    randomize_duration: int = 0,
    description: str = "",
    response_required: int = 7,
) -> dict[str, Any]:
    """What all events say. Refused (400) where one would be over already, or is randomized too widely."""
    now = clock.now()
    begin = now if start is None else start
    if not 0 < duration <= _UINT32:
        raise Refused(400, f"duration {duration}: a control lasts at least one second")
    if begin + duration <= now:
        raise Refused(400, f"the control would be over: it ends at {begin + duration} and it is {now}")
    for name, seconds in (("randomizeStart", randomize_start), ("randomizeDuration", randomize_duration)):
        if abs(seconds) > _HOUR:
            raise Refused(400, f"{name} {seconds}: at most an hour either way is possible")
    said = {
        "description": description,
        "randomizeStart": randomize_start,
        "randomizeDuration": randomize_duration,
    }
    return {
        "interval": {"duration": duration, "start": begin},
        "responseRequired": f"{response_required:02X}",
        **{name: value for name, value in said.items() if value},
    }


def _ramp(seconds: float) -> int:
    hundredths = round(seconds * 100)
    if not 0 <= hundredths <= _UINT16:
        raise Refused(400, f"ramp {seconds} s: 0 to {_UINT16 / 100} s are possible")
    return hundredths


def _check(base: Mapping[str, Any]) -> None:
    """Refuse what a schema does not: unknown modes, more than 100 %, curves that are not there."""
    known = schema.type_spec("DERControlBase").by_key
    for mode, value in base.items():
        if mode not in known and not mode.startswith("csipaus:"):
            raise Refused(400, f"DERControlBase has no {mode}")
        bounds = dermodes.PERCENTS.get(mode)
        if bounds and isinstance(value, int) and not bounds[0] <= value <= bounds[1]:
            raise Refused(
                400, f"{mode}: {bounds[0]} to {bounds[1]} hundredths of a percent are possible, not {value}"
            )
        if isinstance(value, dict) and set(value) == {"href"}:
            curve = store.get(value["href"])
            if curve is None or curve.kind != "DERCurve":
                raise Refused(400, f"{mode}: there is no curve {value['href']}")


def list_controls(vder: str | int | VirtualDER | None = None, ended: bool = False) -> list[dict[str, Any]]:
    """The controls of a virtual DER, or of all, in the order of their lists; those that are over only when
    asked for."""
    if store.due():
        store.refresh()
    found = VirtualDER.select().order_by(VirtualDER.id) if vder is None else [virtualders.find(vder)]
    return [{**describe(document), "vder": one.name} for one in found
            for document in store.items(f"{one.program}/derc", ended)]


def show(href: str) -> dict[str, Any]:
    """A control with its XML."""
    if store.due():
        store.refresh()
    document = _control(href)
    owner = VirtualDER.get(VirtualDER.program == table.parent(document.parent))
    return {**describe(document), "vder": owner.name, "xml": xml(document)}


@audit.audited("control cancel", "{href}", state=_state, answer=dict)
def cancel(
    href: str, at: int | None = None, randomized: bool = False, reason: str | None = None
) -> dict[str, Any]:
    """Cancel a control now, or from a later instant on. Refused (409) where it is cancelled, superseded or
    over."""
    with store.transaction():
        call_off(_control(href), at, randomized, reason)
        return describe(_control(href))


def call_off(
    document: Document, at: int | None = None, randomized: bool = False, reason: str | None = None
) -> None:
    """Cancel an event of any kind. Refused (409) where it is cancelled, superseded or over."""
    if document.status["currentStatus"] > events.ACTIVE:
        raise Refused(409, f"{document.href} is {STATUSES[document.status['currentStatus']]} already")
    store.cancel(document.href, at, randomized, reason)


def describe(document: Document) -> dict[str, Any]:
    """A control in brief; times in UTC seconds."""
    return {**event_summary(document), "base": document.submitted["DERControlBase"]}


def event_summary(document: Document) -> dict[str, Any]:
    """What is alike in events of all kinds."""
    said, status = document.submitted, document.status
    return {
        "href": document.href,
        "mrid": said["mRID"],
        "description": said.get("description", ""),
        "status": OVER
        if document.visibility == Document.EXPIRED and status["currentStatus"] == events.ACTIVE
        else STATUSES[status["currentStatus"]],
        "since": status["dateTime"],
        "start": said["interval"]["start"],
        "duration": said["interval"]["duration"],
        "potentially_superseded": status["potentiallySuperseded"],
    }


def xml(document: Document) -> str:
    """A document as a device reads it."""
    return codec.wrap(document.kind, document.body).decode()


def _curve(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        **answer,
        "vder": VirtualDER.get(VirtualDER.program == table.parent(table.parent(answer["href"]))).name,
    }


@audit.audited("control curve", "{vder} {href}", answer=_curve)
def add_curve(vder: str | int | VirtualDER, data: Mapping[str, Any]) -> dict[str, Any]:
    """Add a DERCurve to a virtual DER's program; it with its href, by which controls name it."""
    href = store.add("DERCurve", f"{virtualders.find(vder).program}/dc", dict(data))
    return {**data, "href": href}


def _default(vder: str | int | VirtualDER) -> dict[str, Any]:
    """What a virtual DER's default says."""
    found = virtualders.find(vder)
    document = store.get(f"{found.program}/dderc")
    return {"vder": found.name, "default": document and document.submitted}


@audit.audited("vder default", "{vder}", state=_default)
def set_default(
    vder: str | int | VirtualDER, base: Mapping[str, Any], also: Mapping[str, Any] | None = None
) -> None:
    """Set the DefaultDERControl: `base` is its DERControlBase, `also` what else it says (setGradW, …)."""
    found = virtualders.find(vder)
    with store.transaction():
        _check(base)
        href = f"{found.program}/dderc"
        known = store.get(href)
        own = {"mRID": known.submitted["mRID"]} if known is not None else {"mRID": store.new_mrid()}
        store.put(href, {**own, "DERControlBase": dict(base), **(also or {})})
        kept = store.get(href)
        assert kept is not None
        codec.decode(codec.wrap("DefaultDERControl", kept.body))


@audit.audited("vder default", "{vder}", state=_default)
def clear_default(vder: str | int | VirtualDER) -> None:
    """Have no DefaultDERControl any more."""
    store.remove(f"{virtualders.find(vder).program}/dderc")


def _control(href: str) -> Document:
    document = store.get(href)
    if document is None or document.kind != "DERControl":
        raise Refused(404, f"there is no control {href}")
    return document
