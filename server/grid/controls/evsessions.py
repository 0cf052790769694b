"""Charging sessions: what devices request by flow reservation, what they are granted, and what has flowed.

Power in W and energy in Wh are positive for charging, as in FlowReservation.
"""
from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from peewee import JOIN

from server import clock, scopes
from server.devices import enrolment
from server.errors import Refused
from server.grid.controls import responses
from server.grid.controls.reservationdocuments import describe, parse_request, responses_to
from server.grid.controls.reservationpolicy import ReservationRequest
from server.grid.controls.results import GrantFields, SessionRow
from server.grid.fleet import power, unmetneeds
from server.grid.groups import virtualders
from server.models import ChargingSession, Device, Document, Membership, VirtualDER, pages
from server.models.pages import Sort
from server.resources import documents, refresh, sql, store, table
from server.resources.codes import RequestStatus
from server.units import Href, WattHours

SORTS: Mapping[str, Sort] = MappingProxyType({
    "name": Sort(Device.name), "request": Sort(ChargingSession.href), "lfdi": Sort(Device.lfdi),
    "window_start": Sort(ChargingSession.arrival_at), "window_end": Sort(ChargingSession.departure_at)})


def list_sessions(
    vder: str | int | VirtualDER | None = None, device: str | None = None
) -> pages.Pages[SessionRow]:
    """Return the requests, with what each is granted, whose window is not over.

    They are those of a virtual DER's members, of one device, or of all. They are found by their sessions, so
    that devices that ask for nothing are not looked at.
    """
    # In these words SQLite begins with the sessions that are not over, and not with all devices or sessions.
    latest = ChargingSession.alias()
    joined = ChargingSession.select(ChargingSession, Device).join(Device, JOIN.LEFT_OUTER)
    query = scopes.devices(joined).where(
        ChargingSession.href.in_(latest.select(latest.href).where(latest.departure_at > clock.now())))
    if vder is not None:
        query = query.where(ChargingSession.device.in_(
            Membership.select(Membership.device).where(Membership.vder == virtualders.find(vder))))
    if device is not None:
        query = query.where(ChargingSession.device == enrolment.find(device))
    return pages.Pages(query, ChargingSession.href, _sessions, sorts=SORTS)


def _sessions(page: list[ChargingSession]) -> Iterator[SessionRow]:
    requests = {request.href: request for request in documents.among(
        "href", [row.href for row in page], f"AND {documents.LISTED}")}
    found = [(row.device, requests[row.href]) for row in page if row.href in requests]
    refresh.freshen(lists={f"{enrolment.href(device)}/frp" for device, _ in found})
    yield from itertools.starmap(session, found)


def session(device: Device, request: Document) -> SessionRow:
    """Return a request of a device with what it is granted."""
    requested, granted = parse_request(request.submitted), responses_to(request)
    latest = granted[-1] if granted else None
    grant: GrantFields = _grant_fields(device, requested, latest) if latest is not None else {}
    power_status = store.get(f"{enrolment.href(device)}/ps")
    unmet_wh, unmet_reason = unmetneeds.of_session(request.href)
    return {
        "name": device.name,
        "lfdi": device.lfdi,
        "request": request.href,
        "state": _state(request, latest),
        "window_start": requested.start,
        "window_end": requested.end,
        "energy_wh": requested.energy_wh,
        "power_w": requested.power_w,
        "served_wh": _served_wh(device, requested),
        "unmet_wh": unmet_wh,
        "unmet_reason": unmet_reason,
        **grant,
        "vehicle": (power_status.submitted or {}).get("PEVInfo") if power_status is not None else None,
        "grants": [describe(document) for document in granted],
    }


def _grant_fields(device: Device, requested: ReservationRequest, latest: Document) -> GrantFields:
    summary = describe(latest)
    key = (device.lfdi, summary["mrid"])
    return {
        "grant": latest.href,
        "granted_start": summary["start"],
        "granted_duration_s": summary["duration_s"],
        "granted_w": summary["power_w"],
        "granted_wh": summary["energy_wh"],
        "margin_s": requested.end - summary["start"] - summary["duration_s"],
        "answer": responses.latest_responses({key}).get(key, responses.WAITING),
    }


def _served_wh(device: Device, requested: ReservationRequest) -> WattHours | None:
    end = min(clock.now(), requested.end)
    if end <= requested.start:
        return None
    mean_w = power.mean([device.lfdi], requested.start, end).get(device.lfdi)
    return None if mean_w is None else -mean_w * (end - requested.start) / 3600


def _state(request: Document, latest: Document | None) -> str:
    if request.submitted["RequestStatus"]["requestStatus"] == RequestStatus.CANCELLED:
        return "cancelled by the device"
    if sql.row("SELECT 1 FROM charging_session WHERE href = ? AND superseded", request.href) is not None:
        return "asked for anew"
    return "not answered" if latest is None else describe(latest)["status"]


def request_of(device: Device) -> Href:
    """Return the newest request of a device that is not over. Refused (404) where there is none."""
    requests = [
        request
        for request in store.items(f"{enrolment.href(device)}/frq")
        if request.submitted["RequestStatus"]["requestStatus"] == RequestStatus.REQUESTED
        and parse_request(request.submitted).end > clock.now()
    ]
    if not requests:
        raise Refused(404, f"{device.name or device.lfdi} has no flow reservation request that is not over")
    return _newest(requests).href


def _newest(requests: Sequence[Document]) -> Document:
    return max(requests, key=lambda request: (request.submitted["creationTime"], table.number(request.href)))
