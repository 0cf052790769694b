"""Warnings about an event before it goes out: members that cannot follow it, and other events in its way."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server import clock, scopes
from server.grid.controls import scheduledcontrols
from server.grid.fleet.members import Member
from server.grid.series.intervals import iso
from server.models import Document, Membership, VirtualDER
from server.resources import dermodes, documents, events, sql, table
from server.resources.codes import EventStatus
from server.resources.events import Event
from server.units import Lfdi

_LISTS = ("derc", "edc")  # a DERProgram's events, a DemandResponseProgram's


def control_conflicts(vder: VirtualDER, document: Document, members: Sequence[Member]) -> list[str]:
    """Return the warnings about a DERControl of a virtual DER with these members.

    The control is in the store already; the caller rolls it back where it is only a dry run.
    """
    return [
        *_unable_members(vder, members, dermodes.modes_set(document.submitted["DERControlBase"])),
        *event_conflicts(vder, document),
        *scheduledcontrols.warnings(vder),
    ]


def event_conflicts(
    vder: VirtualDER, document: Document, program: Callable[[VirtualDER], str] | None = None
) -> list[str]:
    """Return the warnings about the time of a virtual DER's event and about other events at that time.

    `program` gives the href of a virtual DER's program of this kind of event (default: the DERProgram).
    """
    event = _event(document)
    return [
        *_late_start(event),
        *_conflicts_in_program(table.parent(document.parent), event),
        *_conflicts_across_programs(vder, event, program or _der_program),
    ]


def _der_program(vder: VirtualDER) -> str:
    return vder.program


def single_device_conflicts(
    vder: VirtualDER, bases: Mapping[Lfdi, Mapping[str, Any]], event: Mapping[str, Any]
) -> list[str]:
    """Return the warnings about an order on a virtual DER that will be one control for each device.

    `bases` are their DERControlBases, `event` the elements that they have in common.
    """
    of_modes: dict[frozenset[str], Event] = {}
    for base in bases.values():
        modes = frozenset(base)
        if modes not in of_modes:
            of_modes[modes] = events.from_data("DERControl", "", {
                "mRID": "F" * 32, "creationTime": clock.now(), **event, "DERControlBase": base})
    programs = dict(sql.among(
        "SELECT v.program, d.lfdi FROM device d JOIN virtual_der v ON v.device_id = d.id "
        "WHERE d.lfdi IN ({})", bases))
    overlapped = len(_overlapping_events({program: of_modes[frozenset(bases[lfdi])]
                                          for program, lfdi in programs.items()}))
    warnings = []
    if overlapped:
        warnings.append(
            f"{overlapped} devices have a control of their own at that time, which it overlaps"
        )
    for of_some in list(of_modes.values())[:1]:
        warnings += _late_start(of_some)
    across = [
        warning
        for of_some in of_modes.values()
        for warning in _conflicts_across_programs(vder, of_some, _der_program, single_devices=False)
    ]
    return [*warnings, *dict.fromkeys(across)]


def _event(document: Document) -> Event:
    return events.from_data(document.kind, document.href, document.submitted)


def _late_start(event: Event) -> list[str]:
    late_s = clock.now() - event.start
    return [f"its start lies {late_s} s in the past; it is active at once"] if late_s > 0 else []


def _unable_members(vder: VirtualDER, members: Sequence[Member], modes: frozenset[str]) -> list[str]:
    if not members:
        return [f"{vder.name} has no members"]
    rated = [member for member in members if member.ders]
    warnings = []
    if len(rated) < len(members):
        warnings.append(f"{len(members) - len(rated)} of {len(members)} members have not reported ratings")
    supporters = Counter(mode for member in rated for mode in member.modes)
    for mode in sorted(modes):
        if rated and not supporters[mode]:
            warnings.append(f"no member supports {mode}")
        elif supporters[mode] < len(rated):
            warnings.append(f"{len(rated) - supporters[mode]} of {len(rated)} members do not support {mode}")
    return warnings


def _conflicts_in_program(program: str, event: Event) -> list[str]:
    warnings = []
    for other in _overlapping_events({program: event})[program]:
        if events.supersedes(event, other):
            warnings.append(f"it supersedes {other.key} from {iso(event.activation)} on")
        else:
            warnings.append(f"it overlaps {other.key} in {_common_controls(event, other)}")
    return warnings


def _common_controls(event: Event, other: Event) -> str:
    return ", ".join(sorted(event.controls & other.controls)).replace("*", "all that it controls")


def _conflicts_across_programs(
    vder: VirtualDER, event: Event, program: Callable[[VirtualDER], str], single_devices: bool = True
) -> list[str]:
    """Return the warnings about events of other virtual DERs that share devices, time and controls with it.

    `single_devices`: count the events of virtual DERs of one device as well.
    """
    own_devices = Membership.select(Membership.device).where(Membership.vder == vder)
    sharing: Any = Membership.select(Membership.vder).where(
        (Membership.vder != vder) & Membership.device.in_(own_devices)
    )
    rivals = list(VirtualDER.select().where(VirtualDER.id.in_(sharing)).order_by(VirtualDER.id))
    groups = {program(rival): rival for rival in rivals if rival.device_id is None}
    warnings = [
        _rivalry(vder, event, groups[href], other)
        for href, others in _overlapping_events(dict.fromkeys(groups, event)).items()
        for other in others
    ]
    if single_devices:
        programs = [program(rival) for rival in rivals if rival.device_id is not None]
        if count := len(_overlapping_events(dict.fromkeys(programs, event))):
            warnings.append(f"{count} members have a control of their own at that time, which wins over it")
    return warnings


def _rivalry(vder: VirtualDER, event: Event, rival: VirtualDER, other: Event) -> str:
    """Say which of two events prevails by the primacy of their programs."""
    controls = _common_controls(event, other)
    name = scopes.name_of(rival)
    its = other.key if name == rival.name else "an event"
    if rival.primacy < vder.primacy:
        return f"{its} of {name} (primacy {rival.primacy}) wins over it in {controls}"
    if rival.primacy > vder.primacy:
        return f"it wins over {its} of {name} (primacy {rival.primacy}) in {controls}"
    return f"{its} of {name} has the same primacy and differs in {controls}"


def _overlapping_events(event_of: Mapping[str, Event]) -> dict[str, list[Event]]:
    """By program, its scheduled and active events that the event given for it overlaps.

    Those which the event itself has superseded by being posted are included.
    """
    overlapping: dict[str, list[Event]] = defaultdict(list)
    lists = (f"{program}/{name}" for program in event_of for name in _LISTS)
    for document in documents.among("parent", lists, f"AND {documents.LISTED} ORDER BY parent, sort"):
        other, event = _event(document), event_of[table.parent(document.parent)]
        in_force = (
            document.status["currentStatus"] <= EventStatus.ACTIVE
            or other.superseded == event.activation
        )
        if other.key != event.key and in_force and events.overlap(event, other):
            overlapping[table.parent(document.parent)].append(other)
    return overlapping
