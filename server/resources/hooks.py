"""How a function set says what else happens, beside its own code.

    @before("POST", "Response")      # may refuse, or alter what is said
    @after("PUT", "DERStatus")       # what follows, in the same transaction
    @instead("GET", "Time")          # answers that are computed rather than kept

The store calls the first two for every change, a device's or the operator's. The device interface calls the
third with a request context and makes a response of what it returns (see devices/requestcontext.py).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server.errors import Refused
from server.resources import table

Data = dict[str, Any]


@dataclass
class Change:
    """One change of one document.

    `data` is what is said now (for DELETE: what is removed), `old` what was said before, if it was there.
    `caller` is the device that says it, None for the operator. `href` is empty before a POST has been given
    one.
    """
    method: str
    kind: str
    href: str
    data: Data
    old: Data | None = None
    caller: Any = None
    audience: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)


Hook = Callable[[Change], None]
_before: dict[tuple[str, str], list[Hook]] = defaultdict(list)
_after: dict[tuple[str, str], list[Hook]] = defaultdict(list)
_instead: dict[tuple[str, str], Callable[..., Any]] = {}
_rebuild: list[Callable[[], int]] = []
_seed: list[Callable[[], object]] = []
_on_readings: list[Callable[[str, list[tuple[int, int]]], None]] = []


def _register(
    registry: dict[tuple[str, str], list[Hook]], method: str, kinds: tuple[str, ...]
) -> Callable[..., Any]:
    def add(hook: Hook) -> Hook:
        for kind in kinds:
            registry[method, kind].append(hook)
        return hook
    return add


def before(method: str, *kinds: str) -> Callable[[Hook], Hook]:
    """Called before the change is made."""
    return _register(_before, method, kinds)


def after(method: str, *kinds: str) -> Callable[[Hook], Hook]:
    """Called after the change is made, before it is committed."""
    return _register(_after, method, kinds)


def instead(method: str, *kinds: str) -> Callable[..., Any]:
    """Called by the device interface instead of reading or writing the store."""
    def add(answer: Callable[..., Any]) -> Callable[..., Any]:
        for kind in kinds:
            _instead[method, kind] = answer
        return answer
    return add


def rebuild(task: Callable[[], int]) -> Callable[[], int]:
    """Called by `reindex`: rebuild typed rows from documents; returns how many had to be changed."""
    _rebuild.append(task)
    return task


def seed(task: Callable[[], Any]) -> Callable[[], Any]:
    """Called when the server starts: see that the resources which always exist are there."""
    _seed.append(task)
    return task


def on_readings(
    task: Callable[[str, list[tuple[int, int]]], None],
) -> Callable[[str, list[tuple[int, int]]], None]:
    """Called when values of a MeterReading (its href) have been read: each as (value, end of its time)."""
    _on_readings.append(task)
    return task


def run_on_readings(meter: str, read: list[tuple[int, int]]) -> None:
    for task in _on_readings:
        task(meter, read)


def run_before(change: Change) -> None:
    """Refuse a device (403) what the table lets only operators write, though the mode of the row allows it;
    then call the hooks."""
    row = table.rows.get(change.kind)
    if change.caller is not None and row is not None and row.writer == table.OPERATOR:
        raise Refused(403, f"{change.kind} is kept by the utility")
    for hook in _before[change.method, change.kind]:
        hook(change)


def run_after(change: Change) -> None:
    for hook in _after[change.method, change.kind]:
        hook(change)


def instead_of(method: str, kind: str) -> Callable[..., Any] | None:
    return _instead.get((method, kind))


def rebuilders() -> list[Callable[[], int]]:
    return list(_rebuild)


def run_seeds() -> None:
    for task in _seed:
        task()
