"""Text messages to the members of a virtual DER (IEEE 2030.5-2018, 10.6): send, list, show, cancel.

A virtual DER has a MessagingProgram for each language in which it was sent a message. It is for its members
alone, whose FunctionSetAssignments link to it. A device shows messages to its owner.
"""
from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from server import audit, scopes
from server.errors import BadArgument, Refused
from server.grid.controls import dercontrols
from server.grid.controls.results import EventSummary
from server.grid.groups import assignments, virtualders
from server.models import Document, VirtualDER, vder_of_audience
from server.resources import documents, refresh, store, table
from server.units import Href, Instant, Seconds, Xml

LOW, NORMAL, HIGH, CRITICAL = PRIORITIES = ("low", "normal", "high", "critical")
MESSAGE, PROGRAM = "TextMessage", "MessagingProgram"
RECEIVED = 1  # the responses that are asked for: that it was received
_PROGRAMS = table.rows["MessagingProgramList"].path
MOST_CHARACTERS = 1000


class MessageSummary(EventSummary):
    """A text message; `priority` is low, normal, high or critical, `originator` who says it."""
    text: str
    priority: str
    originator: str


class MessageRow(MessageSummary):
    """A text message with the virtual DER to whose members it is sent, empty where it is to others."""
    vder: str


class SentMessage(MessageRow):
    """A text message that was sent to so many members (`addressed`)."""
    addressed: int
    warnings: list[str]


class MessageDetail(MessageRow):
    """A text message with its XML."""
    xml: Xml


def _state(sent: SentMessage) -> dict[str, object]:
    return {key: sent[key] for key in ("href", "vder", "text", "start", "duration_s", "priority")}


@audit.audited("message send", "{vder} {href}", answer=_state)
def send(
    vder: str | int | VirtualDER,
    text: str,
    duration_s: Seconds,
    start: Instant | None = None,
    *,
    priority: str = NORMAL,
    locale: str = "en",
    originator: str = "",
    response_required: int = RECEIVED,
) -> SentMessage:
    """Send a message to the members of a virtual DER, to be shown for a time; without `start` from now on.

    `locale` is the language of the text (RFC 4646), `originator` who says it. Refused (400) where the text is
    empty or longer than MOST_CHARACTERS, or the time is over.
    """
    target = virtualders.find(vder)
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise BadArgument("text", f"{len(text)} characters: 1 to {MOST_CHARACTERS} are possible")
    with store.transaction():
        fields = dercontrols.event_fields(duration_s, start, response_required=response_required)
        message = {**fields, "priority": PRIORITIES.index(priority), "textMessage": text}
        if originator:
            message["originator"] = originator
        href = store.add(MESSAGE, f"{_program(target, locale)}/txt", message)
        members = virtualders.members(target).count()
        return {
            **_described(_message(href)),
            "vder": target.name,
            "addressed": members,
            "warnings": [] if members else [f"{target.name} has no members, so nobody gets it"],
        }


def list_messages(
    vder: str | int | VirtualDER | None = None, ended: bool = False
) -> Iterator[MessageRow]:
    """Yield the messages to a virtual DER, or to all, program by program, the first to be shown first; with
    `ended` those that are over, too."""
    owners = {owner.id: owner.name for owner in
              (scopes.vders(VirtualDER.select()) if vder is None else [virtualders.find(vder)])}
    programs = [program for program in store.items(_PROGRAMS) if vder_of_audience(program.audience) in owners]
    refresh.freshen([f"{program.href}/txt" for program in programs])
    return chain.from_iterable(
        ({**_described(message), "vder": owners[vder_of_audience(message.audience) or 0]}
         for message in store.items(f"{program.href}/txt", ended)) for program in programs)


def show(href: Href) -> MessageDetail:
    """Return a message with its XML. Refused (404) where there is none."""
    refresh.freshen([table.parent(href)])
    message = _message(href)
    owner = VirtualDER.get_or_none(VirtualDER.id == vder_of_audience(message.audience))
    return {**_described(message), "vder": owner.name if owner else "", "xml": dercontrols.xml(message)}


def _found(href: Href) -> MessageSummary:
    return _described(_message(href))


@audit.audited("message cancel", "{href}", state=_found, answer=dict)
def cancel(href: Href, reason: str | None = None) -> MessageSummary:
    """Cancel a message. Refused (404) where there is none, (409) where it is cancelled or over."""
    with store.transaction():
        dercontrols.cancel_event(_message(href), reason=reason)
        return _found(href)


def _program(vder: VirtualDER, locale: str) -> Href:
    """The program of a virtual DER for a language, which is made where there is none yet."""
    audience = assignments.audience(vder)
    for program in documents.own(_PROGRAMS, audience):
        if program.submitted["locale"] == locale:
            return str(program.href)
    return store.add(PROGRAM, _PROGRAMS, {"description": vder.name, "locale": locale,
                                          "primacy": vder.primacy}, audience)


def _described(message: Document) -> MessageSummary:
    data = message.submitted
    priority = data["priority"]
    return {
        **dercontrols.event_summary(message),
        "text": data["textMessage"],
        "priority": PRIORITIES[priority] if priority < len(PRIORITIES) else str(priority),
        "originator": data.get("originator", ""),
    }


def _message(href: Href) -> Document:
    document = store.get(href)
    if document is None or document.kind != MESSAGE or not scopes.sees_audience(document.audience):
        raise Refused(404, f"there is no message {href}")
    return document
