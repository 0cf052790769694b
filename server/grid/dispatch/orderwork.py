"""The events of an order for single devices, some in each transaction.

An order with an event for each of many devices is recorded whole, then its events are published, and
cancelled, for some devices at a time (see parts), so that others wait no longer than for these. The order
says what remains to be done (`work`), and up to which device it has been done, so whoever made it may be
killed: the worker goes on. Meanwhile the order can be cancelled.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from server import clock
from server.grid.controls import dercontrols, eventlisting, reservationanswers, reservations
from server.grid.controls.reservations import Revision
from server.grid.dispatch.shares import record_events
from server.grid.fleet.reservationoffer import ReservationOffer
from server.grid.fleet.stops import STOP
from server.grid.groups import programs, singledevices
from server.models import Device, DispatchOrder, Share, VirtualDER, among, is_postgres
from server.resources import documents, parts, sql, store, table
from server.resources.codes import RequestStatus
from server.units import Href, Instant, Lfdi, SecondsExact

Data = dict[str, Any]
Progress = Callable[[int, int], None]
TOGETHER = 50  # devices in one transaction, at least
_RESERVATION = "FlowReservationResponse"


# --- what remains to be done ----------------------------------------------------------------------

def publication(
    event: Data | None = None, ramp_s: SecondsExact | None = None, description: str = ""
) -> Data:
    """Return the work of an order with shares that are pending (see `control` and `reservation`).

    `event` has the elements that its controls have in common, `description` is that of reservations.
    """
    return {"do": "publish", "after": "", "event": event, "ramp_s": ramp_s, "description": description}


def cancellation(at: Instant | None, randomized: bool, reason: str | None) -> Data:
    """Return the work of an order that is cancelled; for the arguments see `store.cancel`."""
    return {"do": "cancel", "after": "", "at": at, "randomized": randomized, "reason": reason}


def control(base: Data) -> Data:
    """Return what is pending of a share that is sent as a DERControl of its own."""
    return {"base": base}


def reservation(revision: Revision, counted: int = 0) -> Data:
    """Return what is pending of a share that is sent as FlowReservationResponses, of which `counted` is the
    index of the one that the share names."""
    return {"request": revision.request, "offers": [list(offer) for offer in revision.offers],
            "since": revision.since, "counted": counted}


def _revision(pending: Data) -> Revision:
    return Revision(pending["request"], [ReservationOffer(*offer) for offer in pending["offers"]],
                    pending["since"])


# --- doing it -------------------------------------------------------------------------------------

def finish_all() -> int:
    """Do what remains of every order; return for how many devices that was."""
    orders = DispatchOrder.select().where(DispatchOrder.work.is_null(False)).order_by(DispatchOrder.start)
    return sum(finish(order.id) for order in list(orders))


def finish(number: int, progress: Progress | None = None) -> int:
    """Do what remains of an order; return for how many devices that was.

    `progress(done, total)` is called after each transaction.
    """
    done, total = 0, Share.select().where(Share.order == number).count() if progress else 0
    size = parts.Parts(TOGETHER)
    while (count := _do_some(number, size)) is not None:
        done += count
        if progress is not None and count:
            progress(done, total)
    return done


def _do_some(number: int, size: parts.Parts) -> int | None:
    """Do what remains for the next devices, and return their number; None where nothing remains."""
    order = DispatchOrder.select(DispatchOrder, VirtualDER).join(VirtualDER).where(
        (DispatchOrder.id == number) & DispatchOrder.work.is_null(False)).first()
    if order is None:
        return None
    remaining = Share.select(Share.lfdi, Share.event_href, Share.pending).where(
        (Share.order == order) & (Share.lfdi > order.work["after"]))
    scopes: tuple[Href, ...] = ()  # a cancelled reservation is answered anew, by what its virtual DERs leave
    if order.work["do"] == "publish":
        remaining = remaining.where(Share.pending.is_null(False))
    most = size.size
    shares = list(remaining.order_by(Share.lfdi).limit(most).namedtuples())
    if order.work["do"] == "publish":
        scopes = order.vder.program, *_scopes([share.lfdi for share in shares])
    with store.transaction(*scopes):
        current = locked(number)
        if current is None or current.work != order.work:
            return 0  # another process has done it
        current.vder = order.vder
        _ACTIONS[order.work["do"]](current, shares)
        is_last = len(shares) < most
        current.work = None if is_last else {**order.work, "after": shares[-1].lfdi}
        current.save(only=[DispatchOrder.work])
    size.took(len(shares))
    return len(shares)


def locked(number: int) -> DispatchOrder | None:
    """Return an order, which nobody else changes until the transaction ends; None where there is none."""
    query = DispatchOrder.select().where(DispatchOrder.id == number)
    return cast(DispatchOrder | None, (query.for_update() if is_postgres() else query).first())


def _scopes(lfdis: Sequence[Lfdi]) -> Iterator[Href]:
    """Yield the trees of devices and of the programs of their own."""
    for device, program in sql.among("SELECT d.id, v.program FROM device d LEFT JOIN virtual_der v "
                                     "ON v.device_id = d.id WHERE d.lfdi IN ({})", lfdis):
        yield f"/edev/{device}"
        if program:
            yield program


def _publish(order: DispatchOrder, shares: Sequence[Share]) -> None:
    """Publish what is pending of shares.

    A share that cannot be sent any more, since the device or its request is gone or the time is over, is
    removed: nobody was told of it.
    """
    pending = {share.lfdi: share.pending for share in shares}
    hrefs: dict[Lfdi, Href] = {}
    if order.start + order.duration_s > clock.now():
        created = _created(order, pending)
        bases = {lfdi: content["base"] for lfdi, content in pending.items() if "base" in content}
        cars = {lfdi: content for lfdi, content in pending.items() if "offers" in content}
        hrefs = {**_publish_controls(order, created, bases), **_publish_reservations(order, created, cars)}
    sql.many("DELETE FROM share WHERE order_id = ? AND lfdi = ?",
             ((order.id, lfdi) for lfdi in pending if lfdi not in hrefs))
    record_events(order, hrefs)


def _created(order: DispatchOrder, lfdis: Iterable[Lfdi]) -> Data:
    """Return the creationTime of events that are published after those of a later order for the same devices,
    which must not be superseded by them: before that order. Else it is the time of publication, and so for a
    stop, which supersedes everything."""
    if order.quantity == STOP or not _has_later(order):
        return {}
    later = next(sql.among(
        "SELECT 1 FROM share WHERE lfdi IN ({}) AND order_id > ? LIMIT 1", lfdis, order.id), None)
    return {"creationTime": order.created_at - 1} if later else {}  # in one second, the later mRID would win


def _has_later(order: DispatchOrder) -> bool:
    """Return whether there are later orders, beside those of the same step of a plan, in which devices are
    told of other things: so that the shares that a device has ever had are hardly ever looked through."""
    return sql.row("SELECT 1 FROM dispatch_order WHERE id > ? AND (plan_id IS NULL OR plan_id <> ? OR "
                   "start <> ?) LIMIT 1", order.id, order.plan_id or -1, order.start) is not None


def _publish_controls(order: DispatchOrder, created: Data, base_of: dict[Lfdi, Data]) -> dict[Lfdi, Href]:
    if not base_of:
        return {}
    stronger_than = max(order.vder.primacy, order.quantity == STOP)
    program_of: dict[Lfdi, Href] = {}
    if order.quantity != STOP:
        program_of = dict(sql.among(
            "SELECT d.lfdi, v.program FROM device d JOIN virtual_der v ON v.device_id = d.id "
            "WHERE d.lfdi IN ({}) AND v.primacy < ?", base_of, stronger_than))
    others = list(among(Device.select(), Device.lfdi, base_of.keys() - program_of.keys()))
    if others:
        single_vders = singledevices.ensure(others, stronger_than)
        if order.quantity == STOP:
            programs.set_stopped(list(single_vders.values()), True)
        program_of |= {device.lfdi: single_vders[device.id].program for device in others}
    hrefs = dercontrols.publish_all({program: base_of[lfdi] for lfdi, program in program_of.items()},
                                    {**order.work["event"], **created}, ramp_s=order.work["ramp_s"])
    return {lfdi: hrefs[program] for lfdi, program in program_of.items()}


def _publish_reservations(
    order: DispatchOrder, created: Data, pending: dict[Lfdi, Data]
) -> dict[Lfdi, Href]:
    now = clock.now()
    revisions = {lfdi: _revision(of_car) for lfdi, of_car in pending.items()}
    requests = {document.href for document in documents.among(
        "href", (revision.request for revision in revisions.values()))
        if document.submitted["RequestStatus"]["requestStatus"] != RequestStatus.CANCELLED}
    possible = {lfdi: revision for lfdi, revision in revisions.items() if revision.request in requests
                and all(offer.start + offer.duration_s > now for offer in revision.offers)}
    hrefs = reservations.revise_all(list(possible.values()), order.work["description"], created)
    return {lfdi: of_car[pending[lfdi]["counted"]]
            for lfdi, of_car in zip(possible, hrefs, strict=True)}


def _cancel(order: DispatchOrder, shares: Sequence[Share]) -> None:
    hrefs = [share.event_href for share in shares]
    cancel_events(hrefs, order.work)
    if order.quantity == STOP:
        release(hrefs)


def release(hrefs: Iterable[Href]) -> None:
    """Give the programs that carried these controls of a stop their own primacy again."""
    programs.set_stopped(list(among(VirtualDER.select(), VirtualDER.program, set(map(program_of, hrefs)))),
                         False)


def program_of(href: Href) -> Href:
    """Return the program of a DERControl."""
    return table.parent(table.parent(href))


def cancel_events(hrefs: Sequence[Href], work: Data) -> None:
    """Cancel those of these events that are live, as a `cancellation` says. Cars whose reservation is
    cancelled now are granted anew, by the policy, what they need."""
    others = []
    for document in eventlisting.live(hrefs):
        if document.kind == _RESERVATION and work["at"] is None:
            reservationanswers.release(document)
        else:
            others.append(document.href)
    store.cancel_all(others, work["at"], work["randomized"], work["reason"])


_ACTIONS: dict[str, Callable[[DispatchOrder, Sequence[Share]], None]] = {
    "publish": _publish, "cancel": _cancel}
