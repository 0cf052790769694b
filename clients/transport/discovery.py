"""Discovery: from DeviceCapability along the links to what concerns a device (CSIP 5.2, COMM-002).

Only links are followed; no path is guessed. `read` and `read_list` are those of `polling`, so discovery may
run at every step and costs requests only for what is due.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from clients.events import curves, loadcontrol, prices, reservation
from clients.events.control import Default
from clients.events.curves import Curve
from clients.events.events import (DER_CONTROL, END_DEVICE_CONTROL, FLOW_RESERVATION_RESPONSE,
                                   TIME_TARIFF_INTERVAL, Event, program_events)
from clients.transport.polling import DEFAULT_RATE, Poller
from clients.transport.timebase import RESOLUTION_S

Data = dict[str, Any]


class Root(NamedTuple):
    """The documents and hrefs that DeviceCapability links (None where the server has no such link)."""
    capability: Data
    time: Data | None
    end_devices: list[Data]
    end_device_list: str | None
    mirror_list: str | None


class Program(NamedTuple):
    """A list of events, of one kind, that the device is to follow.

    That is a DERProgram with its default (None for none), its controls and its curves; or a
    DemandResponseProgram; or a TariffProfile, of which one component is followed; or the list of
    FlowReservationResponses of a device, which has no program.
    `ahead_s` is by how much the Time of its assignment is ahead of the server's.
    """
    href: str
    primacy: int
    data: Data
    default: Data | None
    controls: list[Data]
    curves: dict[str, Curve]
    kind: str = DER_CONTROL
    ahead_s: int = 0


class DiscoveredDevice(NamedTuple):
    """The documents that one EndDevice links.

    `ders` are those of its DERList, `programs` are in the order of their primacy, `requests` are its
    FlowReservationRequests, `files` the Files that there are for it.
    """
    device: Data
    registration: Data | None
    ders: list[Data]
    programs: list[Program]
    requests: list[Data] = []
    files: list[Data] = []

    def defaults(self) -> list[Default]:
        """Return the programs' defaults."""
        return [Default(program.href, program.primacy, program.default)
                for program in self.programs if program.default is not None]

    def events(self, lfdi: str, category: int) -> list[Event]:
        """Return the programs' events as they apply to the device with this LFDI."""
        return [
            event
            for program in self.programs
            for event in program_events(
                program.href, program.primacy, program.controls, lfdi, category, program.kind,
                program.ahead_s
            )
        ]

    def curves(self) -> dict[str, Curve]:
        """Return all curves, by href."""
        return {href: curve for program in self.programs for href, curve in program.curves.items()}


def link_href(document: Data, link: str) -> str | None:
    """Return the href of a link such as "DERControlListLink"; None where the document has no such link."""
    element = document.get(link)
    return element["href"] if element else None


def filled_list_href(document: Data, link: str) -> str | None:
    """Return the href of a link to a list, unless the link's `all` says that the list is empty.

    This is only for a document that is read as often as the list would be.
    """
    return link_href(document, link) if document.get(link, {}).get("all") != 0 else None


def read_root(polls: Poller, dcap: str) -> Root:
    """Read DeviceCapability and the documents right below it."""
    capability = polls.read(dcap)
    rate = polls.rate(dcap)
    time = link_href(capability, "TimeLink")
    devices = link_href(capability, "EndDeviceListLink")
    return Root(capability, polls.read(time, rate) if time else None,
                polls.read_list(devices, "EndDevice", rate)["EndDevice"] if devices else [],
                devices, link_href(capability, "MirrorUsagePointListLink"))


def own_end_device(devices: list[Data], lfdi: str) -> Data | None:
    """Return the EndDevice with this LFDI (compared as a number: leading zeros may have been dropped)."""
    return next((device for device in devices if int(device.get("lFDI", "0"), 16) == int(lfdi, 16)), None)


def discover(
    polls: Poller, device: Data, rate: int = DEFAULT_RATE, modes: frozenset[str] = frozenset(),
    own_time: str | None = None
) -> DiscoveredDevice:
    """Read what an EndDevice links: its Registration, its DERs, and the programs of its assignments, each
    program once.

    Load controls and flow reservations are read only for a device that supports one of their `modes`.
    `own_time` is the href of the Time that the client's clock follows.
    """
    registration = link_href(device, "RegistrationLink")
    ders = link_href(device, "DERListLink")
    programs = _assigned_programs(polls, device, rate, modes, own_time)
    responses = link_href(device, "FlowReservationResponseListLink") if reservation.MODE in modes else None
    if responses:
        items = polls.read_list(responses, FLOW_RESERVATION_RESPONSE, rate)[FLOW_RESERVATION_RESPONSE]
        programs[responses] = Program(responses, 0, {}, None, items, {}, FLOW_RESERVATION_RESPONSE)
    return DiscoveredDevice(
        device,
        polls.read(registration, rate) if registration else None,
        polls.read_list(ders, "DER", rate)["DER"] if ders else [],
        sorted(programs.values(), key=lambda program: (program.primacy, program.href)),
        _reservation_requests(polls, device, rate) if responses else [],
    )


def _reservation_requests(polls: Poller, device: Data, rate: int) -> list[Data]:
    href = link_href(device, "FlowReservationRequestListLink")
    name = "FlowReservationRequest"
    requests: list[Data] = polls.read_list(href, name, rate)[name] if href else []
    return requests


def _assigned_programs(
    polls: Poller, device: Data, rate: int, modes: frozenset[str], own_time: str | None
) -> dict[str, Program]:
    """Read the programs of a device's FunctionSetAssignments, by href."""
    assignments = link_href(device, "FunctionSetAssignmentsListLink")
    programs: dict[str, Program] = {}
    if not assignments:
        return programs
    listing = polls.read_list(assignments, "FunctionSetAssignments", rate)
    rate_below = polls.rate(assignments)
    for assignment in listing["FunctionSetAssignments"]:
        assigned = _der_programs(polls, link_href(assignment, "DERProgramListLink"), rate_below)
        if modes & loadcontrol.MODES:
            href = link_href(assignment, "DemandResponseProgramListLink")
            assigned += _demand_response_programs(polls, href, rate_below)
        if prices.MODE in modes:
            assigned += _tariffs(polls, filled_list_href(assignment, "TariffProfileListLink"), rate_below)
        ahead_s = _ahead_s(polls, link_href(assignment, "TimeLink"), own_time, rate_below)
        for program in assigned:
            programs.setdefault(program.href, program._replace(ahead_s=ahead_s))
    return programs


def _ahead_s(polls: Poller, time: str | None, own_time: str | None, rate: int) -> int:
    """Return by how many seconds the Time of an assignment is ahead of the client's clock (9.2.3)."""
    if time is None or time == own_time:
        return 0
    ahead_s = polls.read(time, rate)["currentTime"] - polls.read_at(time)
    return round(ahead_s) if abs(ahead_s) > RESOLUTION_S else 0


def _der_programs(polls: Poller, href: str | None, rate: int) -> list[Program]:
    if href is None:
        return []
    documents = polls.read_list(href, "DERProgram", rate)["DERProgram"]
    return [_der_program(polls, document, polls.rate(href)) for document in documents]


def _demand_response_programs(polls: Poller, href: str | None, rate: int) -> list[Program]:
    if href is None:
        return []
    documents = polls.read_list(href, "DemandResponseProgram", rate)["DemandResponseProgram"]
    programs = []
    for document in documents:
        list_href = filled_list_href(document, "EndDeviceControlListLink")
        controls = (
            polls.read_list(list_href, END_DEVICE_CONTROL, polls.rate(href))[END_DEVICE_CONTROL]
            if list_href
            else []
        )
        programs.append(
            Program(document["href"], document["primacy"], document, None, controls, {}, END_DEVICE_CONTROL)
        )
    return programs


def _tariffs(polls: Poller, href: str | None, rate: int) -> list[Program]:
    """Read tariffs with the prices of energy that is drawn, as far as they begin within HORIZON_S."""
    if href is None:
        return []
    programs = []
    for profile in polls.read_list(href, "TariffProfile", rate)["TariffProfile"]:
        components = filled_list_href(profile, "RateComponentListLink")
        found = polls.read_list(components, "RateComponent", rate)["RateComponent"] if components else []
        for component in found:
            reading_type = link_href(component, "ReadingTypeLink")
            intervals = filled_list_href(component, "TimeTariffIntervalListLink")
            if reading_type and intervals and prices.is_delivered(polls.read(reading_type, rate)):
                programs.append(Program(
                    component["href"], profile["primacy"], profile, None,
                    _priced_intervals(polls, profile, intervals, polls.rate(href)), {}, TIME_TARIFF_INTERVAL))
                break
    return programs


def _priced_intervals(polls: Poller, profile: Data, href: str, rate: int) -> list[Data]:
    found = []
    for interval in polls.read_list(href, TIME_TARIFF_INTERVAL, rate)[TIME_TARIFF_INTERVAL]:
        if interval["interval"]["start"] < polls.now + prices.HORIZON_S:
            blocks = filled_list_href(interval, "ConsumptionTariffIntervalListLink")
            name = "ConsumptionTariffInterval"
            found.append(prices.priced(
                profile, interval, polls.read_list(blocks, name, rate)[name] if blocks else []))
    return found


def files(polls: Poller, capability: Data, rate: int) -> list[Data]:
    """Read the Files that DeviceCapability leads to."""
    href = filled_list_href(capability, "FileListLink")
    found: list[Data] = polls.read_list(href, "File", rate)["File"] if href else []
    return found


def _der_program(polls: Poller, data: Data, rate: int) -> Program:
    default = link_href(data, "DefaultDERControlLink")
    controls = filled_list_href(data, "DERControlListLink")
    curve_list = filled_list_href(data, "DERCurveListLink")
    curve_documents = polls.read_list(curve_list, "DERCurve", rate)["DERCurve"] if curve_list else []
    return Program(data["href"], data["primacy"], data,
                   polls.read(default, rate) if default else None,
                   polls.read_list(controls, DER_CONTROL, rate)[DER_CONTROL] if controls else [],
                   {document["href"]: curves.curve(document) for document in curve_documents})
