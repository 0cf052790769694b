"""What a device will follow at an instant, and why: every program it sees, what each says then, and what
comes of that."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server import clock
from server.functionsets import flowreservation
from server.grid.controls import dercontrols, drevents, effectivecontrol
from server.grid.controls.effectivecontrol import EffectiveMode, Program
from server.grid.groups import drprograms
from server.models import Device, DeviceType, Membership, VirtualDER
from server.resources import events, quantities, store
from server.resources.events import EVERY_CATEGORY, Event, EventState

RESERVATIONS = "reservations"
Data = dict[str, Any]


def preview(device: Device, at: int | None = None) -> Data:
    """What a device follows at an instant (default: now).

    `follows` has a row for each mode (of DERControls), action (of load controls) and for the power it was
    granted, with what decides it and why; `programs` one for each program that it sees and each event of it
    that is of that time, with what becomes of it, and one for each default.
    """
    now = clock.now() if at is None else at
    vders = list(VirtualDER.select().join(Membership, on=Membership.vder == VirtualDER.id).where(
        Membership.device == device).order_by(VirtualDER.primacy, VirtualDER.id))
    nature = DeviceType.get_or_none(DeviceType.device == device)
    follows: list[Data] = []
    rows: list[Data] = []
    for kind, programs, categories in (
        ("DERControl", [effectivecontrol.program(vder) for vder in vders], EVERY_CATEGORY),
        (
            "EndDeviceControl",
            [_dr_program(vder) for vder in vders if store.get(drprograms.href(vder)) is not None],
            nature.category if nature is not None else EVERY_CATEGORY,
        ),
        ("FlowReservationResponse", [_reservation_program(device)], EVERY_CATEGORY),
    ):
        decided = effectivecontrol.effective_control(programs, now, categories)
        follows += [_mode_preview(mode, setting, programs) for mode, setting in sorted(decided.items())]
        rows += [
            {"kind": kind, **row}
            for program in programs
            for row in _dr_event_previews(program, now, categories, decided)
        ]
    return {"device": device.name, "lfdi": device.lfdi, "at": now, "follows": follows, "programs": rows}


def _dr_program(vder: VirtualDER) -> Program:
    """A virtual DER's load controls; each action counts like a mode."""
    return Program(vder.name, vder.primacy, tuple(
        (events.from_data("EndDeviceControl", document.href, document.submitted),
         {name: {**document.submitted[name], "loadShiftForward": document.submitted["loadShiftForward"]}
          for name in drevents.ACTIONS if name in document.submitted})
        for document in store.items(f"{drprograms.href(vder)}/edc")), {})


def _reservation_program(device: Device) -> Program:
    """What a device's flow reservations are granted, W, positive for charging."""
    return Program(
        RESERVATIONS,
        0,
        tuple(
            (
                events.from_data("FlowReservationResponse", document.href, document.submitted),
                {"powerAvailable": quantities.base_value(document.submitted["powerAvailable"])},
            )
            for request in store.items(f"/edev/{device.id}/frq")
            for document in store.items(flowreservation.grants_href(request.href))
            if document.submitted["subject"] == request.submitted["mRID"]
        ),
        {},
    )


def _mode_preview(mode: str, setting: EffectiveMode, programs: Sequence[Program]) -> Data:
    others = sorted(
        {
            (program.primacy, program.name)
            for program in programs
            if program.name != setting.program
            and (mode in program.default or any(mode in base for _, base in program.events))
        }
    )
    own = next(program.primacy for program in programs if program.name == setting.program)
    why = (
        "the default: no event says otherwise"
        if setting.event is None
        else "granted to it"
        if setting.program == RESERVATIONS
        else f"an event, primacy {own}"
    )
    if others:
        why += f"; of it speak {', '.join(f'{name} ({primacy})' for primacy, name in others)} too"
    return {
        "mode": mode,
        "value": setting.value,
        "vder": setting.program,
        "control": setting.event,
        "why": why,
    }


def _dr_event_previews(
    program: Program, now: int, categories: int, decided: Mapping[str, EffectiveMode]
) -> list[Data]:
    """A program's rows: its events of that time, and its default; a program that says nothing says so,
    reservations apart."""
    verdicts = events.evaluate_all((event for event, _ in program.events), now)
    head = {"vder": program.name, "primacy": program.primacy}
    found = [
        {
            **head,
            "control": event.key,
            "status": dercontrols.STATUSES[verdicts[event.key].status],
            "says": dict(base),
            "outcome": _outcome(event, base, verdicts[event.key], categories, decided),
        }
        for event, base in program.events
        if event.start <= now < event.start + event.duration or _is_running(verdicts[event.key])
    ]
    if program.default:
        found.append({**head, "control": None, "status": "default", "says": dict(program.default),
                      "outcome": _overridden_by(program.default, None, program.name, decided)})
    if not found and program.name != RESERVATIONS:
        found.append({**head, "control": None, "status": "", "says": {}, "outcome": "says nothing then"})
    return found


def _is_running(verdict: EventState) -> bool:
    """Whether an event is in effect, which by chance may be earlier or shorter than its period."""
    return verdict.listed and verdict.status == events.ACTIVE


def _outcome(
    event: Event,
    base: Mapping[str, Any],
    verdict: EventState,
    categories: int,
    decided: Mapping[str, EffectiveMode],
) -> str:
    if verdict.status == events.SUPERSEDED:
        return f"superseded by {verdict.superseded_by or 'a newer event'}"
    if not _is_running(verdict):
        return "over" if not verdict.listed else dercontrols.STATUSES[verdict.status]
    if not event.categories & categories:
        return "not for devices of this category"
    return _overridden_by(base, event.key, "", decided)


def _overridden_by(
    base: Mapping[str, Any], key: str | None, name: str, decided: Mapping[str, EffectiveMode]
) -> str:
    """What of an event, or of the default of a program, is followed."""
    lost = [
        f"{mode} is decided by {decided[mode].event or 'the default of ' + decided[mode].program}"
        for mode in sorted(base)
        if decided[mode].event != key or key is None and decided[mode].program != name
    ]
    if not lost:
        return "followed"
    return "; ".join([*(["followed in part"] if len(lost) < len(base) else []), *lost])
