"""DemandResponsePrograms: a virtual DER has one as soon as a member of it understands demand response, and
the FunctionSetAssignments of those members lead to it.

That a device understands, it says itself: by a LoadShedAvailability, by DeviceInformation
(functionsImplemented, or DRLCCapabilities), or, where it has said neither, by the deviceCategory of its
EndDevice. The program's number is that of the virtual DER's DERProgram, so that two who make it at once make
the same.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from peewee import chunked

from server.devices import enrolment
from server.models import Device, Document, VirtualDER
from server.resources import store, table
from server.resources.hooks import Change, after

Data = dict[str, Any]
LINK = "DemandResponseProgramListLink"
# DeviceCategoryType: the bits of what uses power, by the names that operators give them; the rest generates
# or stores.
CATEGORIES = {
    name: 1 << bit
    for bit, name in enumerate(
        (
            "thermostat",
            "strip-heater",
            "baseboard-heater",
            "water-heater",
            "pool-pump",
            "sauna",
            "hot-tub",
            "appliance",
            "irrigation-pump",
            "commercial",
            "on-off",
            "exterior-lighting",
            "interior-lighting",
            "load-switch",
            "energy-management",
            "energy-module",
            "ev",
            "evse",
        )
    )
}
LOADS = sum(CATEGORIES.values())
_FUNCTION = 1 << 13  # of DeviceInformation.functionsImplemented
# How much what can be shed has to change before devices say so: hundredths of a percent, and W.
_THRESHOLDS: Data = {"availabilityUpdatePercentChangeThreshold": 1000,
                     "availabilityUpdatePowerChangeThreshold": {"multiplier": 0, "value": 250}}
_CHUNK = 300


def href(vder: VirtualDER) -> str:
    """Where a virtual DER's DemandResponseProgram stands, once it has one."""
    return table.rows["DemandResponseProgram"].href(program=table.number(vder.program))


def publish(vder: VirtualDER, make: bool = False) -> None:
    """Say the program of a virtual DER again, with its name and primacy; with `make` even where it has none
    yet."""
    known = store.get(href(vder))
    if known is None and not make:
        return
    said = known.submitted if known is not None else {"mRID": store.new_mrid(), **_THRESHOLDS}
    twin = store.get(vder.program)
    assert twin is not None, vder.program
    store.put(href(vder), {**said, "description": vder.name, "primacy": vder.primacy}, audience=twin.audience)


def remove(vder: VirtualDER) -> None:
    """Remove the program of a virtual DER, if it has one."""
    if store.get(href(vder)) is not None:
        store.remove(href(vder))


def category(end_device: Data) -> int:
    """The DeviceCategoryType bits of an EndDevice; 0 where it has said none."""
    return int(end_device.get("deviceCategory") or "0", 16)


def understands(end_device: Data, information: Data | None, sheds: bool) -> bool:
    """Whether a device follows EndDeviceControls, by its EndDevice, its DeviceInformation (None: it has said
    nothing), and whether it has said what it can shed. Pure."""
    if sheds or information and "DRLCCapabilities" in information:
        return True
    if information and "functionsImplemented" in information:
        return bool(int(information["functionsImplemented"] or "0", 16) & _FUNCTION)
    return bool(category(end_device) & LOADS)


def who_understands(devices: Iterable[Device]) -> dict[int, int]:
    """Those of these devices (their numbers) that understand demand response, with their categories: any load
    where one has not said what it is."""
    return {
        number: bits for some in chunked(devices, _CHUNK) for number, bits in _understanding(some).items()
    }


def _understanding(devices: list[Device]) -> dict[int, int]:
    ends = {enrolment.href(device): device.id for device in devices}
    said = _said([*ends, *(f"{end}/di" for end in ends)])
    lists: Any = Document.select(Document.parent).where(Document.parent.in_([f"{end}/lsl" for end in ends]))
    sheds = {above for above, in lists.tuples()}
    return {number: category(said.get(end) or {}) or LOADS for end, number in ends.items()
            if understands(said.get(end) or {}, said.get(f"{end}/di"), f"{end}/lsl" in sheds)}


def _said(hrefs: list[str]) -> dict[str, Data]:
    return {
        document.href: document.submitted
        for document in Document.select(Document.href, Document.submitted).where(Document.href.in_(hrefs))
    }


def link(vder: VirtualDER) -> Data:
    """What the FunctionSetAssignments of a member that understands says of the program."""
    return {LINK: {"href": table.rows["AssignedDemandResponseProgramList"].href(vder=vder.id), "all": 1}}


def reconcile(devices: Iterable[Device]) -> None:
    """Make the programs of the virtual DERs that these devices are in, and the links of their assignments,
    agree with what they understand. A virtual DER of one device gets no program on that account."""
    for some in chunked(devices, _CHUNK):
        understood = _understanding(some)
        above = {f"{enrolment.href(device)}/fsa": device.id for device in some}
        found = list(Document.select(Document.href, Document.parent, Document.submitted).where(
            Document.parent.in_(list(above))))
        groups = {document.href: _group(document) for document in found}
        vders = {vder.id: vder for vder in VirtualDER.select().where(VirtualDER.id.in_(set(groups.values())))}
        published = _said([href(vder) for vder in vders.values()])
        for document in found:
            vder, follows = vders[groups[document.href]], above[document.parent] in understood
            if follows and vder.device_id is None and href(vder) not in published:
                publish(vder, make=True)
                published[href(vder)] = {}
            wanted = link(vder) if follows and href(vder) in published else {}
            if wanted.get(LINK) != document.submitted.get(LINK):
                rest = {key: value for key, value in document.submitted.items() if key != LINK}
                store.put(document.href, {**rest, **wanted})


def _group(assignment: Document) -> int:
    """The number of the virtual DER that a FunctionSetAssignments is for."""
    match = table.match(assignment.submitted["DERProgramListLink"]["href"])
    assert match is not None, assignment.href
    return match.parameters["vder"]


@after("POST", "LoadShedAvailability")
@after("DELETE", "LoadShedAvailability")
@after("PUT", "DeviceInformation")
def _has_said(change: Change) -> None:
    reconcile(Device.select().where(Device.lfdi == change.audience))
