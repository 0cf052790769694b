"""Stops: the backstop by which all generation of a virtual DER ceases, and its end.

A stop is an order of the quantity `stop`: controls in the modes that each member takes (see `stopmodes`), in
as few programs as can carry them, each of which has the strongest primacy of all until the stop is ended.
What is broadcast is published as the order is recorded, what goes to single devices after it (see
`orderwork`). What members were granted to discharge ends with it, and nothing of that kind is granted until
it is ended: then what they still offer is answered anew. Whoever is stopped is in no plan and no other order.
Injection is positive, in W.
"""
from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext

from server import actors, audit, clock, scopes
from server.errors import Refused
from server.grid.controls import dercontrols, envelopepublication, modewords, reservationanswers
from server.grid.dispatch import orders, orderwork, stopmodes, stopplanning
from server.grid.dispatch.allocation import BROADCAST, DEVICE
from server.grid.dispatch.orderwork import Progress
from server.grid.dispatch.results import RecordedStop, ResumedVder, StoppedVder, StopRow
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.dispatch.stopplanning import PlannedStop
from server.grid.fleet import stops
from server.grid.fleet.stops import STOP, Stop
from server.grid.groups import programs, virtualders
from server.models import DispatchOrder, Document, Membership, VirtualDER
from server.resources import documents, dryrun, sql, store
from server.units import Href, Lfdi

DURATION_S = 5 * 366 * 86400  # of its controls: until it is ended
RESUME_SPREAD_S = 300  # over which devices begin again, if that is to be staggered
RAMP_S = 10.0
DESCRIPTION = "stop"


def stop(
    vder: str | int | VirtualDER, reason: str = "", dry_run: bool = False, progress: Progress | None = None
) -> StoppedVder:
    """Let all generation of a virtual DER's members cease until it is resumed; return who is reached how.

    With `dry_run` nothing is kept, and the result has the XML of what would be broadcast. Refused (409) where
    no member can be stopped, or all are.
    """
    planned = stopplanning.plan(virtualders.find(vder))
    with dryrun.transaction(True) if dry_run else nullcontext():
        recorded = _record(planned, reason=reason, dry_run=dry_run)
        broadcast = _broadcast_controls(recorded["id"] or 0)
        if not dry_run:
            orderwork.finish(recorded["id"] or 0, progress)
        xml = [dercontrols.xml(control) for control in broadcast]
    singles = set(planned.reach.singles)
    result: StoppedVder = {
        **recorded,
        "id": None if dry_run else recorded["id"],
        "dry_run": dry_run,
        "controls": len(broadcast) + len(singles),
        "kinds": stopplanning.kinds(planned, singles),
        "not_stopped": planned.not_stopped,
    }
    return {**result, "xml": xml} if dry_run else result


# --- recording ------------------------------------------------------------------------------------

# The audit log looks for `reason` and `dry_run` among the arguments.
@audit.audited("stop", "{vder} order {id}", answer=dict, scopes=lambda planned: planned.scopes)
def _record(planned: PlannedStop, *, reason: str, dry_run: bool) -> RecordedStop:
    """Record a stop with its shares, and publish what is broadcast."""
    vder, reach = planned.vder, planned.reach
    event = dercontrols.event_fields(DURATION_S, None, 0, RESUME_SPREAD_S, DESCRIPTION)
    with store.transaction(*planned.scopes):
        warnings = _superseded(planned.vders.values())
        marked = {vder.id: vder, **planned.vders}
        programs.set_stopped(list(marked.values()), True)
        store.cancel_all((response.href for response in planned.discharges), reason=DESCRIPTION)
        hrefs = dercontrols.publish_all(
            {planned.vders[number].program: stopmodes.base(modes) for number, modes in reach.modes.items()},
            event, ramp_s=RAMP_S)
        event_of = {device: hrefs[planned.vders[number].program]
                    for number, devices in reach.devices.items() for device in devices}
        shares = [_share(planned, number, event_of.get(number, ""), reason) for number in planned.wanted]
        order = DispatchOrder.create(
            vder=vder,
            quantity=STOP,
            value=0.0,
            addressing=DEVICE if reach.singles else BROADCAST,
            start=clock.now(),
            duration_s=DURATION_S,
            planned_w=sum(share.planned_w for share in shares),
            reason=reason,
            warnings=warnings,
            requested_by=actors.who(),
            created_at=clock.now(),
            work=orderwork.publication(event, RAMP_S) if reach.singles else None,
        )
        record_shares(order, shares)
    return {
        "id": order.id,
        "vder": vder.name,
        "reason": reason,
        "members": len(planned.devices),
        "stopped": len(planned.wanted),
        "already_stopped": planned.already_stopped,
        "reservations": len(planned.discharges),
        "warnings": warnings,
    }


def _share(planned: PlannedStop, number: int, href: Href, reason: str) -> ShareRow:
    """The share of a member; one that only has limits may go on to charge."""
    member, modes = planned.devices[number], planned.wanted[number]
    baseline_w = member.baseline_w
    words = ", ".join(sorted(map(modewords.name_in_words, modes)))
    return ShareRow(
        lfdi=member.lfdi,
        event_href=href,
        planned_w=min(baseline_w, 0.0) if modes <= stopmodes.LIMITS else 0.0,
        baseline_w=baseline_w,
        reason="; ".join(filter(None, (reason, f"stopped by {words}"))),
        pending=None if href else orderwork.control(stopmodes.base(modes)),
    )


def _superseded(vders: Iterable[VirtualDER]) -> list[str]:
    """Return what is said of controls that are in the same programs already."""
    counts = {vder.name: len(programs.live_controls(vder)) for vder in vders}
    return [f"{count} controls of {name} are scheduled or active: what of them a stop overrides does not "
            "come back when it is resumed" for name, count in counts.items() if count]


def _broadcast_controls(number: int) -> list[Document]:
    """Return the controls of a stop of which nothing has gone to single devices yet."""
    hrefs = (href for href, in sql.rows(
        "SELECT DISTINCT event_href FROM share WHERE order_id = ? AND event_href <> ''", number))
    return sorted(documents.among("href", hrefs), key=lambda control: control.href)


def list_stops() -> list[StopRow]:
    """Return the stops in force, in the order in which they were made."""
    rows: list[StopRow] = []
    for stop in stops.in_force():
        if not scopes.sees_vder(stop.vder_id):
            continue
        order = DispatchOrder.get_by_id(stop.order)
        held, = sql.row("SELECT count(*) FROM share WHERE order_id = ?", order.id)
        rows.append({"id": order.id, "vder": stop.vder, "since": stop.since, "stopped": held,
                     "status": orders.status_of(order), "reason": order.reason,
                     "requested_by": order.requested_by})
    return rows


# --- the end --------------------------------------------------------------------------------------

def resume(
    vder: str | int | VirtualDER, staggered: bool = False, reason: str = "", dry_run: bool = False,
    progress: Progress | None = None
) -> ResumedVder:
    """End every stop of a virtual DER; with `staggered` its devices begin again over RESUME_SPREAD_S.

    Refused (409) where it is not stopped, or where members are in another virtual DER that was stopped later.
    """
    target = virtualders.find(vder)
    with dryrun.transaction(True) if dry_run else nullcontext():
        result = _resume(target, staggered, reason=reason, dry_run=dry_run)
        for number in () if dry_run else result["orders"]:
            orderwork.finish(number, progress)
    return result


@audit.audited("resume", "{vder}", answer=dict)
def _resume(vder: VirtualDER, staggered: bool, *, reason: str, dry_run: bool) -> ResumedVder:
    with store.transaction():
        others = stops.in_force()
        own = [stop for stop in others if stop.vder_id == vder.id]
        _check_resumable(vder, own, others)
        lfdis: set[Lfdi] = set()
        for stop in own:
            order = orderwork.locked(stop.order)
            assert order is not None, stop
            lfdis |= {lfdi for lfdi, in sql.rows("SELECT lfdi FROM share WHERE order_id = ?", order.id)}
            _end(order, staggered, reason)
        programs.set_stopped([vder], False)
        reservations = reservationanswers.answer_discharges(vder)
        return {"vder": vder.name, "orders": [stop.order for stop in own], "resumed": len(lfdis),
                "reservations": reservations, "since": min(stop.since for stop in own),
                "staggered_s": RESUME_SPREAD_S * staggered, "reason": reason, "dry_run": dry_run}


def _check_resumable(vder: VirtualDER, own: list[Stop], others: list[Stop]) -> None:
    if not own:
        stopped = ", ".join(dict.fromkeys(stop.vder for stop in others if scopes.sees_vder(stop.vder_id)))
        raise Refused(409, f"{vder.name} is not stopped; "
                           + (f"what is: {stopped}" if stopped else "nothing is"))
    members_of = Membership.select(Membership.device).where(Membership.vder == vder)
    for other in others:
        shared = Membership.select().where(
            (Membership.vder == other.vder_id) & Membership.device.in_(members_of)).exists()
        if other.vder_id != vder.id and other.order > own[-1].order and shared:
            name = other.vder if scopes.sees_vder(other.vder_id) else scopes.ANOTHER
            raise Refused(409, f"{name}, which has members of {vder.name}, was stopped after it: "
                               f"`counterpoise resume {name}` comes first")


def _end(order: DispatchOrder, staggered: bool, reason: str) -> None:
    """End a stop: what was broadcast at once; what went to single devices remains to be done."""
    sql.execute("DELETE FROM share WHERE order_id = ? AND event_href = ''", order.id)
    order.cancelled_at = clock.now()
    order.work = orderwork.cancellation(None, staggered, reason or None)
    hrefs = {href for href, in sql.rows("SELECT DISTINCT event_href FROM share WHERE order_id = ?", order.id)}
    single = {program for program, in sql.among(
        "SELECT program FROM virtual_der WHERE program IN ({}) AND device_id IS NOT NULL",
        map(orderwork.program_of, hrefs))}
    broadcast = [href for href in hrefs if orderwork.program_of(href) not in single]
    orderwork.cancel_events(broadcast, order.work)
    orderwork.release(broadcast)
    envelopepublication.renew(order.id)
    if len(broadcast) == len(hrefs):
        order.work = None
    order.save()
