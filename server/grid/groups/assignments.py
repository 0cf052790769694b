"""Who is in which virtual DER, and the FunctionSetAssignments that tell the device so.

A device is in a virtual DER because it was put there, because the rule fits its labels, or because it is in
one of the children. `settle` finds out and makes three things agree with it, in the transaction of the change
that caused it: the Membership rows, the FunctionSetAssignments under the device, and the Audience rows, which
let the device and the aggregator that acts for it see the programs (IEEE 2030.5-2018, 8.6; CSIP's groups).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from peewee import chunked

from server.config import settings
from server.devices import enrolment
from server.grid.groups import dispatchgroups, drprograms, membershiprules
from server.grid.groups.tree import Tree
from server.models import Audience, Device, Document, Membership, VirtualDER
from server.resources import store
from server.resources.hooks import Change, after, before, rebuild

DERS = "vder:"
_CHUNK = 500  # rows or parameters in one statement


def audience(vder: VirtualDER) -> str:
    """The audience of what a virtual DER publishes."""
    return f"{DERS}{vder.id}"


def labels(device: Device) -> dict[str, str]:
    """What a rule may ask of a device: its labels, and kind, name, lfdi, sfdi, manager."""
    return {
        **{name: str(value) for name, value in device.labels.items()},
        "kind": device.kind,
        "name": device.name,
        "lfdi": device.lfdi,
        "sfdi": str(device.sfdi),
        "manager": device.manager,
    }


class _Memberships:
    """Which virtual DERs a device is in, by their rules as they are now."""

    def __init__(self) -> None:
        self.tree = Tree.read()
        self.rules = [(vder.id, membershiprules.read(vder.rule))
                      for vder in self.tree.vders.values() if vder.rule]

    def of(self, device: Device, listed: set[int]) -> set[int]:
        """The numbers of the virtual DERs that a device is in, which is `listed` in some by name."""
        device_labels = labels(device)
        return self.tree.closure(listed | {number for number, fits in self.rules if fits(device_labels)})


def reconcile(devices: Iterable[Device] | None = None) -> int:
    """Make memberships, assignments and audiences of these devices (default: all) agree with the virtual DERs
    as they are now; how many memberships began or ended."""
    asked = None if devices is None else list(devices)
    with (
        store.transaction(),
        dispatchgroups.refusing_new_conflicts([] if asked is None else [device.id for device in asked]),
    ):
        return _reconcile(asked)


def _reconcile(devices: list[Device] | None) -> int:
    memberships = _Memberships()
    asked = list(Device.select()) if devices is None else devices
    kept = _unchanged(None if devices is None else [device.id for device in asked])
    begun: list[tuple[int, int]] = []
    ended, moved = 0, []
    for device in asked:
        had = kept[device.id]
        wanted = memberships.of(device, {vder for vder, listed in had.items() if listed})
        new, gone = wanted - had.keys(), had.keys() - wanted
        if new or gone:
            begun += ((vder, device.id) for vder in new)
            Membership.delete().where((Membership.device == device) & Membership.vder.in_(gone)).execute()
            _assign(device, [memberships.tree.vders[vder] for vder in sorted(new)], gone)
            ended += len(gone)
            moved.append(device)
    for rows in chunked(begun, _CHUNK):
        Membership.insert_many(rows, [Membership.vder, Membership.device]).execute()
    concerned = asked if devices is not None else moved
    _see(concerned)
    drprograms.reconcile(concerned)
    return len(begun) + ended


def join(pairs: Iterable[tuple[Device, VirtualDER]]) -> None:
    """Put devices into virtual DERs by name. `settle` has to follow, for the virtual DERs above."""
    asked = list(pairs)
    kept = _unchanged([device.id for device, _ in asked])
    new = [(device, vder) for device, vder in asked if vder.id not in kept[device.id]]
    for rows in chunked([(vder.id, device.id, True) for device, vder in new], _CHUNK):
        Membership.insert_many(rows, [Membership.vder, Membership.device, Membership.listed]).execute()
    for device, vder in new:
        _assign(device, [vder], ())
    for device, vder in asked:
        if kept[device.id].get(vder.id) is False:
            _listed([device], vder, True)
    _see(device for device, _ in new)
    drprograms.reconcile(device for device, _ in new)


def leave(devices: Iterable[Device], vder: VirtualDER) -> None:
    """Take devices' names off a virtual DER. `settle` has to follow: it ends the memberships that nothing
    else brings."""
    _listed(devices, vder, False)


def _listed(devices: Iterable[Device], vder: VirtualDER, listed: bool) -> None:
    for some in chunked(devices, _CHUNK):
        Membership.update(listed=listed).where(
            (Membership.vder == vder) & Membership.device.in_(some)
        ).execute()


def _unchanged(numbers: list[int] | None) -> dict[int, dict[int, bool]]:
    """By device and virtual DER, whether the membership was given by name."""
    query: Any = Membership.select(Membership.device, Membership.vder, Membership.listed)
    found: dict[int, dict[int, bool]] = defaultdict(dict)
    for some in [None] if numbers is None else chunked(numbers, _CHUNK):
        for device, vder, listed in (
            query if some is None else query.where(Membership.device.in_(some))
        ).tuples():
            found[device][vder] = listed
    return found


def programs_href(vder_id: int) -> str:
    """The list of programs that a FunctionSetAssignments leads to."""
    return f"/fsa/{vder_id}/derp"


def _assign(device: Device, new: Iterable[VirtualDER], gone: Iterable[int]) -> None:
    above = f"{enrolment.href(device)}/fsa"
    for vder in new:
        store.add("FunctionSetAssignments", above, {
            "description": vder.name, "DERProgramListLink": {"href": programs_href(vder.id), "all": 1},
            "ResponseSetListLink": {"href": "/rsps", "all": 1}, "TimeLink": {"href": "/tm"}})
    hrefs = {programs_href(number) for number in gone}
    for document in store.items(above) if hrefs else ():
        if document.submitted["DERProgramListLink"]["href"] in hrefs:
            store.remove(document.href)


def _see(devices: Iterable[Device]) -> int:
    """Let devices, and aggregators for those they manage, see what concerns them; how many rows that
    changed."""
    lfdis = {lfdi for device in devices for lfdi in (device.lfdi, device.manager) if lfdi}
    return sum(_see_some(set(some)) for some in chunked(sorted(lfdis), _CHUNK))


def _see_some(lfdis: set[str]) -> int:
    wanted: set[tuple[str, str]] = set()
    query: Any = Membership.select(Device.lfdi, Device.manager, Membership.vder).join(Device)
    for owner, manager, vder in query.where(Device.lfdi.in_(lfdis) | Device.manager.in_(lfdis)).tuples():
        wanted |= {(one, f"{DERS}{vder}") for one in (owner, manager) if one in lfdis}
    kept = {(row.lfdi, row.audience) for row in Audience.select().where(
        Audience.lfdi.in_(lfdis) & Audience.audience.startswith(DERS))}
    for rows in chunked(sorted(wanted - kept), _CHUNK):
        Audience.insert_many(rows, [Audience.lfdi, Audience.audience]).execute()
    for lfdi, seen in kept - wanted:
        Audience.delete().where((Audience.lfdi == lfdi) & (Audience.audience == seen)).execute()
    # a DER links to the programs it sees, and counts them
    changed = Device.select().where(Device.lfdi.in_({lfdi for lfdi, _ in wanted ^ kept}))
    ders = Document.select(Document.href).where(
        Document.parent.in_([f"{enrolment.href(device)}/der" for device in changed])
    )
    store.touch(*(der.href for der in ders))
    return len(wanted ^ kept)


@after("POST", "EndDevice")
def _enrolled(change: Change) -> None:
    device = Device.get(Device.lfdi == change.data["lFDI"])
    default = VirtualDER.get_or_none(VirtualDER.name == settings.default_vder)
    if default is not None:
        join([(device, default)])
    reconcile([device])


@after("PUT", "EndDevice")
def _relabelled(change: Change) -> None:
    reconcile(Device.select().where(Device.lfdi == change.data["lFDI"]))


@before("DELETE", "EndDevice")
def _leaving(change: Change) -> None:
    device = Device.get(Device.lfdi == change.data["lFDI"])
    Membership.delete().where(Membership.device == device).execute()
    _see([device])


@rebuild
def _again() -> int:
    return reconcile() + _see(list(Device.select()))
