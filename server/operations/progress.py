"""How far long work is, for the interface that shows it.

    with reporting(show):               # an interface: show(done, total) is called as the work goes on
        operation.run(values)

    for lfdi in track(lfdis, "enrolling"):  # an operation
        …
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Show = Callable[[str, int, int], None]
"""Called with what is being done, how many items are done, and how many there are."""
_show: ContextVar[Show | None] = ContextVar("show", default=None)


@contextmanager
def reporting(show: Show) -> Iterator[None]:
    """Show the progress of what is done inside."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def report(description: str, done: int, total: int) -> None:
    """Tell the interface that `done` of `total` items are done."""
    show = _show.get()
    if show is not None:
        show(description, done, total)


def track(items: Sequence[T], description: str, size: Callable[[T], int] = lambda _: 1) -> Iterable[T]:
    """The same items; each reports the ones before it as done. `size` is what an item counts for."""
    done, total = 0, sum(map(size, items))
    for item in items:
        report(description, done, total)
        yield item
        done += size(item)
