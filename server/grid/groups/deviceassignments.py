"""Which FunctionSetAssignments a device has (IEEE 2030.5-2018, 8.6; CSIP 2.1, groups).

By the setting `assignments` that is one for each virtual DER that has none of its others below it, which
leads to the programs of all above, or one for each virtual DER that it is in. A list of them is ordered by
mRID, descending, and a client may follow the first alone: the mRID of a new one begins with its strength.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from server.config import settings
from server.devices import enrolment
from server.grid.groups import programs
from server.grid.groups.tree import Tree
from server.models import Device, Membership, VirtualDER, among, chunked
from server.resources import audiences, numbering, store
from server.units import Href

Data = dict[str, Any]
_DER_LINK = "DERProgramListLink"  # other programs may be for some members alone
_STRENGTHS = 255  # primacies are 0 to 255, and 0 is the strongest


def assigning(vders: Collection[int], tree: Tree) -> set[int]:
    """Return for which of the virtual DERs (numbers) that a device is in it has FunctionSetAssignments."""
    return tree.lowest(vders) if settings.assignments == audiences.TREE else set(vders)


def reconcile(devices: Iterable[Device]) -> list[Device]:
    """Make the FunctionSetAssignments of devices agree with the virtual DERs that they are in; return the
    devices for which one was added or removed."""
    return [device for chunk in chunked(devices, programs.CHUNK) for device in _reconcile(chunk)]


def _reconcile(devices: list[Device]) -> list[Device]:
    wanted, present = _wanted(devices), _present(devices)
    missing = []
    for device in devices:
        of_device = present[device.id]
        for number in of_device.keys() - wanted[device.id].keys():
            store.remove(of_device[number])
        missing += [(device, wanted[device.id][number])
                    for number in sorted(wanted[device.id].keys() - of_device.keys())]
    links = programs.links_of({vder.id for _, vder in missing})
    store.add_all("FunctionSetAssignments", [
        (f"{enrolment.href(device)}/fsa", _content(vder, links[vder.id])) for device, vder in missing])
    return [device for device in devices if wanted[device.id].keys() != present[device.id].keys()]


def misassigned(devices: Iterable[Device]) -> set[int]:
    """Return those of these devices (numbers) that `reconcile` would change."""
    numbers: set[int] = set()
    for chunk in chunked(devices, programs.CHUNK):
        wanted, present = _wanted(chunk), _present(chunk)
        numbers |= {device.id for device in chunk if wanted[device.id].keys() != present[device.id].keys()}
    return numbers


def _present(devices: list[Device]) -> dict[int, dict[int, Href]]:
    """Return the FunctionSetAssignments that devices have, by device and virtual DER (numbers)."""
    present: dict[int, dict[int, Href]] = {device.id: {} for device in devices}
    numbers = {f"{enrolment.href(device)}/fsa": device.id for device in devices}
    for document in programs.assignments_of(devices):
        present[numbers[document.parent]][programs.vder_number(document)] = document.href
    return present


def _wanted(devices: list[Device]) -> dict[int, dict[int, VirtualDER]]:
    """Return, by device, the virtual DERs for which it has FunctionSetAssignments, by number."""
    return {device: {number: vders[number] for number in assigning(vders.keys(), Tree.of(vders.values()))}
            for device, vders in memberships(devices).items()}


def memberships(devices: list[Device]) -> dict[int, dict[int, VirtualDER]]:
    """Return, by device, the virtual DERs that it is in, by number."""
    current: dict[int, dict[int, VirtualDER]] = {device.id: {} for device in devices}
    query: Any = Membership.select(Membership, VirtualDER).join(VirtualDER)
    for membership in among(query, Membership.device, current):
        current[membership.device_id][membership.vder_id] = membership.vder
    return current


def _content(vder: VirtualDER, links: Data) -> Data:
    strength = max(0, _STRENGTHS - vder.primacy)
    return {"mRID": f"{strength:02X}{numbering.new_mrid()[2:]}", "description": vder.name,
            **programs.link("DERProgramList", vder.id),
            **{key: links[key] for key in links if key == _DER_LINK},
            "TimeLink": {"href": "/tm"}}
