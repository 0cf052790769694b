"""Flow reservations: devices ask to charge or discharge, and are granted when and how much.

Power in W and energy in Wh are positive for charging here, as FlowReservation has it; a DERControl has it the
other way round. A request is answered at once by the policy of the settings (`reservation_policy`:
"earliest", or "off": then nobody answers but who calls `grant`); whoever knows better revises with `grant`,
which supersedes what was granted before.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server import audit, clock
from server.config import settings
from server.errors import Refused
from server.functionsets import flowreservation
from server.grid.controls import dercontrols, reservationpolicy
from server.grid.controls.reservationpolicy import ReservationRequest, Reserved, RoomSteps
from server.grid.fleet.reservationoffer import ReservationOffer
from server.models import Balance, Device, Document, Membership, VirtualDER, is_postgres
from server.resources import events, hexbinary, pollrates, quantities, sql, store, table
from server.resources.dryrun import RolledBack
from server.resources.hooks import Change, after

Data = dict[str, Any]
KIND, LIST = "FlowReservationResponse", "FlowReservationResponseList"
_INT48 = 1 << 47


def _reservations_of(request: str) -> Data:
    """What a request is granted now or later."""
    return {
        "request": request,
        "grants": [describe(each) for each in _live_responses(_request_or_404(request))],
    }


@audit.audited("ev grant", "{request}", state=_reservations_of)
def grant(request: str, watts: float, duration: int, start: int | None = None, energy: float | None = None, *,
          description: str = "", dry_run: bool = False) -> Data:
    """Grant a request (its href) `watts` for `duration` seconds from `start` (default: now) on, or revise
    what it was granted before: that is superseded where it shares time with this, and cancelled where it does
    not.

    `energy` is by default what flows at that power in that time. Refused (409) where the request was
    cancelled, (400) where power would flow the other way than was asked, or at a time that was not asked for.
    """
    begin = clock.now() if start is None else start
    given = ReservationOffer(begin, duration, watts, watts * duration / 3600 if energy is None else energy)
    try:
        with store.transaction(request):
            asked = _request_or_404(request)
            _check_offer(asked, given)
            warnings = _offer_warnings(asked, given)
            answer = {**describe(_publish(asked, given, description)), "warnings": warnings}
            if dry_run:
                document = store.get(answer["href"])
                assert document is not None
                raise RolledBack({**answer, "dry_run": True, "xml": [dercontrols.xml(document)]})
    except RolledBack as taken:
        return taken.answer
    return {**answer, "dry_run": False}


def _check_offer(asked: Document, given: ReservationOffer) -> None:
    wish = parse_request(asked.submitted)
    if asked.submitted["RequestStatus"]["requestStatus"] == flowreservation.CANCELLED:
        raise Refused(409, f"{asked.href} was cancelled by the device")
    if given.power * wish.energy < 0 or given.energy * wish.energy < 0:
        raise Refused(400, f"{given.power:g} W and {given.energy:g} Wh: the request is for "
                           + ("charging, which is "
                              "positive" if wish.energy > 0 else "discharging, which is negative"))
    if given.start < wish.start or given.start + given.duration > wish.end:
        raise Refused(400, f"the request is for {wish.start} to {wish.end}, not for "
                           f"{given.start} to {given.start + given.duration}")


def _offer_warnings(asked: Document, given: ReservationOffer) -> list[str]:
    wish = parse_request(asked.submitted)
    found = []
    if abs(given.power) > wish.power:
        found.append(f"the device asked for no more than {wish.power:g} W")
    if abs(given.energy) > abs(wish.energy):
        found.append(f"the device asked for no more than {wish.energy:g} Wh")
    left = reservationpolicy.least_room_w(_room_steps(asked, wish), given.start, given.start + given.duration)
    if abs(given.power) > left:
        found.append(f"the limits of its virtual DERs leave {max(left, 0):g} W")
    return found


def parse_request(request: Data) -> ReservationRequest:
    """What a FlowReservationRequest asks for."""
    window = request["intervalRequested"]
    energy, watts = (
        quantities.base_value(request[key]) or 0.0 for key in ("energyRequested", "powerRequested")
    )
    return ReservationRequest(window["start"], window["start"] + window["duration"], energy, abs(watts),
                request.get("durationRequested", 0))


def signed_real_energy(watt_hours: float) -> Data:
    """A SignedRealEnergy."""
    value = round(watt_hours)
    if abs(value) >= _INT48:
        raise Refused(400, f"{watt_hours:g} Wh do not fit a SignedRealEnergy")
    return {"multiplier": 0, "value": value}


def revise(
    request: str, several: Sequence[ReservationOffer], since: int, description: str = ""
) -> list[Document]:
    """Grant a request (its href) something else from `since` on, whatever it asked for; the
    FlowReservationResponses. What was granted before goes on until then, or until what is new takes its
    place; what was to begin later is called off."""
    asked = _request_or_404(request)
    for earlier in _live_responses(asked):
        start = earlier.submitted["interval"]["start"]
        if start >= since and all(_no_overlap(earlier, given) for given in several):
            store.cancel(earlier.href, reason="revised")
    return [_add_response(asked, given, description) for given in several]


def repeat(document: Document, start: int, duration: int) -> Document:
    """Have what a FlowReservationResponse says go on from `start` on for `duration` seconds; the new one."""
    asked = request_document(document)
    several = reservationpolicy.reserve_at(
        parse_request(asked.submitted),
        quantities.base_value(document.submitted["powerAvailable"]) or 0.0,
        start,
        duration,
    )
    return revise(asked.href, several, start, document.submitted.get("description", ""))[0]


def release(document: Document) -> None:
    """Grant a device anew what it asked for, in place of a FlowReservationResponse; nothing where the policy
    is off."""
    if settings.reservation_policy == "off":
        store.cancel(document.href)
    else:
        answer(request_document(document).href)


def request_document(document: Document) -> Document:
    """The FlowReservationRequest that a FlowReservationResponse is for."""
    found = store.find(document.submitted["subject"], "FlowReservationRequest")
    if found is None:
        raise Refused(409, f"the request that {document.href} is for is gone")
    return found


def _no_overlap(earlier: Document, given: ReservationOffer) -> bool:
    """Whether a FlowReservationResponse shares no time with another grant."""
    end = earlier.until
    return (
        end is None
        or end <= given.start
        or earlier.submitted["interval"]["start"] >= given.start + given.duration
    )


def _publish(asked: Document, given: ReservationOffer, description: str = "") -> Document:
    """Add the FlowReservationResponse, and call off what was granted before for other times."""
    for earlier in _live_responses(asked):
        if _no_overlap(earlier, given):
            store.cancel(earlier.href, reason="revised")
    return _add_response(asked, given, description)


def _add_response(asked: Document, given: ReservationOffer, description: str) -> Document:
    said = dercontrols.event_fields(
        given.duration, given.start, description=description[:32], response_required=7
    )
    href = store.add(
        KIND,
        flowreservation.grants_href(asked.href),
        {
            **said,
            "energyAvailable": signed_real_energy(given.energy),
            "powerAvailable": quantities.power(given.power),
            **hexbinary.copied(asked.submitted, "mRID", "subject"),
        },
    )
    document = store.get(href)
    assert document is not None
    return document


def offers_of(asked: Document) -> list[Document]:
    """All that a request was ever granted, oldest first."""
    every = store.items(flowreservation.grants_href(asked.href), ended=True)
    return sorted((each for each in every if each.submitted["subject"] == asked.submitted["mRID"]),
                  key=lambda each: (each.submitted["creationTime"], table.number(each.href)))


def _live_responses(asked: Document) -> list[Document]:
    return [
        each
        for each in store.items(flowreservation.grants_href(asked.href))
        if each.submitted["subject"] == asked.submitted["mRID"]
        and each.status["currentStatus"] <= events.ACTIVE
    ]


@audit.audited("ev cancel", "{request}", state=_reservations_of)
def call_off(request: str, reason: str | None = None) -> int:
    """Cancel whatever a request (its href) is granted now or later; how many events that was."""
    with store.transaction(request):
        live = _live_responses(_request_or_404(request))
        for each in live:
            store.cancel(each.href, reason=reason)
        return len(live)


# --- what is granted at once ----------------------------------------------------------------------

@after("POST", "FlowReservationRequest")
@after("PUT", "FlowReservationRequest")
def _on_request(change: Change) -> None:
    """A device asks, asks for something else, or no longer."""
    if change.data["RequestStatus"]["requestStatus"] == flowreservation.CANCELLED:
        call_off(change.href, "cancelled by the device")
    elif settings.reservation_policy != "off" and (
        change.old is None or parse_request(change.old) != parse_request(change.data)
    ):
        answer(change.href)


def answer(request: str) -> None:
    """Grant a request (its href) by the policy, in place of whatever it was granted."""
    asked = _request_or_404(request)
    wish, lead = parse_request(asked.submitted), pollrates.poll(LIST, asked.audience)
    steps = _room_steps(asked, wish, lock=True)
    choose = (
        reservationpolicy.earliest
        if not _in_automatic_area(asked.audience)
        else reservationpolicy.latest
        if wish.energy > 0
        else reservationpolicy.defer
    )
    _publish(asked, _representable(choose(wish, steps, clock.now(), lead)))


def _in_automatic_area(lfdi: str) -> bool:
    """Whether a device is in an area that is kept in balance: it is told to wait, and called when it is
    wanted. Who offers energy there is granted none: no plan has reckoned with it, so that it is for an
    operator to say when it is of use."""
    return Balance.select().join(Membership, on=Membership.vder == Balance.vder).join(Device).where(
        Balance.automatic & (Device.lfdi == lfdi)).exists()


def _representable(given: ReservationOffer) -> ReservationOffer:
    """Power as an ActivePower can say it, never more than was granted."""
    step = quantities.step(given.power)
    return given._replace(power=float(int(given.power / step) * step))


@after("DELETE", "FlowReservationRequest")
def _on_withdrawal(change: Change) -> None:
    for each in store.items(flowreservation.grants_href(change.href)):
        if each.submitted["subject"] == change.data["mRID"] and each.status["currentStatus"] <= events.ACTIVE:
            store.cancel(each.href, reason="withdrawn by the device")


def _room_steps(asked: Document, wish: ReservationRequest, lock: bool = False) -> RoomSteps:
    """What the limits of the device's virtual DERs leave it, in the direction that it asks for. With `lock`
    whoever else is granted something below the same limits waits until this is done."""
    charging = wish.energy > 0
    limit = VirtualDER.import_limit_w if charging else VirtualDER.export_limit_w
    query = (
        VirtualDER.select()
        .join(Membership)
        .join(Device)
        .where((Device.lfdi == asked.audience) & limit.is_null(False))
        .order_by(VirtualDER.id)
    )
    if lock and is_postgres():
        query = query.for_update(of=VirtualDER)
    return reservationpolicy.tightest(
        [
            reservationpolicy.room(bound, _reserved_by_others(vder, asked, charging))
            for vder in query
            if (bound := vder.import_limit_w if charging else vder.export_limit_w) is not None
        ]
    )


def _reserved_by_others(vder: VirtualDER, asked: Document, charging: bool) -> list[Reserved]:
    """What is granted to other requests of a virtual DER's members."""
    found = []
    for stated, status in sql.rows(
            "SELECT d.submitted, d.status FROM membership m JOIN document d ON d.parent = '/edev/' || "
            "m.device_id || '/frp' "
            "WHERE m.vder_id = ? AND d.visibility < 2", vder.id):
        said = Document.submitted.python_value(stated)
        watts = quantities.base_value(said["powerAvailable"]) or 0.0
        if (said["subject"] != asked.submitted["mRID"] and (watts > 0) == charging and watts
                and Document.status.python_value(status)["currentStatus"] <= events.ACTIVE):
            start = said["interval"]["start"]
            found.append(Reserved(start, start + said["interval"]["duration"], abs(watts)))
    return found


def describe(document: Document) -> Data:
    """A FlowReservationResponse in brief; + is charging."""
    said = document.submitted
    return {**dercontrols.event_summary(document), "power_w": quantities.base_value(said["powerAvailable"]),
            "energy_wh": quantities.base_value(said["energyAvailable"]), "subject": said["subject"]}


def _request_or_404(href: str) -> Document:
    document = store.get(href)
    if document is None or document.kind != "FlowReservationRequest":
        raise Refused(404, f"there is no flow reservation request {href}")
    return document
