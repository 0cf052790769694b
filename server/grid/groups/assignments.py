"""Membership of devices in virtual DERs, and the FunctionSetAssignments that tell devices of it.

A device is in a virtual DER because it is listed (added by name), because the rule matches its labels, or
because it is in one of the children. `reconcile` computes this and makes three things agree with it, in the
transaction of the change that caused it: the Membership rows, the FunctionSetAssignments under the device,
and the Audience rows, which let the device and its aggregator read the programs (IEEE 2030.5-2018, 8.6;
CSIP's groups).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from server.config import settings
from server.devices import names
from server.grid.groups import (deviceassignments, dispatchgroups, drprograms, membershiprules,
                                programaudiences, programs)
from server.grid.groups.tree import Tree
from server.models import CHUNK, Device, Membership, VirtualDER, among, chunked, vder_audience
from server.resources import sql, store
from server.resources.hooks import Change, after_all, before, rebuild

PAGE = 5000  # devices of a statement
_OF_ALL = "SELECT id, labels, kind, name, lfdi, sfdi, manager FROM device WHERE id > ? ORDER BY id LIMIT ?"
Listing = Mapping[int, Mapping[int, bool]]
"""By device and virtual DER (numbers), whether the device is now listed in it."""


def audience(vder: VirtualDER) -> str:
    """Return the audience of what a virtual DER publishes."""
    return vder_audience(vder.id)


def labels(device: Device) -> dict[str, str]:
    """Return what a rule may test: a device's labels, and kind, name, lfdi, sfdi, manager."""
    return _labels(device.labels, device.kind, device.name, device.lfdi, device.sfdi, device.manager)


def _labels(own: Mapping[str, Any], kind: str, name: str, lfdi: str, sfdi: int, manager: str
            ) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in own.items()},
        "kind": names.canonical_kind(kind),
        "name": name,
        "lfdi": lfdi,
        "sfdi": str(sfdi),
        "manager": manager,
    }


def labels_of_all() -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yield the number of each device, its kind as it was written, and what a rule may test, by number.

    The rows are read as they are: as models, those of a hundred thousand devices take seconds.
    """
    read, last = Device.labels.python_value, 0
    while page := sql.rows(_OF_ALL, last, PAGE):
        for number, own, *columns in page:
            yield number, columns[0], _labels(read(own), *columns)
        last = page[-1][0]


class Rules:
    """The rules of all virtual DERs, and the tree (default: as it is) above them."""

    def __init__(self, tree: Tree | None = None) -> None:
        self.tree = tree or Tree.read()
        self.rules = [(vder.id, membershiprules.read(vder.rule))
                      for vder in self.tree.vders.values() if vder.rule]

    def memberships(self, device: Device, listed: set[int]) -> set[int]:
        """Return the numbers of the virtual DERs that a device is in, `listed` in some of them by name."""
        device_labels = labels(device)
        by_rule = {number for number, matches in self.rules if matches(device_labels)}
        return self.tree.closure(listed | by_rule)

    def are(self, other: Rules) -> bool:
        """Return whether others say the same."""
        return self._definition() == other._definition()

    def _definition(self) -> dict[int, tuple[str, int | None]]:
        return {number: (vder.rule, vder.parent_id) for number, vder in self.tree.vders.items()}


def reconcile(devices: Iterable[Device] | None = None, listing: Listing = MappingProxyType({})) -> int:
    """Make memberships, assignments and audiences of these devices (default: all) agree with the virtual
    DERs, with a change of their lists.

    Returns how many memberships began or ended.
    """
    chosen = None if devices is None else list(devices)
    with (
        store.transaction(),
        dispatchgroups.refusing_new_conflicts([] if chosen is None else [device.id for device in chosen]),
    ):
        return _reconcile(chosen, listing)


def _reconcile(devices: list[Device] | None, listing: Listing) -> int:
    rules = Rules()
    chosen = list(Device.select()) if devices is None else devices
    previous = memberships(None if devices is None else [device.id for device in chosen])
    joined: list[tuple[Device, VirtualDER]] = []
    left: dict[Device, set[int]] = {}
    for device in chosen:
        old = previous[device.id]
        current = rules.memberships(device, listed_in(old, listing.get(device.id, {})))
        joining, leaving = current - old.keys(), old.keys() - current
        joined += ((device, rules.tree.vders[vder]) for vder in sorted(joining))
        if leaving:
            left[device] = leaving
    sql.many("DELETE FROM membership WHERE device_id = ? AND vder_id = ?",
             ((device.id, vder) for device, vders in left.items() for vder in vders))
    _add_memberships(joined, listed=False)
    sql.many("UPDATE membership SET listed = ? WHERE device_id = ? AND vder_id = ?",
             ((listed, device, vder) for device, vders in listing.items() for vder, listed in vders.items()))
    affected = chosen if devices is not None else list({**left, **dict(joined)})
    deviceassignments.reconcile(affected)
    programaudiences.reconcile(affected)
    drprograms.reconcile(affected)
    return len(joined) + sum(map(len, left.values()))


def unsettled(devices: Sequence[Device], rules: Rules) -> list[Device]:
    """Return those of these devices that are not in what they should be by these rules, or are not assigned
    what they should be by the tree."""
    previous = memberships([device.id for device in devices])
    misassigned = deviceassignments.misassigned(devices)
    return [device for device in devices for old in [previous[device.id]]
            if device.id in misassigned or rules.memberships(device, listed_in(old)) != old.keys()]


def listed_in(
    memberships: Mapping[int, bool], listing: Mapping[int, bool] = MappingProxyType({})
) -> set[int]:
    """Return the virtual DERs that list a device, after a change of their lists; for the arguments see
    `memberships` and `Listing`. Pure."""
    return {vder for vder, listed in {**memberships, **listing}.items() if listed}


def _add_memberships(pairs: Iterable[tuple[Device, VirtualDER]], listed: bool) -> None:
    sql.insert("membership", ("vder_id", "device_id", "listed"),
               ((vder.id, device.id, listed) for device, vder in pairs))


def join(pairs: Iterable[tuple[Device, VirtualDER]]) -> None:
    """Add devices to virtual DERs by name.

    The caller has to call `reconcile` afterwards, for the virtual DERs above.
    """
    chosen = list(dict.fromkeys(pairs))
    previous = memberships([device.id for device, _ in chosen])
    new = [(device, vder) for device, vder in chosen if vder.id not in previous[device.id]]
    _add_memberships(new, listed=True)
    sql.many("UPDATE membership SET listed = ? WHERE vder_id = ? AND device_id = ?",
             ((True, vder.id, device.id) for device, vder in chosen
              if previous[device.id].get(vder.id) is False))
    devices = list(dict.fromkeys(device for device, _ in new))
    deviceassignments.reconcile(devices)
    programaudiences.reconcile(devices)
    drprograms.reconcile(devices)


def leave(devices: Iterable[Device], vder: VirtualDER) -> None:
    """Take devices off the list of a virtual DER.

    The caller has to call `reconcile` afterwards, which ends the memberships that have no other cause.
    """
    _set_listed(devices, vder, False)


def _set_listed(devices: Iterable[Device], vder: VirtualDER, listed: bool) -> None:
    for chunk in chunked(devices, CHUNK):
        Membership.update(listed=listed).where(
            (Membership.vder == vder) & Membership.device.in_(chunk)
        ).execute()


def memberships(devices: list[int] | None) -> dict[int, dict[int, bool]]:
    """Return, by device and virtual DER (numbers), whether the membership is listed; of all devices or of
    these."""
    query: Any = Membership.select(Membership.device, Membership.vder, Membership.listed)
    memberships_of: dict[int, dict[int, bool]] = defaultdict(dict)
    rows = query.tuples()
    for device, vder, listed in rows if devices is None else among(rows, Membership.device, devices):
        memberships_of[device][vder] = listed
    return memberships_of


@after_all("POST", "EndDevice")
@after_all("PUT", "EndDevice")
def _follow_devices(changes: list[Change]) -> None:
    """Let devices that are new, or whose labels have changed, be in the virtual DERs that they belong to."""
    devices = {device.lfdi: device for device in among(
        Device.select(), Device.lfdi, (change.data["lFDI"] for change in changes))}
    new = [devices[lfdi] for change in changes
           if change.method == "POST" and (lfdi := change.data["lFDI"]) in devices]
    default = VirtualDER.get_or_none(VirtualDER.name == settings.default_vder) if new else None
    if default is not None:
        join((device, default) for device in new)
    reconcile(devices.values())


@before("DELETE", "EndDevice")
def _remove_device(change: Change) -> None:
    device = Device.get(Device.lfdi == change.data["lFDI"])
    Membership.delete().where(Membership.device == device).execute()
    programaudiences.reconcile([device])


@rebuild
def _rebuild() -> int:
    return reconcile() + reassign() + programaudiences.rebuild()


def reassign() -> int:
    """Make the FunctionSetAssignments of all devices what the setting `assignments` says; return of how many
    devices they changed."""
    with store.transaction():
        changed = deviceassignments.reconcile(Device.select())
        programs.reconcile_links(Device.select())
        return len(changed)
