"""The control in force for a device that sees several programs. Pure, save `program`.

IEEE 2030.5 leaves the choice between programs to the device, by primacy. It is made in the same way here, to
show an operator the effect of a control.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from server.models import VirtualDER
from server.resources import dermodes, events, store
from server.resources.codes import EventStatus
from server.resources.events import EVERY_CATEGORY, Event


@dataclass(frozen=True)
class Program:
    """A program: its events with the modes that they set, and the modes of its default."""
    name: str
    primacy: int
    events: tuple[tuple[Event, Mapping[str, Any]], ...]
    default: Mapping[str, Any]


@dataclass(frozen=True)
class EffectiveMode:
    """A mode's value in force, the name of its program, and the key of its event (None for a default)."""
    value: Any
    program: str
    event: str | None


@dataclass(frozen=True)
class _ActiveEvent:
    event: Event
    modes: Mapping[str, Any]
    program: Program

    @property
    def rank(self) -> tuple[int, tuple[int, int]]:
        """The greater prevails: the lower primacy, among equals the newer event."""
        return -self.program.primacy, self.event.age


def effective_control(
    programs: Iterable[Program], now: int, categories: int = EVERY_CATEGORY
) -> dict[str, EffectiveMode]:
    """Return the modes in force at the instant `now` for a device of these categories.

    Of the active events the one with the lowest primacy, among equals the newest, decides each mode that it
    sets. Modes that no event sets are decided by the defaults in the order of primacy.
    """
    ranked = sorted(programs, key=lambda program: program.primacy)
    active = [event for program in ranked for event in _active_events(program, now, categories)]
    modes: dict[str, EffectiveMode] = {}
    for entry in sorted(active, key=lambda entry: entry.rank, reverse=True):
        for mode, value in entry.modes.items():
            modes.setdefault(mode, EffectiveMode(value, entry.program.name, entry.event.key))
    for program in ranked:
        for mode, value in program.default.items():
            modes.setdefault(mode, EffectiveMode(value, program.name, None))
    return modes


def _active_events(program: Program, now: int, categories: int) -> list[_ActiveEvent]:
    states = events.evaluate_all((event for event, _ in program.events), now)
    return [
        _ActiveEvent(event, modes, program)
        for event, modes in program.events
        if states[event.key].listed
        and states[event.key].status == EventStatus.ACTIVE
        and event.categories & categories
    ]


def program(vder: VirtualDER) -> Program:
    """Return the DERProgram of a virtual DER."""
    listed = tuple(
        (events.from_data("DERControl", document.href, document.submitted), _modes(document.submitted))
        for document in store.items(f"{vder.program}/derc")
    )
    default = store.get(f"{vder.program}/dderc")
    return Program(vder.name, vder.primacy, listed, _modes(default and default.submitted or {}))


def _modes(control: Mapping[str, Any]) -> dict[str, Any]:
    base = control.get("DERControlBase", {})
    return {mode: base[mode] for mode in dermodes.modes_set(base)}
