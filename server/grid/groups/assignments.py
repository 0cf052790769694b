"""Membership of devices in virtual DERs, and the FunctionSetAssignments that tell devices of it.

A device is in a virtual DER because it is listed (added by name), because the rule matches its labels, or
because it is in one of the children. `reconcile` computes this and makes three things agree with it, in the
transaction of the change that caused it: the Membership rows, the FunctionSetAssignments under the device,
and the Audience rows, which let the device and its aggregator read the programs (IEEE 2030.5-2018, 8.6;
CSIP's groups).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from peewee import chunked

from server.config import settings
from server.devices import enrolment, names
from server.grid.groups import dispatchgroups, drprograms, membershiprules, programs
from server.grid.groups.tree import Tree
from server.models import Audience, Device, Document, Membership, VirtualDER, vder_audience, vder_of_audience
from server.resources import store
from server.resources.hooks import Change, after_all, before, rebuild

_CHUNK = 500  # rows or parameters in one statement


def audience(vder: VirtualDER) -> str:
    """Return the audience of what a virtual DER publishes."""
    return vder_audience(vder.id)


def labels(device: Device) -> dict[str, str]:
    """Return what a rule may test: a device's labels, and kind, name, lfdi, sfdi, manager."""
    return {
        **{name: str(value) for name, value in device.labels.items()},
        "kind": names.canonical_kind(device.kind),
        "name": device.name,
        "lfdi": device.lfdi,
        "sfdi": str(device.sfdi),
        "manager": device.manager,
    }


class _Rules:
    """The rules of all virtual DERs, and the tree above them."""

    def __init__(self) -> None:
        self.tree = Tree.read()
        self.rules = [(vder.id, membershiprules.read(vder.rule))
                      for vder in self.tree.vders.values() if vder.rule]

    def memberships(self, device: Device, listed: set[int]) -> set[int]:
        """Return the numbers of the virtual DERs that a device is in, `listed` in some of them by name."""
        device_labels = labels(device)
        by_rule = {number for number, matches in self.rules if matches(device_labels)}
        return self.tree.closure(listed | by_rule)


def reconcile(devices: Iterable[Device] | None = None) -> int:
    """Make memberships, assignments and audiences of these devices (default: all) agree with the virtual
    DERs.

    Returns how many memberships began or ended.
    """
    chosen = None if devices is None else list(devices)
    with (
        store.transaction(),
        dispatchgroups.refusing_new_conflicts([] if chosen is None else [device.id for device in chosen]),
    ):
        return _reconcile(chosen)


def _reconcile(devices: list[Device] | None) -> int:
    rules = _Rules()
    chosen = list(Device.select()) if devices is None else devices
    previous = _memberships(None if devices is None else [device.id for device in chosen])
    joined: list[tuple[int, int]] = []
    left_count, changed = 0, []
    for device in chosen:
        old = previous[device.id]
        current = rules.memberships(device, {vder for vder, listed in old.items() if listed})
        joining, leaving = current - old.keys(), old.keys() - current
        if joining or leaving:
            joined += ((vder, device.id) for vder in joining)
            Membership.delete().where((Membership.device == device) & Membership.vder.in_(leaving)).execute()
            _assign(device, [rules.tree.vders[vder] for vder in sorted(joining)], leaving)
            left_count += len(leaving)
            changed.append(device)
    for rows in chunked(joined, _CHUNK):
        Membership.insert_many(rows, [Membership.vder, Membership.device]).execute()
    affected = chosen if devices is not None else changed
    _reconcile_audiences(affected)
    drprograms.reconcile(affected)
    return len(joined) + left_count


def join(pairs: Iterable[tuple[Device, VirtualDER]]) -> None:
    """Add devices to virtual DERs by name.

    The caller has to call `reconcile` afterwards, for the virtual DERs above.
    """
    chosen = list(pairs)
    previous = _memberships([device.id for device, _ in chosen])
    new = [(device, vder) for device, vder in chosen if vder.id not in previous[device.id]]
    for rows in chunked([(vder.id, device.id, True) for device, vder in new], _CHUNK):
        Membership.insert_many(rows, [Membership.vder, Membership.device, Membership.listed]).execute()
    for device, vder in new:
        _assign(device, [vder], ())
    for device, vder in chosen:
        if previous[device.id].get(vder.id) is False:
            _set_listed([device], vder, True)
    _reconcile_audiences(device for device, _ in new)
    drprograms.reconcile(device for device, _ in new)


def leave(devices: Iterable[Device], vder: VirtualDER) -> None:
    """Take devices off the list of a virtual DER.

    The caller has to call `reconcile` afterwards, which ends the memberships that have no other cause.
    """
    _set_listed(devices, vder, False)


def _set_listed(devices: Iterable[Device], vder: VirtualDER, listed: bool) -> None:
    for chunk in chunked(devices, _CHUNK):
        Membership.update(listed=listed).where(
            (Membership.vder == vder) & Membership.device.in_(chunk)
        ).execute()


def _memberships(devices: list[int] | None) -> dict[int, dict[int, bool]]:
    """Return, by device and virtual DER (numbers), whether the membership is listed; of all devices or of
    these."""
    query: Any = Membership.select(Membership.device, Membership.vder, Membership.listed)
    memberships: dict[int, dict[int, bool]] = defaultdict(dict)
    for chunk in [None] if devices is None else chunked(devices, _CHUNK):
        for device, vder, listed in (
            query if chunk is None else query.where(Membership.device.in_(chunk))
        ).tuples():
            memberships[device][vder] = listed
    return memberships


def _assign(device: Device, joining: Iterable[VirtualDER], leaving: Collection[int]) -> None:
    """Add the FunctionSetAssignments of a device for virtual DERs that it joins, remove those that it
    leaves."""
    parent = f"{enrolment.href(device)}/fsa"
    for vder in joining:
        store.add("FunctionSetAssignments", parent, {
            "description": vder.name, **programs.link("DERProgramList", vder.id),
            "ResponseSetListLink": {"href": "/rsps", "all": 1}, "TimeLink": {"href": "/tm"}})
    for document in programs.assignments_of([device]) if leaving else ():
        if programs.vder_number(document) in leaving:
            store.remove(document.href)


def _reconcile_audiences(devices: Iterable[Device]) -> int:
    """Make the Audience rows of devices and of their aggregators agree with the memberships.

    Returns how many rows changed.
    """
    lfdis = {lfdi for device in devices for lfdi in (device.lfdi, device.manager) if lfdi}
    return sum(_reconcile_audiences_of(set(chunk)) for chunk in chunked(sorted(lfdis), _CHUNK))


def _reconcile_audiences_of(lfdis: set[str]) -> int:
    current: set[tuple[str, str]] = set()
    for column in (Device.lfdi, Device.manager):  # one after the other, each by its index
        query: Any = Membership.select(column, Membership.vder).join(Device).where(column.in_(lfdis))
        current |= {(lfdi, vder_audience(vder)) for lfdi, vder in query.tuples()}
    stored = {(row.lfdi, row.audience) for row in Audience.select().where(Audience.lfdi.in_(lfdis))
              if vder_of_audience(row.audience)}
    for rows in chunked(sorted(current - stored), _CHUNK):
        Audience.insert_many(rows, [Audience.lfdi, Audience.audience]).execute()
    for lfdi, removed in stored - current:
        Audience.delete().where((Audience.lfdi == lfdi) & (Audience.audience == removed)).execute()
    # a DER links to the programs that its device may read, and counts them
    changed = Device.select().where(Device.lfdi.in_({lfdi for lfdi, _ in current ^ stored}))
    ders = Document.select(Document.href).where(
        Document.parent.in_([f"{enrolment.href(device)}/der" for device in changed])
    )
    store.touch(*(der.href for der in ders))
    return len(current ^ stored)


@after_all("POST", "EndDevice")
@after_all("PUT", "EndDevice")
def _follow_devices(changes: list[Change]) -> None:
    """Let devices that are new, or whose labels have changed, be in the virtual DERs that they belong to."""
    devices = {device.lfdi: device for chunk in chunked({change.data["lFDI"] for change in changes}, _CHUNK)
               for device in Device.select().where(Device.lfdi.in_(chunk))}
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
    _reconcile_audiences([device])


@rebuild
def _rebuild() -> int:
    return reconcile() + _reconcile_audiences(list(Device.select()))
