"""What an operator should know before a control goes out: who cannot follow it, and what else speaks to its
members."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from peewee import chunked

from server import clock
from server.grid.fleet.members import Member
from server.models import Document, Membership, VirtualDER
from server.resources import dermodes, events, table
from server.resources.events import Event

_CHUNK = 400
_LISTS = ("derc", "edc")  # a DERProgram's, a DemandResponseProgram's


def control_conflicts(vder: VirtualDER, document: Document, every: Sequence[Member]) -> list[str]:
    """Warnings about a control of a virtual DER with these members; it is in the store already."""
    return [
        *_unable_members(vder, every, dermodes.modes_set(document.submitted["DERControlBase"])),
        *event_conflicts(vder, document),
    ]


def event_conflicts(
    vder: VirtualDER, document: Document, program: Callable[[VirtualDER], str] | None = None
) -> list[str]:
    """Warnings about when an event of a virtual DER is, and what else there is then; `program` gives the href
    of the program of its kind (default: the DERProgram)."""
    event = _event(document)
    return [*_late_start(event), *_conflicts_in_program(table.parent(document.parent), event),
            *_conflicts_across_programs(vder, event, program or _program)]


def _program(vder: VirtualDER) -> str:
    return vder.program


def single_device_conflicts(vder: VirtualDER, documents: Sequence[Document]) -> list[str]:
    """Warnings about an order on a virtual DER that became controls of single devices."""
    taken = sum(
        bool(_overlapping_events([table.parent(document.parent)], _event(document))) for document in documents
    )
    found = [f"{taken} devices have a control of their own at that time, which it overlaps"] if taken else []
    kinds = {event.controls: event for event in map(_event, documents)}
    return [*found, *(_late_start(_event(documents[0])) if documents else []),
            *dict.fromkeys(warning for event in kinds.values()
                           for warning in _conflicts_across_programs(vder, event, _program, singles=False))]


def _event(document: Document) -> Event:
    return events.from_data(document.kind, document.href, document.submitted)


def _late_start(event: Event) -> list[str]:
    late = clock.now() - event.start
    return [f"its start lies {late} s in the past; it is active at once"] if late > 0 else []


def _unable_members(vder: VirtualDER, every: Sequence[Member], wanted: frozenset[str]) -> list[str]:
    if not every:
        return [f"{vder.name} has no members"]
    rated = [member for member in every if member.units]
    found = []
    if len(rated) < len(every):
        found.append(f"{len(every) - len(rated)} of {len(every)} members have not said what they are")
    known = Counter(mode for member in rated for mode in member.modes)
    for mode in sorted(wanted):
        if rated and not known[mode]:
            found.append(f"no member supports {mode}")
        elif known[mode] < len(rated):
            found.append(f"{len(rated) - known[mode]} of {len(rated)} members do not support {mode}")
    return found


def _conflicts_in_program(program: str, event: Event) -> list[str]:
    found = []
    for other in _overlapping_events([program], event)[program]:
        if events.supersedes(event, other):
            found.append(f"it supersedes {other.key} from {event.activation} on")
        else:
            found.append(f"it overlaps {other.key} in {_overlap_text(event, other)}")
    return found


def _overlap_text(event: Event, other: Event) -> str:
    return ", ".join(sorted(event.controls & other.controls)).replace("*", "all that it controls")


def _conflicts_across_programs(
    vder: VirtualDER, event: Event, program: Callable[[VirtualDER], str], singles: bool = True
) -> list[str]:
    """Controls of other virtual DERs that speak to some of the same devices at the same time about the
    same."""
    mine = Membership.select(Membership.device).where(Membership.vder == vder)
    shared: Any = Membership.select(Membership.vder).where(
        (Membership.vder != vder) & Membership.device.in_(mine)
    )
    rivals = list(VirtualDER.select().where(VirtualDER.id.in_(shared)).order_by(VirtualDER.id))
    groups = {program(rival): rival for rival in rivals if rival.device_id is None}
    found = []
    for href, others in _overlapping_events(list(groups), event).items():
        rival = groups[href]
        for other in others:
            both = _overlap_text(event, other)
            if rival.primacy < vder.primacy:
                found.append(f"{other.key} of {rival.name} (primacy {rival.primacy}) wins over it in {both}")
            elif rival.primacy > vder.primacy:
                found.append(f"it wins over {other.key} of {rival.name} (primacy {rival.primacy}) in {both}")
            else:
                found.append(f"{other.key} of {rival.name} has the same primacy and differs in {both}")
    single = (
        len(_overlapping_events([program(rival) for rival in rivals if rival.device_id is not None], event))
        if singles
        else 0
    )
    return (
        [*found, f"{single} members have a control of their own at that time, which wins over it"]
        if single
        else found
    )


def _overlapping_events(programs: Iterable[str], event: Event) -> dict[str, list[Event]]:
    """By program, the scheduled and active controls that an event overlaps, those included that it superseded
    now."""
    found: dict[str, list[Event]] = defaultdict(list)
    for some in chunked(programs, _CHUNK):
        for document in Document.select().where(
                Document.parent.in_([f"{program}/{last}" for program in some for last in _LISTS])
                & (Document.visibility < Document.EXPIRED)
        ).order_by(Document.parent, Document.sort):
            other = _event(document)
            standing = (
                document.status["currentStatus"] <= events.ACTIVE or other.superseded == event.activation
            )
            if other.key != event.key and standing and events.overlap(event, other):
                found[table.parent(document.parent)].append(other)
    return found
