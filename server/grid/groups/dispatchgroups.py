"""Through which virtual DER of an area each device is dispatched: the deepest of the area's tree that it is
in.

A device may be in many, by kind and by feeder; for reading them that is well. It is dispatched through
exactly one. Two of an area that are both deepest for it, neither above the other, are a conflict: an area
with one is not to be balanced automatically, and in one that is, nothing may change so that there were one.
Where an area with a conflict is read or planned for all the same, the one of more levels above it is used,
and of equally deep ones the one that was created first.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from peewee import chunked

from server.errors import Refused
from server.grid.groups.tree import Tree
from server.models import Balance, Device, VirtualDER
from server.resources import sql

_CHUNK = 500
_NAMED = 5  # devices in one refusal


def deepest(groups: Collection[int], tree: Tree) -> list[int]:
    """Those of these groups (by number) that are above none of the others. Pure.

    The first is the one through which a device in all of them is dispatched; more than one is a conflict.
    """
    above: set[int] = set()
    for group in groups:
        ancestors = tree.ancestors(group)
        next(ancestors)
        for number in ancestors:
            if number in above:
                break
            above.add(number)
    lowest = [group for group in groups if group not in above]
    return sorted(lowest, key=lambda group: (-tree.depth(group), group)) if len(lowest) > 1 else lowest


def deepest_of_devices(
    groups: Collection[int], tree: Tree, devices: Iterable[int] | None = None
) -> dict[int, list[int]]:
    """By device (number), the `deepest` of these groups that it is in; of all devices or of these.

    100,000 devices take one query and a loop over its rows, since most are in the same few groups.
    """
    statement = f"SELECT device_id, vder_id FROM membership WHERE vder_id IN ({sql.marks(len(groups))})"
    if devices is None:
        rows = sql.rows(statement, *groups)
    else:
        rows = [row for some in chunked(devices, _CHUNK)
                for row in sql.rows(f"{statement} AND device_id IN ({sql.marks(len(some))})", *groups, *some)]
    memberships: dict[int, list[int]] = {}
    for device, vder in rows:
        memberships.setdefault(device, []).append(vder)
    patterns = {pattern: deepest(pattern, tree) for pattern in set(map(tuple, memberships.values()))}
    return {device: patterns[tuple(vders)] for device, vders in memberships.items()}


def dispatch_groups(groups: Collection[int], tree: Tree) -> dict[int, int]:
    """By device (number), the one of these groups through which it is dispatched, conflicts or not."""
    return {device: vders[0] for device, vders in deepest_of_devices(groups, tree).items()}


def _in_area(
    area: VirtualDER, tree: Tree, devices: Iterable[int] | None = None
) -> dict[int, list[int]]:
    return deepest_of_devices(tree.subtree(area.id), tree, devices)


def _conflicts(deepest_groups: Mapping[int, list[int]]) -> dict[int, list[int]]:
    return {device: vders for device, vders in deepest_groups.items() if len(vders) > 1}


def conflicts(area: VirtualDER) -> list[tuple[Device, list[str]]]:
    """The devices of an area that would be dispatched through more than one, with the names of those."""
    tree = Tree.read(include=[area])
    several = _conflicts(_in_area(area, tree))
    return [(device, [tree.vders[number].name for number in several[device.id]])
            for device in _devices(several)]


def dispatch_group_of(area: VirtualDER) -> dict[int, VirtualDER]:
    """By device (number), the virtual DER of the area through which it is dispatched.

    Refused (409), with their names, where devices are in conflict.
    """
    tree = Tree.read(include=[area])
    groups = _in_area(area, tree)
    several = _conflicts(groups)
    if several:
        raise Refused(409, _conflict_message(area, tree, several))
    return {device: tree.vders[vders[0]] for device, vders in groups.items()}


def _devices(numbers: Iterable[int]) -> list[Device]:
    return [device for some in chunked(sorted(numbers), _CHUNK)
            for device in Device.select().where(Device.id.in_(some)).order_by(Device.id)]


def _conflict_message(area: VirtualDER, tree: Tree, several: Mapping[int, list[int]]) -> str:
    first = _devices(sorted(several)[:_NAMED])
    parts = []
    for device in first:
        names = " and ".join(tree.vders[number].name for number in several[device.id])
        parts.append(f"{device.name or device.lfdi} in {names}")
    remaining = len(several) - len(first)
    return (f"a device is dispatched through one virtual DER of {area.name}, but {'; '.join(parts)}"
            + (f"; and {remaining} more" if remaining else ""))


@contextmanager
def refusing_new_conflicts(devices: Iterable[int] | None = None) -> Iterator[None]:
    """Refuse (409) a change that makes a new conflict in an area that is balanced automatically.

    Looks at these devices (by number) alone, where no others can be concerned.
    """
    areas = list(VirtualDER.select().join(Balance).where(Balance.automatic))
    if not areas:
        yield
        return
    concerned = None if devices is None else list(devices)
    tree = Tree.read(include=areas)
    before = {area.id: _conflicts(_in_area(area, tree, concerned)) for area in areas}
    yield
    tree = Tree.read(include=areas)
    for area in areas:
        after = _conflicts(_in_area(area, tree, concerned))
        new = {device: vders for device, vders in after.items() if vders != before[area.id].get(device)}
        if new:
            raise Refused(409, _conflict_message(tree.vders[area.id], tree, new))
