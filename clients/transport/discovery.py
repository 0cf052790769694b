"""The discovery walk: from DeviceCapability along the links to what concerns a device (CSIP 5.2, COMM-002).

Only links are followed; no path is ever guessed. `read` and `read_list` come from `polling`, so the walk may
be made at every step and costs requests only for what is due.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from clients.events import curves, loadcontrol, reservation
from clients.events.control import Default
from clients.events.curves import Curve
from clients.events.events import CONTROL, GRANT, LOAD, Event, program_events
from clients.transport.polling import DEFAULT_RATE, Poller

Data = dict[str, Any]


class Root(NamedTuple):
    """What DeviceCapability leads to: the documents, and hrefs (None where the server has no such link)."""
    capability: Data
    time: Data | None
    end_devices: list[Data]
    end_device_list: str | None
    mirror_list: str | None


class Program(NamedTuple):
    """A DERProgram that the device is assigned to, with its default (None where there is none) and its
    controls; or a DemandResponseProgram; or the list of what a device's flow reservations are granted. `kind`
    is that of its events."""
    href: str
    primacy: int
    data: Data
    default: Data | None
    controls: list[Data]
    curves: dict[str, Curve]
    kind: str = CONTROL


class DiscoveredDevice(NamedTuple):
    """What one EndDevice leads to. `ders` are the DERs of its DERList, `programs` in the order of their
    primacy, `requests` its FlowReservationRequests."""
    device: Data
    registration: Data | None
    ders: list[Data]
    programs: list[Program]
    requests: list[Data] = []

    def defaults(self) -> list[Default]:
        """The programs' defaults."""
        return [Default(program.href, program.primacy, program.default)
                for program in self.programs if program.default is not None]

    def events(self, lfdi: str, category: int) -> list[Event]:
        """The programs' events as the device with this LFDI sees them."""
        return [
            event
            for program in self.programs
            for event in program_events(
                program.href, program.primacy, program.controls, lfdi, category, program.kind
            )
        ]

    def curves(self) -> dict[str, Curve]:
        """All curves, by href."""
        return {href: curve for program in self.programs for href, curve in program.curves.items()}


def link_href(document: Data, link: str) -> str | None:
    """Where a link leads: `href(program, "DERControlListLink")`; None where the document does not have it."""
    found = document.get(link)
    return found["href"] if found else None


def filled_list_href(document: Data, link: str) -> str | None:
    """Where a link to a list leads, if there is anything: its `all` says how much. Only to be asked of a
    document that is read as often as the list would be."""
    return link_href(document, link) if document.get(link, {}).get("all") != 0 else None


def read_root(polls: Poller, dcap: str) -> Root:
    """DeviceCapability and what stands right below it."""
    capability = polls.read(dcap)
    rate = polls.rate(dcap)
    time = link_href(capability, "TimeLink")
    devices = link_href(capability, "EndDeviceListLink")
    return Root(capability, polls.read(time, rate) if time else None,
                polls.read_list(devices, "EndDevice", rate)["EndDevice"] if devices else [],
                devices, link_href(capability, "MirrorUsagePointListLink"))


def own_end_device(devices: list[Data], lfdi: str) -> Data | None:
    """The EndDevice with this LFDI (compared as a number: leading zeros may have been dropped)."""
    return next((device for device in devices if int(device.get("lFDI", "0"), 16) == int(lfdi, 16)), None)


def discover(
    polls: Poller, device: Data, rate: int = DEFAULT_RATE, modes: frozenset[str] = frozenset()
) -> DiscoveredDevice:
    """What an EndDevice leads to: its Registration, its DERs, and its assignments' programs, each program
    once.

    Load controls and flow reservations are read only for a device to whose `modes` they speak.
    """
    registration = link_href(device, "RegistrationLink")
    ders = link_href(device, "DERListLink")
    assignments = link_href(device, "FunctionSetAssignmentsListLink")
    programs: dict[str, Program] = {}
    if assignments:
        listing = polls.read_list(assignments, "FunctionSetAssignments", rate)
        for assignment in listing["FunctionSetAssignments"]:
            below = polls.rate(assignments)
            for one in _programs(polls, link_href(assignment, "DERProgramListLink"), below):
                programs.setdefault(one.href, one)
            for one in (
                _loads(polls, link_href(assignment, "DemandResponseProgramListLink"), below)
                if modes & loadcontrol.MODES
                else ()
            ):
                programs.setdefault(one.href, one)
    granted = link_href(device, "FlowReservationResponseListLink") if reservation.MODE in modes else None
    if granted:
        programs[granted] = Program(
            granted, 0, {}, None, polls.read_list(granted, GRANT, rate)[GRANT], {}, GRANT
        )
    asked = link_href(device, "FlowReservationRequestListLink") if granted else None
    return DiscoveredDevice(
        device,
        polls.read(registration, rate) if registration else None,
        polls.read_list(ders, "DER", rate)["DER"] if ders else [],
        sorted(programs.values(), key=lambda program: (program.primacy, program.href)),
        polls.read_list(asked, "FlowReservationRequest", rate)["FlowReservationRequest"] if asked else [],
    )


def _programs(polls: Poller, listing: str | None, rate: int) -> list[Program]:
    if listing is None:
        return []
    programs = polls.read_list(listing, "DERProgram", rate)["DERProgram"]
    return [_program(polls, data, polls.rate(listing)) for data in programs]


def _loads(polls: Poller, listing: str | None, rate: int) -> list[Program]:
    if listing is None:
        return []
    programs = polls.read_list(listing, "DemandResponseProgram", rate)["DemandResponseProgram"]
    found = []
    for data in programs:
        controls = filled_list_href(data, "EndDeviceControlListLink")
        found.append(
            Program(
                data["href"],
                data["primacy"],
                data,
                None,
                polls.read_list(controls, LOAD, polls.rate(listing))[LOAD] if controls else [],
                {},
                LOAD,
            )
        )
    return found


def _program(polls: Poller, data: Data, rate: int) -> Program:
    default = link_href(data, "DefaultDERControlLink")
    controls, curve_list = (
        filled_list_href(data, "DERControlListLink"),
        filled_list_href(data, "DERCurveListLink"),
    )
    read_curves = polls.read_list(curve_list, "DERCurve", rate)["DERCurve"] if curve_list else []
    return Program(data["href"], data["primacy"], data,
                   polls.read(default, rate) if default else None,
                   polls.read_list(controls, "DERControl", rate)["DERControl"] if controls else [],
                   {curve["href"]: curves.curve(curve) for curve in read_curves})
