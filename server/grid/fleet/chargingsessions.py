"""Charging sessions: the rows ChargingSession, kept in step with FlowReservationRequests and
PowerStatus.PEVInfo."""
from __future__ import annotations

import json
from typing import Any, NamedTuple

from server import alarms
from server.grid.fleet import repeatedrequests
from server.grid.fleet.plausibility import Plausible
from server.models import Document
from server.resources import sql
from server.resources.codes import RequestStatus
from server.resources.hooks import Change, after
from server.resources.quantities import base_value
from server.units import Instant

Data = dict[str, Any]


class RequestedSession(NamedTuple):
    """What a FlowReservationRequest asks for, as columns of ChargingSession."""
    arrival_at: int
    departure_at: int
    energy_wh: float
    power_w: float
    cancelled: bool


_COLUMNS = ", ".join(RequestedSession._fields)
_UPSERT = (
    f"INSERT INTO charging_session (href, device_id, {_COLUMNS}, superseded) "
    f"VALUES ({sql.marks(len(RequestedSession._fields) + 2)}, NULL) ON CONFLICT (href) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in RequestedSession._fields)}, "
    "superseded = NULL"
)
_RECORD_NEED = (
    "UPDATE charging_session SET reported_need_wh = ?, reported_at = ? WHERE device_id = ? "
    "AND arrival_at <= ? AND departure_at > ? "
    "AND (reported_at IS NULL OR reported_at < ? OR reported_need_wh <> ?)"
)


def requested_session(request: Data) -> RequestedSession:
    """Return the session that a FlowReservationRequest asks for; energy is positive for charging.

    One that asks for more than any vehicle can take is as if cancelled (see `faults`).
    """
    window = request["intervalRequested"]
    energy_wh, power_w = (
        base_value(request[key]) or 0.0 for key in ("energyRequested", "powerRequested")
    )
    cancelled = request["RequestStatus"]["requestStatus"] == RequestStatus.CANCELLED
    return RequestedSession(
        arrival_at=window["start"],
        departure_at=window["start"] + window["duration"],
        energy_wh=energy_wh,
        power_w=abs(power_w),
        cancelled=cancelled or bool(faults(request)),
    )


def faults(request: Data) -> list[str]:
    """Return what a FlowReservationRequest asks for that cannot be."""
    read = Plausible()
    read.signed_energy_wh("energyRequested", request["energyRequested"])
    read.signed_power_w("powerRequested", request["powerRequested"])
    return read.faults


def _save(href: str, request: Data) -> None:
    sql.execute(_UPSERT, href, _device(href), *requested_session(request))
    implausible = faults(request)
    if implausible:
        alarms.raise_alarm("implausible request", f"device {_device(href)}",
                           f"{href}: {'; '.join(implausible)}. It is kept and not granted.")


def _device(href: str) -> int:
    return int(href.split("/")[2])


@after("POST", "FlowReservationRequest")
@after("PUT", "FlowReservationRequest")
def _follow_request(change: Change) -> None:
    _save(change.href, change.data)
    device = _device(change.href)
    repeatedrequests.mark(device, [_window(data) for data in (change.data, change.old) if data])
    row = sql.row(
        "SELECT submitted FROM document WHERE href = ? AND submitted IS NOT NULL", f"/edev/{device}/ps"
    )
    if row is not None:
        _record_need(device, json.loads(row[0]))


@after("DELETE", "FlowReservationRequest")
def _cancel(change: Change) -> None:
    sql.execute("UPDATE charging_session SET cancelled = ?, superseded = NULL WHERE href = ?",
                True, change.href)
    repeatedrequests.mark(_device(change.href), [_window(change.data)])


def _window(request: Data) -> tuple[Instant, Instant]:
    session = requested_session(request)
    return session.arrival_at, session.departure_at


@after("PUT", "PowerStatus")
def _follow_power_status(change: Change) -> None:
    _record_need(_device(change.href), change.data)


def _record_need(device: int, power_status: Data) -> int:
    """Record the energy that a vehicle reports to need with the session that is under way; return how many
    rows changed."""
    vehicle = power_status.get("PEVInfo")
    if vehicle is None:
        return 0
    reported_at = vehicle["timeChargingStatusPEV"]
    need_wh = Plausible().signed_energy_wh("energyRequestNow", vehicle["energyRequestNow"])
    if need_wh is None:
        return 0
    cursor = sql.execute(
        _RECORD_NEED, need_wh, reported_at, device, reported_at, reported_at, reported_at, need_wh
    )
    return int(cursor.rowcount)


def rebuild() -> int:
    """Make the rows agree with the documents; return how many changed."""
    stored = {row[0]: row[1:] for row in sql.rows(
        f"SELECT href, {_COLUMNS}, superseded FROM charging_session")}
    changed, devices = set(), set()
    for document in Document.select(Document.href, Document.submitted).where(
            (Document.kind == "FlowReservationRequest") & sql.is_below(Document.parent, "/edev")):
        devices.add(_device(document.href))
        *columns, cancelled, superseded = stored.get(document.href, (None, None, None))
        wanted = requested_session(document.submitted)
        if (*columns, bool(cancelled) and not superseded) != wanted:
            _save(document.href, document.submitted)
            changed.add(document.href)
    repeated = sum(repeatedrequests.mark_all(device) for device in devices)
    statuses = Document.select(Document.href, Document.submitted).where(
        (Document.kind == "PowerStatus") & Document.submitted.is_null(False)
    )
    return len(changed) + repeated + sum(
        _record_need(_device(status.href), status.submitted) for status in statuses)
