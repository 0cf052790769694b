"""The headroom that the limits of a device's virtual DERs leave beside what is reserved for others.

Limits are those that are set, schedules of connection points (that of the device itself, too), and signals.
Where a plan exceeds a limit that it cannot keep, requests are not answered with that excess: the next step of
the balance revises what they were granted.

What is granted is summed up by the database, and only what is granted within the window of the request: the
cost grows neither with the members nor with what they were granted at other times.
"""
from __future__ import annotations

from functools import cache

from server.functionsets import flowreservation
from server.grid.controls import reservationpolicy
from server.grid.controls.reservationpolicy import Headroom, ReservationRequest, Reserved
from server.grid.optimisation.arrays import np
from server.grid.series import devicelimits, nodelimits
from server.models import Device, Document, Membership, VirtualDER, is_postgres
from server.resources import sql
from server.resources.codes import EventStatus

_GRANTED = (f"d.kind = 'FlowReservationResponse' AND d.visibility < {Document.EXPIRED} "
            "AND d.status IS NOT NULL AND d.until > ? AND d.at < ?")
# SQLite joins in the order that is written. By the first, what anyone is granted is found by an index of such
# documents (migration 0020), by the second what each member is granted.
_BY_GRANT = ("document d CROSS JOIN device v CROSS JOIN membership m "
             "WHERE v.lfdi = d.audience AND m.device_id = v.id")
_BY_MEMBER = "membership m CROSS JOIN document d WHERE d.parent = '/edev/' || m.device_id || '/frp'"


def headroom(request: Document, requested: ReservationRequest, lock: bool = False) -> Headroom:
    """Return the headroom of a request's device within its window, as magnitudes in its direction.

    With `lock`, other requests under the same limits wait until this transaction ends.
    """
    limits = _limits(request, requested)
    if lock and is_postgres() and limits:
        list(VirtualDER.select().where(VirtualDER.id.in_(list(limits))).order_by(VirtualDER.id).for_update())
    return reservationpolicy.tightest([
        reservationpolicy.limited(limit, _reserved_by_others(number, request, requested))
        for number, limit in sorted(limits.items())])


def _limits(request: Document, requested: ReservationRequest) -> dict[int, Headroom]:
    """Return the limit in a request's direction of each virtual DER (by number) of its device that has one
    in its window, as a function of time."""
    span = devicelimits.during(requested.start, requested.end - requested.start)
    vders = VirtualDER.select().join(Membership).join(Device).where(Device.lfdi == request.audience)
    limits: dict[int, Headroom] = {}
    for vder, import_w, export_w in nodelimits.limited(vders, span):
        limit_w = import_w if requested.energy_wh > 0 else export_w
        if np.isfinite(limit_w).any():
            changes = [0, *(np.flatnonzero(limit_w[1:] != limit_w[:-1]) + 1).tolist()]
            limits[vder.id] = [(0 if step == 0 else span.start + step * span.step, float(limit_w[step]))
                               for step in changes]
    return limits


def _reserved_by_others(vder: int, request: Document, requested: ReservationRequest) -> list[Reserved]:
    """The power that is granted to other requests of a virtual DER's members within the window of a request,
    in its direction; what has the same interval is one."""
    window = requested.start, requested.end
    own = flowreservation.responses_href(request.href), request.submitted["mRID"]
    return [
        Reserved(start, end, count * abs(value) * 10.0 ** multiplier)
        for start, end, value, multiplier, count in sql.rows(
            _statement(is_postgres(), requested.energy_wh > 0, _is_sooner_by_grant(vder, window)),
            *window, vder, *own)]


def _is_sooner_by_grant(vder: int, window: tuple[int, int]) -> bool:
    members, granted = sql.row(
        "SELECT (SELECT COUNT(*) FROM membership WHERE vder_id = ?), "
        f"(SELECT COUNT(*) FROM document d WHERE {_GRANTED})", vder, *window)
    return bool(granted < members)


@cache
def _statement(postgres: bool, charging: bool, by_grant: bool) -> str:
    """The statement that sums up what is granted; it takes the window, the virtual DER, and href and subject
    of what does not count."""
    def part(column: str, *path: str) -> str:
        if not postgres:
            return f"json_extract(d.{column}, '$.{'.'.join(path)}')"
        return f"(d.{column}::json #>> '{{{','.join(path)}}}')"

    def number(column: str, *path: str) -> str:
        return f"CAST({part(column, *path)} AS INTEGER)"

    value = number("submitted", "powerAvailable", "value")
    return (
        f"SELECT d.at, d.until, {value}, COALESCE({number('submitted', 'powerAvailable', 'multiplier')}, 0), "
        f"COUNT(*) FROM {_BY_GRANT if by_grant else _BY_MEMBER} AND {_GRANTED} AND m.vder_id = ? "
        f"AND NOT (d.parent = ? AND {part('submitted', 'subject')} = ?) "
        f"AND {number('status', 'currentStatus')} <= {EventStatus.ACTIVE:d} "
        f"AND {value} {'>' if charging else '<'} 0 GROUP BY 1, 2, 3, 4")
