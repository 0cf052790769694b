"""The headroom that the limits of a device's virtual DERs leave beside what is reserved for others."""
from __future__ import annotations

from server.functionsets import flowreservation
from server.grid.controls import reservationpolicy
from server.grid.controls.reservationpolicy import Headroom, ReservationRequest, Reserved
from server.models import Device, Document, Membership, VirtualDER, is_postgres
from server.resources import quantities, sql
from server.resources.codes import EventStatus


def headroom(request: Document, requested: ReservationRequest, lock: bool = False) -> Headroom:
    """Return the headroom of a request's device, as magnitudes in the direction that it asks for.

    With `lock`, other requests under the same limits wait until this transaction ends.
    """
    charging = requested.energy_wh > 0
    limit = VirtualDER.import_limit_w if charging else VirtualDER.export_limit_w
    query = (
        VirtualDER.select()
        .join(Membership)
        .join(Device)
        .where((Device.lfdi == request.audience) & limit.is_null(False))
        .order_by(VirtualDER.id)
    )
    if lock and is_postgres():
        query = query.for_update(of=VirtualDER)
    return reservationpolicy.tightest(
        [
            reservationpolicy.headroom(limit_w, _reserved_by_others(vder, request, charging))
            for vder in query
            if (limit_w := vder.import_limit_w if charging else vder.export_limit_w) is not None
        ]
    )


def _reserved_by_others(vder: VirtualDER, request: Document, charging: bool) -> list[Reserved]:
    """The power that is granted to other requests of a virtual DER's members in one direction."""
    reserved, own = [], flowreservation.responses_href(request.href)
    for parent, submitted, event_status in sql.rows(
            "SELECT d.parent, d.submitted, d.status FROM membership m "
            "JOIN document d ON d.parent = '/edev/' || m.device_id || '/frp' "
            f"WHERE m.vder_id = ? AND d.visibility < {Document.EXPIRED}", vder.id):
        data = Document.submitted.python_value(submitted)
        power_w = quantities.base_value(data["powerAvailable"]) or 0.0
        status = Document.status.python_value(event_status)["currentStatus"]
        if (
            (parent, data["subject"]) != (own, request.submitted["mRID"])
            and (power_w > 0) == charging
            and power_w
            and status <= EventStatus.ACTIVE
        ):
            start = data["interval"]["start"]
            reserved.append(Reserved(start, start + data["interval"]["duration"], abs(power_w)))
    return reserved
