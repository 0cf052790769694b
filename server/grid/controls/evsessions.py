"""Sessions: who has asked for a flow reservation, what it is granted, and how much of that has flowed.

Power in W and energy in Wh are positive for charging here, as FlowReservation has it.
"""
from __future__ import annotations

from typing import Any

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.functionsets import flowreservation
from server.grid.controls import responses
from server.grid.controls.reservationpolicy import ReservationRequest
from server.grid.controls.reservations import describe, offers_of, parse_request
from server.grid.fleet import power
from server.grid.groups import virtualders
from server.models import Device, Document, VirtualDER
from server.resources import documents, store, table

Data = dict[str, Any]


def list_sessions(vder: str | int | VirtualDER | None = None) -> list[Data]:
    """The requests of a virtual DER's members (or of all devices) whose window is not over, with what each is
    granted.

    `margin_s` is how long before the end of its window the grant ends, `served_wh` what has flowed since the
    window began, by its readings, `answer` the last that the device said of the grant, `vehicle` its PEVInfo.
    """
    if store.due():
        store.refresh()
    devices = {device.id: device for device in (
        Device.select() if vder is None else virtualders.members(virtualders.find(vder)))}
    found = documents.select(f"kind = 'FlowReservationRequest' AND {documents.LISTED} AND parent IN "
                             "(SELECT '/edev/' || id || '/frq' FROM device) ORDER BY parent, sort")
    asked = [
        (devices.get(_number(each)), each)
        for each in found
        if parse_request(each.submitted).end > clock.now()
    ]
    return [session(device, each) for device, each in asked if device is not None]


def _number(asked: Document) -> int:
    match = table.match(asked.href)
    assert match is not None, asked.href
    return match.parameters["device"]


def session(device: Device, asked: Document) -> Data:
    """A request with what it is granted."""
    wish, every = parse_request(asked.submitted), offers_of(asked)
    current = every[-1] if every else None
    known = store.get(f"{enrolment.href(device)}/ps")
    return {
        "name": device.name,
        "lfdi": device.lfdi,
        "request": asked.href,
        "state": _state(asked, current),
        "window_start": wish.start,
        "window_end": wish.end,
        "energy_wh": wish.energy,
        "power_w": wish.power,
        "served_wh": _served_wh(device, wish),
        **(_offer_fields(device, wish, current) if current is not None else {}),
        "vehicle": (known.submitted or {}).get("PEVInfo") if known is not None else None,
        "grants": [describe(each) for each in every],
    }


def _offer_fields(device: Device, wish: ReservationRequest, current: Document) -> Data:
    brief = describe(current)
    key = (device.lfdi, brief["mrid"])
    return {"grant": current.href, "granted_start": brief["start"], "granted_s": brief["duration"],
            "granted_w": brief["power_w"], "granted_wh": brief["energy_wh"],
            "margin_s": wish.end - brief["start"] - brief["duration"],
            "answer": responses.latest_responses({key}).get(key, responses.WAITING)}


def _served_wh(device: Device, wish: ReservationRequest) -> float | None:
    end = min(clock.now(), wish.end)
    mean = power.mean([device.lfdi], wish.start, end).get(device.lfdi) if end > wish.start else None
    return None if mean is None else -mean * (end - wish.start) / 3600


def _state(asked: Document, current: Document | None) -> str:
    if asked.submitted["RequestStatus"]["requestStatus"] == flowreservation.CANCELLED:
        return "cancelled by the device"
    return "not answered" if current is None else describe(current)["status"]


def request_of(device: Device) -> str:
    """The newest request of a device that stands. Refused (404) where there is none."""
    standing = [asked for asked in store.items(f"{enrolment.href(device)}/frq")
                if asked.submitted["RequestStatus"]["requestStatus"] == flowreservation.REQUESTED
                and parse_request(asked.submitted).end > clock.now()]
    if not standing:
        raise Refused(404, f"{device.name or device.lfdi} asks for nothing now")
    return max(standing, key=lambda asked: (asked.submitted["creationTime"], table.number(asked.href))).href
