"""The state of one event among others, as tests of the rules ask for it."""
from __future__ import annotations

from collections.abc import Iterable

from server.resources import events
from server.resources.events import Event, EventState


def evaluate(event: Event, rivals: Iterable[Event], now: int) -> EventState:
    """The state of one event; `rivals` are the others of its list, or at least those that overlap with it."""
    listed = [event, *(rival for rival in rivals if rival.key != event.key)]
    return events.evaluate_all(listed, now)[event.key]


def neighbours(event: Event, others: Iterable[Event]) -> list[Event]:
    """The other events that overlap with an event, directly or through each other."""
    reached: list[Event] = []
    frontier = [event]
    remaining = [other for other in others if other.key != event.key]
    while frontier:
        current = frontier.pop()
        overlapping = [other for other in remaining if events.overlap(current, other)]
        remaining = [other for other in remaining if not events.overlap(current, other)]
        reached += overlapping
        frontier += overlapping
    return reached
