"""Orders: what an operator asks of a virtual DER, as controls of its members, and what came of it."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import fsum
from typing import Any

from peewee import chunked

from server import audit, clock
from server.config import settings
from server.errors import Refused
from server.grid.controls import conflicts, dercontrols, drevents, reservations
from server.grid.dispatch import allocation, flexibleloads, progress
from server.grid.dispatch.allocation import (BROADCAST, HEADROOM, TIER, TURN, Allocation, DispatchOptions,
                                             GroupAllocation)
from server.grid.dispatch.flexibleloads import FlexibleLoads
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import members, rotation
from server.grid.fleet.members import Member
from server.grid.groups import virtualders
from server.models import Device, DispatchOrder, Document, Share, VirtualDER
from server.resources import events, sql, store
from server.resources.dryrun import RolledBack

Progress = Callable[[int, int], None]
_CHUNK = 200


def _state(number: int) -> dict[str, Any]:
    return describe(_order(number))


def _ordered(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in ("shares", "controls", "dry_run")}


@audit.audited("dispatch", "{vder} order {id}", answer=_ordered)
def create_order(
    vder: str | int | VirtualDER,
    duration: int,
    start: int | None = None,
    *,
    watts: float | None = None,
    target: float | None = None,
    percent: float | None = None,
    limit: float | None = None,
    limit_watts: float | None = None,
    connect: bool | None = None,
    energize: bool | None = None,
    addressing: str = BROADCAST,
    policy: str = HEADROOM,
    ramp: float | None = None,
    randomize: int = 0,
    reason: str = "",
    dry_run: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Order something of a virtual DER for `duration` seconds from `start` (UTC; default: now) on.

    Just one wish is given; `plan` tells what each means. `addressing` is "broadcast" or "device", `policy`
    one of plan.POLICIES, `ramp` the seconds to get there, `randomize` (signed seconds) spreads start and end.
    With `dry_run` all is done and taken back, and the answer has the XML. `progress(done, all)` is called as
    controls for single devices are made.

    """
    wishes = {
        "watts": watts,
        "target": target,
        "percent": percent,
        "limit": limit,
        "limit_watts": limit_watts,
        "connect": connect,
        "energize": energize,
    }
    given = {name: float(value) for name, value in wishes.items() if value is not None}
    if len(given) != 1:
        raise Refused(400, f"an order wishes for one of {', '.join(wishes)}, not for "
                           f"{' and '.join(given) or 'none'}")
    (wish, value), = given.items()
    found, begin = virtualders.find(vder), clock.now() if start is None else start
    how = DispatchOptions(addressing, policy, max(duration, 1) / 3600)
    every = members.read(virtualders.members(found), how.hours)
    if policy in (TURN, TIER):
        every = rotation.ranked(every)
    others = (
        _flexible_loads(found, every, begin, duration, addressing)
        if wish in allocation.GROUP_QUANTITIES
        else None
    )
    if others is not None:
        every = [member for member in every if member.lfdi not in others.lfdis]
    made = (
        allocation.allocate(wish, value, every, how)
        if others is None
        else allocation.allocate_with_flexible_loads(wish, value, every, how, others.baseline)
    )
    said = {"start": begin, "duration": duration, "ramp": ramp, "randomize_start": randomize,
            "randomize_duration": randomize, "description": reason[:32]}
    try:
        with store.transaction():
            hrefs = _publish(found, made, said, progress)
            documents = _distinct(hrefs.values())
            warnings = [
                *made.warnings,
                *(
                    conflicts.control_conflicts(found, documents[0], every)
                    if made.base is not None
                    else conflicts.single_device_conflicts(found, documents)
                ),
            ]
            shifted = (
                others.ask(made.missed, reason, randomize)
                if others is not None and abs(made.missed) >= 1
                else []
            )
            missed = made.missed - fsum(share[2] - share[3] for share in shifted)
            beside = others.baseline if others is not None else 0.0
            planned = made.planned + beside + made.missed - missed
            warnings += [allocation.unserved_warning(missed, planned)] if abs(missed) >= 1 else []
            row = DispatchOrder.create(
                vder=found,
                quantity=wish,
                value=value,
                addressing=addressing,
                start=begin,
                duration_s=duration,
                target_w=None if made.target is None else made.target + beside,
                planned_w=planned,
                reason=reason,
                warnings=warnings,
                requested_by=audit.who(),
                created_at=clock.now(),
            )
            record_shares(
                row,
                [
                    *(
                        (
                            part.member.lfdi,
                            hrefs[part.member.lfdi],
                            part.planned,
                            part.baseline,
                            "; ".join(filter(None, (reason, part.why))),
                        )
                        for part in made.parts
                        if part.member.lfdi in hrefs
                    ),
                    *shifted,
                ],
            )
            documents += _distinct(share[1] for share in shifted)
            answer = {
                **describe(row),
                "baseline_w": made.baseline + beside,
                "missed_w": missed,
                "dry_run": dry_run,
                "controls": [_DESCRIBED[document.kind](document) for document in documents],
                "shares": [*(_part(part, hrefs) for part in made.parts), *_parts(shifted)],
            }
            if dry_run:
                raise RolledBack(
                    {**answer, "id": None, "xml": [dercontrols.xml(document) for document in documents]}
                )
    except RolledBack as taken:
        return taken.answer
    return answer


_DESCRIBED: dict[str, Callable[[Document], dict[str, Any]]] = {
    "DERControl": dercontrols.describe,
    "EndDeviceControl": drevents.describe,
    "FlowReservationResponse": reservations.describe,
}


def _distinct(hrefs: Iterable[str]) -> list[Document]:
    return [document for document in map(store.get, dict.fromkeys(hrefs)) if document]


def _flexible_loads(
    vder: VirtualDER, every: Sequence[Member], start: int, duration: int, addressing: str
) -> FlexibleLoads | None:
    """The cars and thermal loads of a virtual DER, as far as there are any that are not told a set point of
    power: loads that take one are, and cars that take one where it is broadcast to others."""
    inside = {lfdi: (device, what) for device, lfdi, what in sql.rows(
        "SELECT d.id, d.lfdi, n.kind FROM membership m JOIN device d ON d.id = m.device_id JOIN device_type "
        "n ON n.device_id = d.id "
        "WHERE m.vder_id = ? AND n.kind IN ('ev', 'thermal')", vder.id)}
    if not inside:
        return None
    takers = {member.lfdi for member in every if allocation.takes_power_setpoint(member)}
    cars = {lfdi for lfdi, (_, what) in inside.items() if what == "ev"}
    if addressing != BROADCAST or takers <= cars:
        takers -= cars
    found = flexibleloads.FlexibleLoads.of(
        vder, start, duration, [inside[lfdi][0] for lfdi in takers & inside.keys()]
    )
    return found if found.lfdis else None


def _parts(shifted: Sequence[ShareRow]) -> list[dict[str, Any]]:
    names = _names([share[0] for share in shifted])
    return [
        {
            "lfdi": lfdi,
            "name": names.get(lfdi, ""),
            "baseline_w": baseline,
            "planned_w": planned,
            "base": None,
            "control": href,
        }
        for lfdi, href, planned, baseline, _ in shifted
    ]


def _names(lfdis: Any) -> dict[str, str]:
    """The name of each device; `lfdis` may be a query."""
    return {
        device.lfdi: device.name
        for device in Device.select(Device.lfdi, Device.name).where(Device.lfdi.in_(lfdis))
    }


def _publish(
    vder: VirtualDER, made: GroupAllocation, said: dict[str, Any], progress: Progress | None
) -> dict[str, str]:
    """Make the controls; by LFDI, the href of each member's."""
    if made.base is not None:
        href = dercontrols.publish(vder.program, made.base, **said)
        return {part.member.lfdi: href for part in made.parts}
    own = [part for part in made.parts if part.base is not None]
    found: dict[str, str] = {}
    for some in chunked(own, _CHUNK):
        devices = list(Device.select().where(Device.lfdi.in_([part.member.lfdi for part in some])))
        single = virtualders.single_device_vders(devices, vder.primacy)
        programs = {device.lfdi: single[device.id].program for device in devices}
        for part in some:
            found[part.member.lfdi] = dercontrols.publish(programs[part.member.lfdi], part.base or {}, **said)
            if progress is not None:
                progress(len(found), len(own))
    return found


def _part(part: Allocation, hrefs: dict[str, str]) -> dict[str, Any]:
    return {
        "lfdi": part.member.lfdi,
        "name": part.member.name,
        "baseline_w": part.baseline,
        "planned_w": part.planned,
        "base": part.base,
        "control": hrefs.get(part.member.lfdi),
    }


def list_orders(
    vder: str | int | VirtualDER | None = None, plans: bool = False, limit: int = 100
) -> list[dict[str, Any]]:
    """Orders, newest first: those on one virtual DER, or all; with those that plans made where asked for."""
    query = DispatchOrder.select().order_by(DispatchOrder.id.desc()).limit(limit)
    if not plans:
        query = query.where(DispatchOrder.plan_id.is_null())
    return [
        describe(row)
        for row in (query if vder is None else query.where(DispatchOrder.vder == virtualders.find(vder)))
    ]


def show(number: int) -> dict[str, Any]:
    """An order and what came of it: see `follow.progress`."""
    row = _order(number)
    return {**describe(row), **progress.order_progress(row)}


@audit.audited("dispatch cancel", "{vder} order {id}", state=_state, answer=dict)
def cancel(
    number: int, at: int | None = None, randomized: bool = False, reason: str | None = None
) -> dict[str, Any]:
    """Cancel an order's controls, now or from a later instant on. Refused (409) where none of them is left to
    cancel."""
    with store.transaction():
        row = _order(number)
        live = [document for document in _documents(row) if document.status["currentStatus"] <= events.ACTIVE
                and document.visibility != Document.EXPIRED]
        if not live:
            raise Refused(409, f"order {number} is {describe(row)['status']}; nothing of it is left to "
                               "cancel")
        for document in live:
            if document.kind == "FlowReservationResponse" and at is None:
                reservations.release(document)
            else:
                store.cancel(document.href, at, randomized, reason)
        row.cancelled_at = clock.now() if at is None else at
        row.save()
        return describe(row)


def list_shares(number: int) -> list[dict[str, Any]]:
    """Who was asked for how much by an order, in W of injection, through which control, and why."""
    row = _order(number)
    names = _names(Share.select(Share.lfdi).where(Share.order == row))
    return [{"lfdi": share.lfdi, "name": names.get(share.lfdi, ""), "baseline_w": share.baseline_w,
             "planned_w": share.planned_w, "control": share.event_href, "reason": share.reason or row.reason}
            for share in Share.select().where(Share.order == row).order_by(Share.lfdi)]


@audit.audited("dispatch extend", "{vder} order {id}", answer=dict)
def extend(number: int, duration: int, reason: str = "") -> dict[str, Any]:
    """Have an order go on for `duration` seconds more, by an order of the same from its end on: what was said
    is never changed. Refused (409) where it is over or cancelled, or was made by a plan."""
    with store.transaction():
        row = _order(number)
        state, end = _status(row), row.start + row.duration_s
        if state not in ("scheduled", "active") or row.plan_id is not None:
            raise Refused(409, f"order {number} "
                               "is " + (state if row.plan_id is None else "of a plan, which goes on by "
                                                                          "itself"))
        parents = {document.href: document for document in _documents(row)}
        hrefs = {href: _repeat(document, end, duration) for href, document in parents.items()}
        new = DispatchOrder.create(
            vder=row.vder,
            quantity=row.quantity,
            value=row.value,
            addressing=row.addressing,
            start=end,
            duration_s=duration,
            target_w=row.target_w,
            planned_w=row.planned_w,
            reason=reason or row.reason,
            warnings=[],
            requested_by=audit.who(),
            created_at=clock.now(),
        )
        record_shares(
            new,
            [
                (
                    share.lfdi,
                    hrefs[share.event_href],
                    share.planned_w or 0.0,
                    share.baseline_w or 0.0,
                    share.reason,
                )
                for share in Share.select().where(Share.order == row)
            ],
        )
        return describe(new)


def _repeat(document: Document, start: int, duration: int) -> str:
    """Have an event's own words hold from `start` on too; the href of the event that says so."""
    if document.kind == "FlowReservationResponse":
        return reservations.repeat(document, start, duration).href
    said = dercontrols.event_fields(duration, start, description=document.submitted.get("description", ""))
    own = {key: value for key, value in document.submitted.items() if key not in (
        "mRID", "creationTime", "EventStatus", "randomizeStart", "randomizeDuration")}
    return store.add(document.kind, document.parent, {**own, **said})


def describe(row: DispatchOrder) -> dict[str, Any]:
    """An order in brief. `status` is scheduled, active, cancelled, superseded (all its controls are) or
    over."""
    return {
        "id": row.id,
        "vder": row.vder.name,
        "wish": row.quantity,
        "value": row.value,
        "addressing": row.addressing,
        "start": row.start,
        "duration": row.duration_s,
        "target_w": row.target_w,
        "planned_w": row.planned_w,
        "status": _status(row),
        "reason": row.reason,
        "requested_by": row.requested_by,
        "plan": row.plan_id,
        "created": row.created_at,
        "warnings": row.warnings,
    }


def _status(row: DispatchOrder) -> str:
    now = clock.now()
    if row.cancelled_at is not None and now >= row.cancelled_at:
        return "cancelled"
    if now >= row.start + row.duration_s:
        return dercontrols.OVER
    states = {document.status["currentStatus"] for document in _documents(row)}
    if states == {events.SUPERSEDED}:
        return "superseded"
    return "active" if now >= row.start else "scheduled"


def _documents(row: DispatchOrder) -> list[Document]:
    hrefs = Share.select(Share.event_href).where(Share.order == row).distinct()
    return list(Document.select().where(Document.href.in_(hrefs)))


def forget_before(instant: int) -> int:
    """Remove orders that ended before an instant, with their shares; how many. Of devices whose contract
    allows so many events a season, the season's stay, to be counted."""
    season = clock.now() - settings.season_days * 86400
    sql.execute('DELETE FROM share WHERE order_id IN (SELECT id FROM dispatch_order WHERE start + '
                'duration_s < ?) AND lfdi NOT IN (SELECT '
                "d.lfdi FROM participation c JOIN device d ON d.id = c.device_id WHERE c.max_events IS NOT "
                "NULL)", instant)
    return int(sql.execute('DELETE FROM dispatch_order WHERE start + duration_s < ? AND (start < ? OR NOT '
                           'EXISTS (SELECT 1 FROM share s '
                           'WHERE s.order_id = dispatch_order.id))', instant, season).rowcount)


def _order(number: int) -> DispatchOrder:
    row = DispatchOrder.get_or_none(DispatchOrder.id == number)
    if row is None:
        raise Refused(404, f"there is no order {number}")
    return row
