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

from server.devices import enrolment
from server.grid.groups import programs
from server.models import Device, Document, Membership, VirtualDER, among, chunked
from server.resources import hexbinary, sql, store
from server.resources.codes import DeviceCategory, FunctionsImplemented
from server.resources.hooks import Change, after

Data = dict[str, Any]
KIND, LIST = "DemandResponseProgram", "DemandResponseProgramList"
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


def href(vder: VirtualDER) -> str:
    """Return the href of a virtual DER's DemandResponseProgram, whether it exists yet or not."""
    return programs.href(vder, KIND)


def create(vder: VirtualDER) -> None:
    """Create the program of a virtual DER."""
    programs.create(vder, KIND, _THRESHOLDS)


def category(end_device: Data) -> int:
    """Return the DeviceCategoryType bits of an EndDevice; 0 where it has none."""
    return hexbinary.bits(end_device.get("deviceCategory"))


def supports_dr(end_device: Data, information: Data | None, has_load_shed: bool) -> bool:
    """Return whether a device follows EndDeviceControls. Pure.

    Judged by its EndDevice, its DeviceInformation (None: it has sent none), and whether it has a
    LoadShedAvailability.
    """
    if has_load_shed or information and "DRLCCapabilities" in information:
        return True
    if information and "functionsImplemented" in information:
        functions = hexbinary.bits(information["functionsImplemented"])
        return bool(functions & FunctionsImplemented.DEMAND_RESPONSE)
    return bool(category(end_device) & LOADS)


def supporting_devices(devices: Iterable[Device]) -> dict[int, int]:
    """Return those of these devices (by number) that support demand response, with their categories.

    A device that has no category counts as any load.
    """
    return {
        number: bits
        for chunk in chunked(devices, programs.CHUNK)
        for number, bits in _supporting_of_chunk(chunk).items()
    }


def _supporting_of_chunk(devices: list[Device]) -> dict[int, int]:
    numbers = {enrolment.href(device): device.id for device in devices}
    documents = _submitted([*numbers, *(f"{end_device}/di" for end_device in numbers)])
    load_shed_lists = {parent for parent, in sql.among(
        "SELECT parent FROM document WHERE parent IN ({})", (f"{href}/lsl" for href in numbers))}
    categories = {}
    for end_device, number in numbers.items():
        data, information = documents.get(end_device) or {}, documents.get(f"{end_device}/di")
        if supports_dr(data, information, f"{end_device}/lsl" in load_shed_lists):
            categories[number] = category(data) or LOADS
    return categories


def _submitted(hrefs: list[str]) -> dict[str, Data]:
    return {
        document.href: document.submitted
        for document in among(Document.select(Document.href, Document.submitted), Document.href, hrefs)
    }


@programs.condition(LIST)
def _supporting(devices: list[Device]) -> dict[int, int]:
    """The devices that are assigned the program: those that support demand response."""
    return _supporting_of_chunk(devices)


def reconcile(devices: Iterable[Device]) -> None:
    """Make programs and the links of assignments agree with what these devices support.

    Programs are created for the virtual DERs that they are in, save those of a single device.
    """
    for chunk in chunked(devices, programs.CHUNK):
        supporting = _supporting_of_chunk(chunk)
        vder_ids = Membership.select(Membership.vder).where(Membership.device.in_(list(supporting)))
        for vder in VirtualDER.select().where(VirtualDER.id.in_(vder_ids) & VirtualDER.device.is_null()):
            if store.get(href(vder)) is None:
                create(vder)
        programs.reconcile_links_of(chunk, {LIST: supporting})


@after("POST", "LoadShedAvailability")
@after("DELETE", "LoadShedAvailability")
@after("PUT", "DeviceInformation")
@after("DELETE", "DeviceInformation")
def _update_support(change: Change) -> None:
    reconcile(Device.select().where(Device.lfdi == change.audience))
