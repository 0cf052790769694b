"""Participation: what was agreed with a device's owner, and which devices have opted out.

A device that responds to an event with an opt-out (Response status 4, 8 or 10) is excluded from dispatch
until the event is over, unless it opts in again (5, 9) before. An opt-out does not lower its response rate.
"""
from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypedDict

from server import audit, clock, scopes
from server.devices import enrolment
from server.errors import Refused
from server.functionsets import response
from server.models import Device, Participation, among
from server.models.pages import Pages
from server.resources import store
from server.resources.codes import OPT_INS, OPT_OUTS
from server.resources.hooks import Change, after
from server.units import Fraction, Instant, Lfdi

FOREVER = (1 << 47) - 1  # the end of the standard's TimeType
UNTIL_CLEARED = "cleared"
_BY_RESPONSE = "opted out of "  # begins the reason of an opt-out by Response


class ParticipationRow(TypedDict):
    """How a device takes part.

    `opted_out_until` is None for a device that has not opted out, "cleared" where an operator has to clear
    it. `max_events` a season and `max_hours` a day are None without a limit. `response_rate` is the fraction
    of what was asked that it delivered; it has not responded at all since `non_responding_since`.
    """
    device: str
    lfdi: Lfdi
    opted_out_until: Instant | str | None
    opt_out_reason: str
    max_events: int | None
    max_hours: float | None
    tier: int
    response_rate: Fraction
    non_responding_since: Instant | None


def describe(row: Participation) -> ParticipationRow:
    """Return how a device takes part."""
    until: int | None = row.opted_out_until
    if until is not None and until <= clock.now():
        until = None
    return {
        "device": row.device.name,
        "lfdi": row.device.lfdi,
        "opted_out_until": UNTIL_CLEARED if until == FOREVER else until,
        "opt_out_reason": row.opt_out_reason if until is not None else "",
        "max_events": row.max_events,
        "max_hours": row.max_hours,
        "tier": row.tier,
        "response_rate": row.response_rate,
        "non_responding_since": row.non_responding_since,
    }


def _state(device: str | Device) -> ParticipationRow:
    return show(device)


def _find(device: str | Device) -> Device:
    return device if isinstance(device, Device) else enrolment.find(device)


def _row(device: Device) -> Participation:
    return Participation.get_or_none(Participation.device == device) or Participation(device=device)


def _save(device: Device, **values: Any) -> Participation:
    with store.transaction(enrolment.href(device)):
        Participation.insert(device=device, **values).on_conflict(
            conflict_target=[Participation.device],
            update={getattr(Participation, name): value for name, value in values.items()},
        ).execute()
        return _row(device)


def show(device: str | Device) -> ParticipationRow:
    """Return how a device (LFDI, SFDI, number or name) takes part."""
    return describe(_row(_find(device)))


@audit.audited("contract set", "{lfdi} {device}", state=_state)
def set_contract(device: str | Device, **limits: float | None) -> ParticipationRow:
    """Set what a contract allows; what is not named stays.

    `max_events` is a season's, `max_hours` a day's (None: no limit); devices of the lowest `tier` are asked
    first. Refused (400) where a limit is negative.
    """
    for name, limit in limits.items():
        if name != "tier" and limit is not None and limit < 0:
            raise Refused(400, f"{name} {limit:g}: a limit is 0 or more")
    return describe(_save(_find(device), **limits))


@audit.audited("opt-out set", "{lfdi} {device}", state=_state)
def opt_out(device: str | Device, until: int | None = None, reason: str = "") -> ParticipationRow:
    """Exclude a device from dispatch until an instant (None: until it is cleared).

    Refused (400) where the instant is past.
    """
    if until is not None and until <= clock.now():
        instant = datetime.fromtimestamp(until, UTC).isoformat()
        raise Refused(400, f"{instant} is in the past: specify until when the opt-out is to last")
    opted_out_until = FOREVER if until is None else until
    return describe(_save(_find(device), opted_out_until=opted_out_until, opt_out_reason=reason))


@audit.audited("opt-out clear", "{lfdi} {device}", state=_state)
def opt_in(device: str | Device) -> ParticipationRow:
    """Include a device that has opted out in dispatch again. Refused (409) where it has not."""
    row = _find(device)
    if not (_row(row).opted_out_until or 0) > clock.now():
        raise Refused(409, f"{row.name or row.lfdi} has not opted out")
    return describe(_save(row, opted_out_until=None, opt_out_reason=""))


def opted_out() -> list[ParticipationRow]:
    """Return the devices that have opted out, those whose opt-out ends first before the others."""
    query = scopes.devices(Participation.select(Participation, Device).join(Device))
    return [describe(row) for row in query.where(Participation.opted_out_until > clock.now()).order_by(
        Participation.opted_out_until, Device.id)]


def contracts() -> Pages[ParticipationRow]:
    """Return the devices that have a limit or a tier."""
    limited = Participation.max_events.is_null(False) | Participation.max_hours.is_null(False)
    query = scopes.devices(Participation.select().join(Device)).where(limited | (Participation.tier != 0))
    return Pages(query, Participation.device, _rows)


def _rows(page: list[Participation]) -> Iterator[ParticipationRow]:
    devices = {device.id: device
               for device in among(Device.select(), Device.id, (row.device_id for row in page))}
    for row in page:
        if row.device_id in devices:
            row.device = devices[row.device_id]
            yield describe(row)


@after("POST", *response.KINDS)
def _follow_response(change: Change) -> None:
    status = change.data.get("status")
    if status not in OPT_OUTS | OPT_INS:
        return
    device = Device.get_or_none(Device.lfdi == change.data["endDeviceLFDI"])
    event = store.find(change.data["subject"], *response.SUBJECTS)
    if device is None or event is None or event.until is None or event.until <= clock.now():
        return
    row, reason = _row(device), f"{_BY_RESPONSE}{event.href}"
    if status in OPT_OUTS and (row.opted_out_until or 0) < event.until:
        _save(device, opted_out_until=event.until, opt_out_reason=reason)
    elif status in OPT_INS and row.opt_out_reason == reason:
        _save(device, opted_out_until=None, opt_out_reason="")
