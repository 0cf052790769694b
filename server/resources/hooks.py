"""How a function set adds behaviour to the plain storage of documents.

    @before("POST", "Response")      # may refuse the change, or alter its data
    @after("PUT", "DERStatus")       # updates what depends on it, in the same transaction
    @instead("GET", "Time")          # computes an answer that is not stored

    @after_all("PUT", "EndDevice")   # as the second, for all that store.add_all or put_all change at once
    @derived("AccountBalance")       # what is served beside what was submitted, and until when that holds
    @due("CreditRegister")           # what happens when that time has come

The store calls these, save the third, for every change, a device's or the operator's. The device interface
calls the third with a request context and makes a response of its result (see devices/requestcontext.py).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from server.errors import Refused
from server.resources import table
from server.units import Href, Instant, Seconds

Data = dict[str, Any]


@dataclass
class Change:
    """One change of one document.

    `data` is the content that is submitted (for DELETE: that is removed), `old` the one before, if there was
    any. `caller` is the device that makes the change, None for the operator. `href` is empty until a POST has
    been given one, `list_href` is that of the list of a POST. `notes` is for what a `before` hook has to tell
    an `after` hook.
    """
    method: str
    kind: str
    href: str
    data: Data
    old: Data | None = None
    caller: Any = None
    audience: str | None = None
    list_href: Href = ""
    notes: dict[str, Any] = field(default_factory=dict)


Hook = Callable[[Change], None]
BatchHook = Callable[[list[Change]], None]
_before: dict[tuple[str, str], list[Hook]] = defaultdict(list)
_after: dict[tuple[str, str], list[Hook]] = defaultdict(list)
_after_all: dict[tuple[str, str], list[BatchHook]] = defaultdict(list)
_instead: dict[tuple[str, str], Callable[..., Any]] = {}
_rebuild: list[Callable[[], int]] = []
_seed: list[Callable[[], object]] = []


class Derived(NamedTuple):
    """What is served of a document beside what was submitted: `overrides` take its place.

    `fresh_until` is the instant (UTC, s) at which it is another; then `due` hooks are called first. What is
    not `served` is answered as if it did not exist.
    """
    overrides: Data = {}
    fresh_until: Instant | None = None
    served: bool = True


Derive = Callable[[dict[Href, Data | None]], dict[Href, Derived]]
DueTask = Callable[[list[Href]], None]
_derived: dict[str, Derive] = {}
_due: dict[str, DueTask] = {}


class PostedReading(NamedTuple):
    """A value of a MeterReading, and its time: `duration_s` seconds from `start` (UTC, s) on."""
    value: int
    start: Instant
    duration_s: Seconds


ReadingsTask = Callable[[Href, list[PostedReading], Instant | None], None]
_on_readings: list[ReadingsTask] = []
_unloaded: list[Callable[[], object]] = []


def load_when_needed(load: Callable[[], object]) -> None:
    """Call this function, which registers hooks, before any hook is looked up: who only reads needs none."""
    _unloaded.append(load)


def _load() -> None:
    while _unloaded:
        _unloaded.pop()()


def _register(
    registry: dict[tuple[str, str], list[Any]], method: str, kinds: tuple[str, ...]
) -> Callable[..., Any]:
    def add(hook: Any) -> Any:
        for kind in kinds:
            registry[method, kind].append(hook)
        return hook
    return add


def before(method: str, *kinds: str) -> Callable[[Hook], Hook]:
    """Register a hook that is called before the change is made."""
    return _register(_before, method, kinds)


def after(method: str, *kinds: str) -> Callable[[Hook], Hook]:
    """Register a hook that is called after the change is made, before it is committed."""
    return _register(_after, method, kinds)


def after_all(method: str, *kinds: str) -> Callable[[BatchHook], BatchHook]:
    """Register a hook that is called after changes are made, before they are committed: with all those of one
    statement of the store (see store.add_all)."""
    return _register(_after_all, method, kinds)


def instead(method: str, *kinds: str) -> Callable[..., Any]:
    """Register a function that the device interface calls instead of reading or writing the store.

    For COUNT it is given hrefs of lists, and returns by href how many items a link to each states; those are
    left out of which each caller sees others. For LINK it is given hrefs of empty lists, and returns those to
    which there is no link, since nothing will ever be in them. For OWNER it is given the href of a computed
    resource, the caller's LFDI, and whether that posts to a list below it or reads one, and returns whether
    the resource is there for that.
    """
    def add(answer: Callable[..., Any]) -> Callable[..., Any]:
        for kind in kinds:
            _instead[method, kind] = answer
        return answer
    return add


def derived(kind: str) -> Callable[[Derive], Derive]:
    """Register a function that is called when documents of a kind, no events, are rendered.

    It is given what was submitted of each by href (None: nothing yet), and returns what is derived.
    """
    def add(derive: Derive) -> Derive:
        _derived[kind] = derive
        return derive
    return add


def due(*kinds: str) -> Callable[[DueTask], DueTask]:
    """Register a task that is called with the hrefs of documents whose time (`Derived.fresh_until`) has come,
    in the transaction that renders them."""
    def add(task: DueTask) -> DueTask:
        for kind in kinds:
            _due[kind] = task
        return task
    return add


def rebuild(task: Callable[[], int]) -> Callable[[], int]:
    """Register a task of `reindex` that rebuilds rows from documents and returns how many it changed."""
    _rebuild.append(task)
    return task


def seed(task: Callable[[], Any]) -> Callable[[], Any]:
    """Register a task that creates resources which always exist; it is run at every start."""
    _seed.append(task)
    return task


def on_readings(task: ReadingsTask) -> ReadingsTask:
    """Register a task that is called with new values of a MeterReading (its href), and when the last of those
    ended in whose place they are (UTC, s; None: of none)."""
    _on_readings.append(task)
    return task


def run_on_readings(meter: Href, readings: list[PostedReading], replaced_until: Instant | None) -> None:
    """Tell of new values of a MeterReading (its href), as `on_readings` says."""
    _load()
    for task in _on_readings:
        task(meter, readings, replaced_until)


def run_before(change: Change) -> None:
    """Call the `before` hooks of a change. Refused (403) for a device where only operators may write."""
    row = table.rows.get(change.kind)
    if change.caller is not None and row is not None and row.writer == table.OPERATOR:
        raise Refused(403, f"{change.kind} is kept by the utility")
    _load()
    for hook in _before[change.method, change.kind]:
        hook(change)


def run_after(change: Change) -> None:
    """Call the `after` hooks of a change."""
    _load()
    for hook in _after[change.method, change.kind]:
        hook(change)


def run_after_all(changes: list[Change]) -> None:
    """Call the `after_all` hooks of changes of one method and kind."""
    _load()
    for hook in _after_all[changes[0].method, changes[0].kind]:
        hook(changes)


def derive(kind: str, submitted: dict[Href, Data | None]) -> dict[Href, Derived]:
    """Return what is derived of documents of a kind, as `derived` says; {} where nothing is."""
    _load()
    function = _derived.get(kind)
    return function(submitted) if function is not None and submitted else {}


def is_derived(kind: str) -> bool:
    """Return whether something is derived of documents of a kind, as `derived` says."""
    _load()
    return kind in _derived


def run_due(kind: str, hrefs: list[Href]) -> None:
    """Do what is due of documents of a kind."""
    _load()
    if kind in _due:
        _due[kind](hrefs)


def instead_of(method: str, kind: str) -> Callable[..., Any] | None:
    """Return the function that is called instead of the store; None where there is none."""
    _load()
    return _instead.get((method, kind))


def rebuilders() -> list[Callable[[], int]]:
    """Return the tasks of `reindex`."""
    _load()
    return list(_rebuild)


def run_seeds() -> None:
    """Create the resources that always exist."""
    _load()
    for task in _seed:
        task()
