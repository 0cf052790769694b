"""Which controls a device follows when several programs speak to it: IEEE 2030.5 leaves that choice to the
device, by primacy; here it is made the same way, to show an operator the effect. The choice is pure."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from server.models import VirtualDER
from server.resources import dermodes, events, store
from server.resources.events import EVERY_CATEGORY, Event


@dataclass(frozen=True)
class Program:
    """What a program says: its events with the modes they set, and those of its default."""
    name: str
    primacy: int
    events: tuple[tuple[Event, Mapping[str, Any]], ...]
    default: Mapping[str, Any]


@dataclass(frozen=True)
class EffectiveMode:
    """A mode's value in force, the program it is from, and the event's key (None for a default)."""
    value: Any
    program: str
    event: str | None


def effective_control(
    programs: Iterable[Program], now: int, categories: int = EVERY_CATEGORY
) -> dict[str, EffectiveMode]:
    """The modes in force at an instant for a device of these categories: of the active events the one of the
    lowest primacy, among equals the newest, decides each mode; then, in the same order, the defaults."""
    ranked = sorted(programs, key=lambda program: program.primacy)
    active: list[tuple[int, tuple[int, int], str, Event, Mapping[str, Any]]] = []
    for program in ranked:
        verdicts = events.evaluate_all((event for event, _ in program.events), now)
        for event, base in program.events:
            verdict = verdicts[event.key]
            if verdict.listed and verdict.status == events.ACTIVE and event.categories & categories:
                active.append((-program.primacy, event.age, program.name, event, base))
    found: dict[str, EffectiveMode] = {}
    for _, _, name, event, base in sorted(active, key=lambda each: each[:2], reverse=True):
        for mode in base:
            found.setdefault(mode, EffectiveMode(base[mode], name, event.key))
    for program in ranked:
        for mode in program.default:
            found.setdefault(mode, EffectiveMode(program.default[mode], program.name, None))
    return found


def program(vder: VirtualDER) -> Program:
    """The program of a virtual DER."""
    listed = tuple(
        (events.from_data("DERControl", document.href, document.submitted), _modes(document.submitted))
        for document in store.items(f"{vder.program}/derc")
    )
    default = store.get(f"{vder.program}/dderc")
    return Program(vder.name, vder.primacy, listed, _modes(default and default.submitted or {}))


def _modes(said: Mapping[str, Any]) -> dict[str, Any]:
    base = said.get("DERControlBase", {})
    return {mode: base[mode] for mode in dermodes.modes_set(base)}
