"""Cars' visits in numbers: the rows Visit, kept in step with FlowReservationRequests and
PowerStatus.PEVInfo."""
from __future__ import annotations

import json
from typing import Any

from server.functionsets import flowreservation
from server.models import Document
from server.resources import sql
from server.resources.hooks import Change, after
from server.resources.quantities import base_value

Data = dict[str, Any]
_COLUMNS = ("arrival_at", "departure_at", "energy_wh", "power_w", "cancelled")
_UPSERT = (
    f"INSERT INTO charging_session (href, device_id, {', '.join(_COLUMNS)}) VALUES "
    f"({sql.marks(len(_COLUMNS) + 2)}) ON CONFLICT (href) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)


def asked(request: Data) -> tuple[int, int, float, float, bool]:
    """Arrival, departure, Wh (+ is charging), W (a magnitude) and whether it was cancelled, of a
    FlowReservationRequest. Pure."""
    window = request["intervalRequested"]
    energy, watts = (base_value(request[key]) or 0.0 for key in ("energyRequested", "powerRequested"))
    return (window["start"], window["start"] + window["duration"], energy, abs(watts),
            request["RequestStatus"]["requestStatus"] == flowreservation.CANCELLED)


def _keep(href: str, request: Data) -> None:
    sql.execute(_UPSERT, href, _device(href), *asked(request))


def _device(href: str) -> int:
    return int(href.split("/")[2])


@after("POST", "FlowReservationRequest")
@after("PUT", "FlowReservationRequest")
def _asked(change: Change) -> None:
    _keep(change.href, change.data)
    device = _device(change.href)
    row = sql.row(
        "SELECT submitted FROM document WHERE href = ? AND submitted IS NOT NULL", f"/edev/{device}/ps"
    )
    if row is not None:
        _say(device, json.loads(row[0]))


@after("DELETE", "FlowReservationRequest")
def _withdrawn(change: Change) -> None:
    sql.execute("UPDATE charging_session SET cancelled = ? WHERE href = ?", True, change.href)


@after("PUT", "PowerStatus")
def _said(change: Change) -> None:
    _say(_device(change.href), change.data)


def _say(device: int, status: Data) -> int:
    """What a car says that it wants, kept with the visit that it is on; how many rows that changed."""
    car = status.get("PEVInfo")
    if car is None:
        return 0
    at, wanted = car["timeChargingStatusPEV"], base_value(car["energyRequestNow"])
    return int(
        sql.execute(
            "UPDATE charging_session SET reported_need_wh = ?, reported_at = ? WHERE device_id = ? AND "
            "arrival_at <= ? AND departure_at > ? AND "
            "(reported_at IS NULL OR reported_at < ? OR reported_need_wh <> ?)",
            wanted,
            at,
            device,
            at,
            at,
            at,
            wanted,
        ).rowcount
    )


def rebuild() -> int:
    """Make the rows agree with the requests that are there; how many did not."""
    kept = {row[0]: row[1:] for row in sql.rows(f"SELECT href, {', '.join(_COLUMNS)} FROM charging_session")}
    changed = 0
    for document in Document.select(Document.href, Document.submitted).where(
            (Document.kind == "FlowReservationRequest") & Document.parent.startswith("/edev/")):
        row = kept.get(document.href)
        if row is None or (*row[:-1], bool(row[-1])) != asked(document.submitted):
            _keep(document.href, document.submitted)
            changed += 1
    return changed + sum(
        _say(_device(status.href), status.submitted)
        for status in Document.select(Document.href, Document.submitted).where(
            (Document.kind == "PowerStatus") & Document.submitted.is_null(False)
        )
    )
