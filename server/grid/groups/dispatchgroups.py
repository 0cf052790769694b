"""Through which virtual DER of an area each device is dispatched: the deepest of the area's tree that it is
in.

A device may be in many, by kind and by feeder; for reading them that is well. It is dispatched through
exactly one. Two of an area that are both deepest for it, neither above the other, are a conflict: an area
with one is not to be balanced automatically, and in one that is, nothing may change so that there were one.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from peewee import chunked

from server.errors import Refused
from server.grid.groups.tree import subtree
from server.models import Balance, Device, Membership, VirtualDER

_CHUNK = 500
_NAMED = 5  # devices in one refusal
Tree = Mapping[int, VirtualDER]  # by number, parents before children


def deepest(groups: Collection[int], parents: Mapping[int, int | None]) -> list[int]:
    """Those of these groups that are above none of them; `parents` of all, and of what lies between them.
    Pure."""
    above: set[int] = set()
    for group in groups:
        at = parents.get(group)
        while at is not None and at not in above:
            above.add(at)
            at = parents.get(at)
    return [group for group in groups if group not in above]


def _of(tree: Tree, devices: Iterable[int] | None = None) -> dict[int, list[int]]:
    """By device, the deepest virtual DERs of the tree that it is in; of all devices or of these."""
    parents: dict[int, int | None] = {number: vder.parent_id for number, vder in tree.items()}
    parents[next(iter(tree))] = None
    query: Any = (
        Membership.select(Membership.device, Membership.vder)
        .where(Membership.vder.in_(list(tree)))
        .order_by(Membership.device, Membership.vder)
    )
    groups: dict[int, list[int]] = {}
    for some in [None] if devices is None else chunked(devices, _CHUNK):
        for device, vder in (query if some is None else query.where(Membership.device.in_(some))).tuples():
            groups.setdefault(device, []).append(vder)
    # many are in the same few
    known = {each: deepest(each, parents) for each in set(map(tuple, groups.values()))}
    return {device: known[tuple(each)] for device, each in groups.items()}


def conflicts(area: VirtualDER) -> list[tuple[Device, list[str]]]:
    """The devices of an area that would be dispatched through more than one, with the names of those."""
    tree = subtree(area)
    several = {device: each for device, each in _of(tree).items() if len(each) > 1}
    return [(device, [tree[number].name for number in several[device.id]]) for device in _devices(several)]


def dispatch_group_of(area: VirtualDER) -> dict[int, VirtualDER]:
    """By device, the virtual DER of the area through which it is dispatched. Refused (409), with their names,
    where devices are in several."""
    tree = subtree(area)
    found = _of(tree)
    several = {device: each for device, each in found.items() if len(each) > 1}
    if several:
        raise Refused(409, _conflict_message(tree, several))
    return {device: tree[each[0]] for device, each in found.items()}


def _devices(numbers: Iterable[int]) -> list[Device]:
    return [device for some in chunked(sorted(numbers), _CHUNK)
            for device in Device.select().where(Device.id.in_(some)).order_by(Device.id)]


def _conflict_message(tree: Tree, several: Mapping[int, list[int]]) -> str:
    first = _devices(sorted(several)[:_NAMED])
    names = {device: " and ".join(tree[number].name for number in several[device.id]) for device in first}
    said = "; ".join(f"{device.name or device.lfdi} in {found}" for device, found in names.items())
    rest = len(several) - len(first)
    return (f"a device is dispatched through one virtual DER of {next(iter(tree.values())).name}, but {said}"
            + (f"; and {rest} more" if rest else ""))


@contextmanager
def refusing_new_conflicts(devices: Iterable[int] | None = None) -> Iterator[None]:
    """Refuse (409) what is done inside if it makes a new conflict in an area that is balanced automatically;
    looks at these devices alone, where no others can be concerned."""
    areas = list(VirtualDER.select().join(Balance).where(Balance.automatic))
    asked = None if devices is None or not areas else list(devices)
    before = {area.id: _of(subtree(area), asked) for area in areas}
    yield
    for area in areas:
        tree = subtree(VirtualDER.get_by_id(area.id))
        new = {device: each for device, each in _of(tree, asked).items()
               if len(each) > 1 and each != before[area.id].get(device)}
        if new:
            raise Refused(409, _conflict_message(tree, new))
