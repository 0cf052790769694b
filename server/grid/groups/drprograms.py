"""DemandResponsePrograms of virtual DERs (IEEE 2030.5-2018, 10.3).

A virtual DER has one as soon as one of its members supports demand response, and the FunctionSetAssignments
of those members link to it. A device supports demand response if it has a LoadShedAvailability, if its
DeviceInformation says so (functionsImplemented, or DRLCCapabilities), or, where it has neither, by the
deviceCategory of its EndDevice. The program has the number of the virtual DER's DERProgram, so that two
processes that create it at the same time create the same resource.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from peewee import chunked

from server.devices import enrolment
from server.models import Device, Document, VirtualDER
from server.resources import store, table
from server.resources.codes import DeviceCategory, FunctionsImplemented
from server.resources.hooks import Change, after

Data = dict[str, Any]
LINK = "DemandResponseProgramListLink"
_SHORT_NAMES = {
    DeviceCategory.SMART_APPLIANCE: "appliance",
    DeviceCategory.ELECTRIC_VEHICLE: "ev",
}
# The categories of loads by the names that operators give them. The categories after EVSE generate or store,
# and follow no EndDeviceControl.
CATEGORIES = {
    _SHORT_NAMES.get(category, str(category.name).lower().replace("_", "-")): category
    for category in DeviceCategory
    if category <= DeviceCategory.EVSE
}
LOADS = sum(CATEGORIES.values())
# The change of sheddable load from which on a device reports it: hundredths of a percent, and W.
_THRESHOLDS: Data = {"availabilityUpdatePercentChangeThreshold": 1000,
                     "availabilityUpdatePowerChangeThreshold": {"multiplier": 0, "value": 250}}
_CHUNK = 300


def href(vder: VirtualDER) -> str:
    """Return the href of a virtual DER's DemandResponseProgram, whether it exists yet or not."""
    return table.rows["DemandResponseProgram"].href(program=table.number(vder.program))


def publish(vder: VirtualDER, make: bool = False) -> None:
    """Update the program of a virtual DER to its name and primacy.

    Where there is no program yet, `make` creates it; otherwise nothing happens.
    """
    program = store.get(href(vder))
    if program is None and not make:
        return
    data = program.submitted if program is not None else {"mRID": store.new_mrid(), **_THRESHOLDS}
    der_program = store.get(vder.program)
    assert der_program is not None, vder.program
    store.put(href(vder), {**data, "description": vder.name, "primacy": vder.primacy},
              audience=der_program.audience)


def remove(vder: VirtualDER) -> None:
    """Remove the program of a virtual DER, if it has one."""
    if store.get(href(vder)) is not None:
        store.remove(href(vder))


def category(end_device: Data) -> int:
    """Return the DeviceCategoryType bits of an EndDevice; 0 where it has none."""
    return int(end_device.get("deviceCategory") or "0", 16)


def supports_dr(end_device: Data, information: Data | None, has_load_shed: bool) -> bool:
    """Return whether a device follows EndDeviceControls. Pure.

    Judged by its EndDevice, its DeviceInformation (None: it has sent none), and whether it has a
    LoadShedAvailability.
    """
    if has_load_shed or information and "DRLCCapabilities" in information:
        return True
    if information and "functionsImplemented" in information:
        functions = int(information["functionsImplemented"] or "0", 16)
        return bool(functions & FunctionsImplemented.DEMAND_RESPONSE)
    return bool(category(end_device) & LOADS)


def supporting_devices(devices: Iterable[Device]) -> dict[int, int]:
    """Return those of these devices (by number) that support demand response, with their categories.

    A device that has no category counts as any load.
    """
    return {
        number: bits
        for chunk in chunked(devices, _CHUNK)
        for number, bits in _supporting_of_chunk(chunk).items()
    }


def _supporting_of_chunk(devices: list[Device]) -> dict[int, int]:
    numbers = {enrolment.href(device): device.id for device in devices}
    documents = _submitted([*numbers, *(f"{end_device}/di" for end_device in numbers)])
    lists: Any = Document.select(Document.parent).where(
        Document.parent.in_([f"{end_device}/lsl" for end_device in numbers])
    )
    load_shed_lists = {parent for parent, in lists.tuples()}
    categories = {}
    for end_device, number in numbers.items():
        data, information = documents.get(end_device) or {}, documents.get(f"{end_device}/di")
        if supports_dr(data, information, f"{end_device}/lsl" in load_shed_lists):
            categories[number] = category(data) or LOADS
    return categories


def _submitted(hrefs: list[str]) -> dict[str, Data]:
    return {
        document.href: document.submitted
        for document in Document.select(Document.href, Document.submitted).where(Document.href.in_(hrefs))
    }


def link(vder: VirtualDER) -> Data:
    """Return the link to the program for the FunctionSetAssignments of a member that supports it."""
    return {LINK: {"href": table.rows["AssignedDemandResponseProgramList"].href(vder=vder.id), "all": 1}}


def reconcile(devices: Iterable[Device]) -> None:
    """Make programs and the links of assignments agree with what these devices support.

    Programs are created for the virtual DERs that they are in, save those of a single device.
    """
    for chunk in chunked(devices, _CHUNK):
        supporting = _supporting_of_chunk(chunk)
        device_of = {f"{enrolment.href(device)}/fsa": device.id for device in chunk}
        assignments = list(Document.select(Document.href, Document.parent, Document.submitted).where(
            Document.parent.in_(list(device_of))))
        numbers = {assignment.href: _vder_number(assignment) for assignment in assignments}
        vders = {
            vder.id: vder for vder in VirtualDER.select().where(VirtualDER.id.in_(set(numbers.values())))
        }
        published = set(_submitted([href(vder) for vder in vders.values()]))
        for assignment in assignments:
            vder, supports = vders[numbers[assignment.href]], device_of[assignment.parent] in supporting
            if supports and vder.device_id is None and href(vder) not in published:
                publish(vder, make=True)
                published.add(href(vder))
            _set_link(assignment, link(vder) if supports and href(vder) in published else {})


def _set_link(assignment: Document, new_link: Data) -> None:
    if new_link.get(LINK) != assignment.submitted.get(LINK):
        others = {key: value for key, value in assignment.submitted.items() if key != LINK}
        store.put(assignment.href, {**others, **new_link})


def _vder_number(assignment: Document) -> int:
    """Return the number of the virtual DER that a FunctionSetAssignments is for."""
    match = table.match(assignment.submitted["DERProgramListLink"]["href"])
    assert match is not None, assignment.href
    return match.parameters["vder"]


@after("POST", "LoadShedAvailability")
@after("DELETE", "LoadShedAvailability")
@after("PUT", "DeviceInformation")
def _update_support(change: Change) -> None:
    reconcile(Device.select().where(Device.lfdi == change.audience))
