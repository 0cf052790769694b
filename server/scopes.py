"""What somebody may see whose rights end at a virtual DER: it, those below it, and their members.

    with scopes.within(vder): …

Whatever finds or lists virtual DERs, devices, or what belongs to either, consults this. What is not visible
is not there: it is answered as what does not exist, and not counted. Outside of `within` all is visible.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from server import actors
from server.errors import Refused
from server.models import Device, Membership, VirtualDER, vder_of_audience

T = TypeVar("T")
ANOTHER = "another virtual DER"
_top: ContextVar[VirtualDER | None] = ContextVar("scope", default=None)


@contextmanager
def within(vder: VirtualDER | None) -> Iterator[None]:
    """Let only a virtual DER and what belongs to it be visible inside; everything, if None."""
    token = _top.set(vder)
    try:
        yield
    finally:
        _top.reset(token)


def top() -> VirtualDER | None:
    """The virtual DER at which rights end here; None where they end nowhere."""
    return _top.get()


def below(vder: VirtualDER) -> Any:
    """The numbers of a virtual DER and of all below it, as a query."""
    base = VirtualDER.select(VirtualDER.id).where(VirtualDER.id == vder.id).cte(
        "visible", recursive=True, columns=("id",))
    child = VirtualDER.alias()
    tree = base.union_all(child.select(child.id).join(base, on=(child.parent == base.c.id)))
    return tree.select_from(tree.c.id)


def is_within(vder: VirtualDER | None, top: VirtualDER | None) -> bool:
    """Return whether who may see what is below `top` may see all that is below a virtual DER; None stands for
    the whole tree."""
    if top is None:
        return True
    return vder is not None and VirtualDER.select().where(
        (VirtualDER.id == vder.id) & VirtualDER.id.in_(below(top))).exists()


def _members(vder: VirtualDER) -> Any:
    return Membership.select(Membership.device).where(Membership.vder == vder.id)


def devices(query: Any) -> Any:
    """A query that has Device in it, of those that are visible."""
    vder = _top.get()
    return query if vder is None else query.where(Device.id.in_(_members(vder)))


def vders(query: Any, column: Any = VirtualDER.id) -> Any:
    """A query with a column of virtual DERs' numbers, of those that are visible: of the tree, and those of
    single devices."""
    vder = _top.get()
    if vder is None:
        return query
    single = VirtualDER.alias()
    of_devices = single.select(single.id).where(single.device.in_(_members(vder)))
    return query.where(column.in_(below(vder)) | column.in_(of_devices))


def lfdis(query: Any, column: Any) -> Any:
    """A query with a column of LFDIs, of those of visible devices."""
    vder = _top.get()
    if vder is None:
        return query
    return query.where(column.in_(Device.select(Device.lfdi).where(Device.id.in_(_members(vder)))))


def sees_vder(number: int | None) -> bool:
    """Whether the virtual DER of a number is visible; None has no number, and is not."""
    if _top.get() is None:
        return True
    return number is not None and bool(
        vders(VirtualDER.select(VirtualDER.id).where(VirtualDER.id == number)).exists())


def sees_device(number: int) -> bool:
    """Whether the device of a number is visible."""
    return _top.get() is None or bool(
        devices(Device.select(Device.id).where(Device.id == number)).exists())


def sees_audience(audience: str) -> bool:
    """Whether what an audience gets is visible: that of a visible virtual DER or device."""
    if _top.get() is None:
        return True
    number = vder_of_audience(audience)
    return sees_vder(number) if number else bool(
        devices(Device.select(Device.id).where(Device.lfdi == audience)).exists())


def name_of(vder: VirtualDER) -> str:
    """The name of a virtual DER, for a sentence; that of one which is not visible is not told."""
    return vder.name if sees_vder(vder.id) else ANOTHER


def texts(sentences: list[str], who: str = "") -> list[str]:
    """Sentences that were made for somebody (`who`): none for others whose rights end, since they may tell of
    what is not visible to these."""
    return sentences if _top.get() is None or who and who == actors.who() else []


def bound(items: Iterator[T]) -> Iterator[T]:
    """The items of an iterator, each made with what is visible now, whenever that is."""
    vder = _top.get()
    return items if vder is None else _bound(items, vder)


def _bound(items: Iterator[T], vder: VirtualDER) -> Iterator[T]:
    while True:
        with within(vder):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def require_whole(what: str) -> None:
    """Refuse (403) what concerns more than a part of the tree to those whose rights end there."""
    vder = _top.get()
    if vder is not None:
        raise Refused(403, f"{what} concerns more than {vder.name}, where your rights end")
