"""Programs of their own for storage that steps address singly, made by the worker ahead of the first step.

The first control of a device needs a DERProgram that this device alone reads, and so changes what it is
assigned. That costs several times what the control does, and a step has to be published before it begins.
Where none is there yet, since a device has just joined, the step makes it (see orderwork).
"""
from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from server.grid.balance import areasettings, publish
from server.grid.groups import dispatchgroups, singledevices
from server.grid.groups.tree import Tree
from server.models import Balance, Device, VirtualDER, among
from server.resources import parts, sql, store

TOGETHER = 50  # devices in one transaction, at least
TURN_S = 1.0  # after which the worker's other duties have their turn
LOOK_S = 60  # between looks where everything is prepared: a look reads all members
_AUTOMATIC = "SELECT 1 FROM balance WHERE vder_id = ? AND automatic"
_WITHOUT_PROGRAM = (
    "SELECT m.device_id FROM membership m JOIN device_type t ON t.device_id = m.device_id "
    "WHERE m.vder_id = ? AND t.kind = 'storage' "
    "AND NOT EXISTS (SELECT 1 FROM virtual_der v WHERE v.device_id = m.device_id) ORDER BY m.device_id")


class Missing(NamedTuple):
    """Devices (numbers) of an area (the number of its virtual DER) that need a program that is stronger than
    a primacy."""
    area: int
    stronger_than: int
    devices: list[int]


_look_at = 0.0  # by the monotonic clock
_remaining: list[Missing] = []  # what the last look found


def prepare_due() -> int:
    """Make the programs that are missing in areas that are balanced automatically, as many as take TURN_S;
    return for how many devices. An area that is so no more when its turn comes gets none."""
    global _look_at
    if not _remaining and time.monotonic() >= _look_at:
        _remaining.extend(_missing())
        _look_at = time.monotonic() + LOOK_S
    began, prepared, size = time.monotonic(), 0, parts.Parts(TOGETHER)
    while _remaining and (not prepared or time.monotonic() - began < TURN_S):
        missing = _remaining.pop()
        if sql.row(_AUTOMATIC, missing.area) is None:
            continue
        part, rest = missing.devices[:size.size], missing.devices[size.size:]
        if rest:
            _remaining.append(missing._replace(devices=rest))
        _prepare(part, missing.stronger_than)
        size.took(len(part))
        prepared += len(part)
    return prepared


def forget() -> None:
    """Look again at the next turn."""
    global _look_at
    _look_at = 0.0
    _remaining.clear()


def _missing() -> Iterator[Missing]:
    """Yield devices that are without a program of their own and are to get one, by the virtual DERs through
    which they are dispatched."""
    areas = Balance.select(Balance, VirtualDER).join(VirtualDER).where(Balance.automatic)
    for balance in list(areas):
        tree = Tree.read(include=[balance.vder])
        missing = [device for device, in sql.rows(_WITHOUT_PROGRAM, balance.vder.id)]
        deepest = dispatchgroups.deepest_of_devices(tree.subtree(balance.vder.id), tree, missing)
        of_group: dict[int, list[int]] = defaultdict(list)
        for device, vders in deepest.items():
            of_group[vders[0]].append(device)
        for number, devices in of_group.items():
            group = tree.vders[number]
            if group.primacy and _is_addressed_singly(balance, group):  # below primacy 0 none is stronger
                yield Missing(balance.vder.id, group.primacy, sorted(devices))


def _is_addressed_singly(balance: Balance, group: VirtualDER) -> bool:
    return (balance.addressing == areasettings.DEVICE
            or not publish.broadcast_reaches_storage_only(group))


def _prepare(numbers: list[int], stronger_than: int) -> None:
    with store.transaction(*(f"/edev/{number}" for number in numbers)):
        singledevices.ensure(list(among(Device.select(), Device.id, numbers)), stronger_than)
