"""Dispatch groups: the virtual DER of an area through which each device is dispatched.

A device may be in many virtual DERs of an area, for instance by kind and by feeder, but is dispatched through
exactly one: the deepest in the area's tree. Two that are both deepest for it, neither above the other, are a
conflict. An area with a conflict cannot be balanced automatically, and a change that would make one in an
active area is refused; so is one that would put a device into two active areas (see `activeareas`). Where an
area with a conflict is read or planned nevertheless, the virtual DER with more levels above it is used, and
of equally deep ones the one that was created first.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from server import clock
from server.errors import Refused
from server.grid.groups import activeareas
from server.grid.groups.tree import Tree
from server.models import Device, VirtualDER, among
from server.resources import sql

_LISTED_DEVICES = 5  # in one message
_is_checked: ContextVar[bool] = ContextVar("is_checked", default=False)


def deepest(vders: Collection[int], tree: Tree) -> list[int]:
    """Return those of these virtual DERs (by number) that are above none of the others. Pure.

    The first is the one through which a device in all of them is dispatched; more than one is a conflict.
    """
    above: set[int] = set()
    for vder in vders:
        ancestors = tree.ancestors(vder)
        next(ancestors)
        for number in ancestors:
            if number in above:
                break
            above.add(number)
    lowest = [vder for vder in vders if vder not in above]
    return sorted(lowest, key=lambda vder: (-tree.depth(vder), vder)) if len(lowest) > 1 else lowest


def deepest_of_devices(
    vders: Collection[int], tree: Tree, devices: Iterable[int] | None = None
) -> dict[int, list[int]]:
    """Return, by device (number), the `deepest` of these virtual DERs that it is in; of all devices or of
    these.

    100,000 devices take one query and a loop over its rows, since most are in the same few virtual DERs.
    """
    statement = "SELECT device_id, vder_id FROM membership WHERE "
    rows = (sql.among(statement + "vder_id IN ({})", vders) if devices is None
            else sql.among(statement + "device_id IN ({})", devices))
    vders_of: dict[int, list[int]] = {}
    for device, vder in rows:
        vders_of.setdefault(device, []).append(vder)
    return _deepest_of(vders_of, vders, tree)


def _deepest_of(
    vders_of: Mapping[int, Iterable[int]], vders: Collection[int], tree: Tree
) -> dict[int, list[int]]:
    chosen = set(vders)
    memberships = {device: among_chosen for device, numbers in vders_of.items()
                   if (among_chosen := tuple(number for number in numbers if number in chosen))}
    combinations = {members: deepest(members, tree) for members in set(memberships.values())}
    return {device: combinations[members] for device, members in memberships.items()}


def dispatch_groups(vders: Collection[int], tree: Tree) -> dict[int, int]:
    """Return, by device (number), the one of these virtual DERs through which it is dispatched, conflicts or
    not."""
    return {device: numbers[0] for device, numbers in deepest_of_devices(vders, tree).items()}


def _deepest_in_area(
    area: VirtualDER, tree: Tree, devices: Iterable[int] | None = None
) -> dict[int, list[int]]:
    return deepest_of_devices(tree.subtree(area.id), tree, devices)


def _conflicts(deepest_vders: Mapping[int, list[int]]) -> dict[int, list[int]]:
    return {device: vders for device, vders in deepest_vders.items() if len(vders) > 1}


def conflicts(area: VirtualDER) -> list[tuple[Device, list[str]]]:
    """Return the devices of an area that would be dispatched through more than one virtual DER, with the
    names of those."""
    tree = Tree.read(include=[area])
    conflicting = _conflicts(_deepest_in_area(area, tree))
    return [(device, [tree.vders[number].name for number in conflicting[device.id]])
            for device in _devices(conflicting)]


def dispatch_group_of(area: VirtualDER) -> dict[int, VirtualDER]:
    """Return, by device (number), the virtual DER of the area through which it is dispatched.

    Refused (409) with the devices' names where some are in conflict.
    """
    tree = Tree.read(include=[area])
    deepest_vders = _deepest_in_area(area, tree)
    conflicting = _conflicts(deepest_vders)
    if conflicting:
        raise Refused(409, _conflict_message(area, tree, conflicting))
    return {device: tree.vders[vders[0]] for device, vders in deepest_vders.items()}


def _devices(numbers: Iterable[int]) -> list[Device]:
    return list(among(Device.select().order_by(Device.id), Device.id, sorted(numbers)))


def _conflict_message(area: VirtualDER, tree: Tree, conflicting: Mapping[int, list[int]]) -> str:
    listed = _devices(sorted(conflicting)[:_LISTED_DEVICES])
    parts = []
    for device in listed:
        names = " and ".join(tree.vders[number].name for number in conflicting[device.id])
        parts.append(f"{device.name or device.lfdi} in {names}")
    remaining = len(conflicting) - len(listed)
    return (f"a device is dispatched through one virtual DER of {area.name}, but {'; '.join(parts)}"
            + (f"; and {remaining} more" if remaining else ""))


@contextmanager
def refusing_new_conflicts(devices: Iterable[int] | None = None) -> Iterator[None]:
    """Refuse (409) a change that makes a new conflict in an active area, or puts a device into two of them.

    Where only these devices (by number) can be affected, only they are examined.
    """
    areas = () if _is_checked.get() else activeareas.active_areas(clock.now())
    if not areas:
        yield
        return
    affected = None if devices is None else list(devices)
    tree = Tree.read(include=areas)
    before = {area.id: _conflicts(_deepest_in_area(area, tree, affected)) for area in areas}
    shared_before = activeareas.shared_devices(areas, affected)
    yield
    tree = Tree.read(include=areas)
    for area in areas:
        after = _conflicts(_deepest_in_area(area, tree, affected))
        new = _news(before[area.id], after)
        if new:
            raise Refused(409, _conflict_message(tree.vders[area.id], tree, new))
    newly_shared = _news(shared_before, activeareas.shared_devices(areas, affected))
    if newly_shared:
        raise Refused(409, activeareas.sharing_message(newly_shared, areas))


@contextmanager
def checked() -> Iterator[None]:
    """Refuse nothing inside: the change as a whole was checked before it began (see `check_planned`)."""
    token = _is_checked.set(True)
    try:
        yield
    finally:
        _is_checked.reset(token)


def check_planned(
    areas: Collection[VirtualDER], tree: Tree, planned: Tree,
    before: Mapping[int, Collection[int]], after: Mapping[int, Collection[int]]
) -> None:
    """Refuse (409) what `refusing_new_conflicts` refuses, of a change that is not yet made.

    The trees are those before and after it, and so are the virtual DERs that each device is in (numbers).
    """
    for area in areas:
        new = _news(_conflicts(_deepest_of(before, tree.subtree(area.id), tree)),
                    _conflicts(_deepest_of(after, planned.subtree(area.id), planned)))
        if new:
            raise Refused(409, _conflict_message(planned.vders[area.id], planned, new))
    newly_shared = _news(activeareas.shared_of(areas, before), activeareas.shared_of(areas, after))
    if newly_shared:
        raise Refused(409, activeareas.sharing_message(newly_shared, areas))


def _news(before: Mapping[int, list[int]], after: Mapping[int, list[int]]) -> dict[int, list[int]]:
    return {device: vders for device, vders in after.items() if vders != before.get(device)}
