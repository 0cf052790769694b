"""A preview of what a device follows at an instant, and why: every program that it sees and what prevails."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server import clock
from server.functionsets import flowreservation
from server.grid.controls import actionwords, dercontrols, drevents, effectivecontrol, modewords
from server.grid.controls.effectivecontrol import EffectiveMode, Program
from server.grid.controls.results import ModeRow, Preview, ProgramRow
from server.grid.groups import drprograms
from server.models import Device, DeviceType, Membership, VirtualDER
from server.resources import events, quantities, store
from server.resources.codes import EventStatus
from server.resources.events import EVERY_CATEGORY, Event, EventState
from server.units import Instant

RESERVATIONS = "reservations"
_RESERVED = "powerAvailable"
_Events = tuple[tuple[Event, Mapping[str, Any]], ...]


def preview(device: Device, at: Instant | None = None) -> Preview:
    """Return what a device follows at the instant `at` (default: now).

    `follows` has a row for each mode of DERControls, each action of load controls, and the power that is
    reserved for it, with the event that decides it. `programs` has a row for each event of that time, and for
    each default, of every program that the device sees.
    """
    now = clock.now() if at is None else at
    follows: list[ModeRow] = []
    rows: list[ProgramRow] = []
    for kind, programs, categories in sources(device):
        in_force = effectivecontrol.effective_control(programs, now, categories)
        follows += mode_rows(in_force, programs)
        rows += [
            row for program in programs for row in _program_rows(kind, program, now, categories, in_force)
        ]
    return {"device": device.name, "lfdi": device.lfdi, "at": now, "follows": follows, "programs": rows}


class SeenPrograms(NamedTuple):
    """Programs with events of one kind that a device sees, and the categories of events that are for it."""
    kind: str
    programs: list[Program]
    categories: int


def sources(device: Device) -> list[SeenPrograms]:
    """Return all that a device may follow: its programs, load controls and reservations."""
    vders = list(VirtualDER.select().join(Membership, on=Membership.vder == VirtualDER.id).where(
        Membership.device == device).order_by(VirtualDER.primacy, VirtualDER.id))
    device_type = DeviceType.get_or_none(DeviceType.device == device)
    return [
        SeenPrograms("DERControl", [effectivecontrol.program(vder) for vder in vders], EVERY_CATEGORY),
        SeenPrograms(
            "EndDeviceControl",
            [_dr_program(vder) for vder in vders if store.get(drprograms.href(vder)) is not None],
            device_type.category if device_type is not None else EVERY_CATEGORY,
        ),
        SeenPrograms("FlowReservationResponse", [_reservation_program(device)], EVERY_CATEGORY),
    ]


def mode_rows(in_force: Mapping[str, EffectiveMode], programs: Sequence[Program]) -> list[ModeRow]:
    """Return a row for each mode that is in force, with the reason."""
    return [_mode_row(mode, setting, programs) for mode, setting in sorted(in_force.items())]


def _dr_program(vder: VirtualDER) -> Program:
    """A virtual DER's load controls; each action counts as a mode."""
    return Program(vder.name, vder.primacy, tuple(
        (events.from_data("EndDeviceControl", document.href, document.submitted),
         {name: {**document.submitted[name], "loadShiftForward": document.submitted["loadShiftForward"]}
          for name in drevents.ACTIONS if name in document.submitted})
        for document in store.items(f"{drprograms.href(vder)}/edc")), {})


def _reservation_program(device: Device) -> Program:
    """The power that a device's flow reservations grant, in W, positive for charging."""
    granted: _Events = tuple(
        (
            events.from_data("FlowReservationResponse", document.href, document.submitted),
            {_RESERVED: quantities.base_value(document.submitted["powerAvailable"])},
        )
        for request in store.items(f"/edev/{device.id}/frq")
        for document in store.items(flowreservation.responses_href(request.href))
        if document.submitted["subject"] == request.submitted["mRID"]
    )
    return Program(RESERVATIONS, 0, granted, {})


def _mode_row(mode: str, setting: EffectiveMode, programs: Sequence[Program]) -> ModeRow:
    others = sorted(
        {
            (program.primacy, program.name)
            for program in programs
            if program.name != setting.program
            and (mode in program.default or any(mode in modes for _, modes in program.events))
        }
    )
    primacy = next(program.primacy for program in programs if program.name == setting.program)
    if setting.event is None:
        reason = "the default: no event sets it"
    elif setting.program == RESERVATIONS:
        reason = "granted to it"
    else:
        reason = f"an event, primacy {primacy}"
    if others:
        reason += f"; also set by {', '.join(f'{name} ({primacy})' for primacy, name in others)}"
    return {
        "mode": mode,
        "value": setting.value,
        "in_words": _in_words({mode: setting.value}),
        "vder": setting.program,
        "control": setting.event,
        "reason": reason,
    }


def _in_words(modes: Mapping[str, Any]) -> list[str]:
    """What modes, actions of load controls or a reservation say to people."""
    words = actionwords.in_words(modes, any(
        isinstance(value, Mapping) and value.get("loadShiftForward") for value in modes.values()))
    if _RESERVED in modes:
        words.append(f"charge {modes[_RESERVED]:g} W")
    return words + modewords.in_words("DERControlBase", {
        name: value for name, value in modes.items() if name not in (*drevents.ACTIONS, _RESERVED)})


def _program_rows(
    kind: str, program: Program, now: Instant, categories: int, in_force: Mapping[str, EffectiveMode]
) -> list[ProgramRow]:
    """The rows of a program: its events of that time, and its default.

    A program without either has one row that says so, reservations excepted.
    """
    states = events.evaluate_all((event for event, _ in program.events), now)

    def row(control: str | None, status: str, modes: Mapping[str, Any], outcome: str) -> ProgramRow:
        return {
            "kind": kind,
            "vder": program.name,
            "primacy": program.primacy,
            "control": control,
            "status": status,
            "modes": dict(modes),
            "in_words": _in_words(modes),
            "outcome": outcome,
        }

    rows = [
        row(
            event.key,
            dercontrols.STATUSES[EventStatus(states[event.key].status)],
            modes,
            _outcome(event, modes, states[event.key], categories, in_force),
        )
        for event, modes in program.events
        if event.start <= now < event.start + event.duration or _is_running(states[event.key])
    ]
    if program.default:
        outcome = _overridden_by(program.default, None, program.name, in_force)
        rows.append(row(None, "default", program.default, outcome))
    if not rows and program.name != RESERVATIONS:
        rows.append(row(None, "", {}, "no event or default then"))
    return rows


def _is_running(state: EventState) -> bool:
    """Whether an event is in effect, which by randomization may be earlier or shorter than its period."""
    return state.listed and state.status == EventStatus.ACTIVE


def _outcome(
    event: Event,
    modes: Mapping[str, Any],
    state: EventState,
    categories: int,
    in_force: Mapping[str, EffectiveMode],
) -> str:
    if state.status == EventStatus.SUPERSEDED:
        return f"superseded by {state.superseded_by or 'a newer event'}"
    if not _is_running(state):
        return dercontrols.STATUSES[EventStatus(state.status)] if state.listed else dercontrols.OVER
    if not event.categories & categories:
        return "not for devices of this category"
    return _overridden_by(modes, event.key, "", in_force)


def _overridden_by(
    modes: Mapping[str, Any], key: str | None, program: str, in_force: Mapping[str, EffectiveMode]
) -> str:
    """Say which modes of an event (its key), or of the default of a program (None), are followed."""
    overridden = [
        f"{mode} is decided by {in_force[mode].event or 'the default of ' + in_force[mode].program}"
        for mode in sorted(modes)
        if in_force[mode].event != key or key is None and in_force[mode].program != program
    ]
    if not overridden:
        return "followed"
    return "; ".join([*(["followed in part"] if len(overridden) < len(modes) else []), *overridden])
