"""What was agreed with a device's owner, and who has opted out: the rows Conduct.

A device that answers an event with an opt-out (Response 4, 8 or 10) is asked for nothing until that event is
over, unless it opts in again (5, 9) before. Whoever has opted out is counted against nobody.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server import audit, clock
from server.devices import enrolment
from server.errors import Refused
from server.functionsets import response
from server.models import Device, Participation
from server.resources import store
from server.resources.codes import OPT_INS, OPT_OUTS
from server.resources.hooks import Change, after

FOREVER = (1 << 47) - 1  # the end of the standard's TimeType
_LIMITS = {"events": "max_events", "hours": "max_hours"}  # columns of Participation
_BY_ANSWER = "opted out of "


def describe(row: Participation) -> dict[str, Any]:
    """A device's standing; `out_until` is None for who has not opted out, FOREVER is said in words."""
    out = (
        row.opted_out_until if row.opted_out_until is not None and row.opted_out_until > clock.now() else None
    )
    return {
        "device": row.device.name,
        "lfdi": row.device.lfdi,
        "out_until": "cleared" if out == FOREVER else out,
        "out_reason": row.opt_out_reason if out is not None else "",
        "events": row.max_events,
        "hours": row.max_hours,
        "tier": row.tier,
        "response": row.response_rate,
        "silent_since": row.non_responding_since,
    }


def _state(device: str | Device) -> Mapping[str, Any]:
    return describe(_row(_participation(device)))


def _participation(device: str | Device) -> Device:
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


def show(device: str | Device) -> dict[str, Any]:
    """The standing of a device (LFDI, SFDI, number or name)."""
    return describe(_row(_participation(device)))


@audit.audited("contract set", "{lfdi} {device}", state=_state)
def set_contract(device: str | Device, **limits: float | None) -> dict[str, Any]:
    """What a contract allows: `events` a season, `hours` a day (None: no limit), and the `tier` in which the
    device is asked, the lowest first. What is not given stays. Refused (400) where a limit is negative."""
    for name, limit in limits.items():
        if name != "tier" and limit is not None and limit < 0:
            raise Refused(400, f"{name} {limit:g}: a limit is 0 or more")
    return describe(
        _save(_participation(device), **{_LIMITS.get(name, name): limit for name, limit in limits.items()})
    )


@audit.audited("opt-out set", "{lfdi} {device}", state=_state)
def opt_out(device: str | Device, until: int | None = None, reason: str = "") -> dict[str, Any]:
    """Ask nothing of a device until an instant (None: until it is cleared). Refused (400) where that is
    over."""
    if until is not None and until <= clock.now():
        raise Refused(400, f"it is {clock.now()}: nobody can opt out until {until}")
    return describe(
        _save(
            _participation(device), opted_out_until=FOREVER if until is None else until, opt_out_reason=reason
        )
    )


@audit.audited("opt-out clear", "{lfdi} {device}", state=_state)
def opt_in(device: str | Device) -> dict[str, Any]:
    """Ask a device again that had opted out. Refused (409) where it had not."""
    found = _participation(device)
    if not (_row(found).opted_out_until or 0) > clock.now():
        raise Refused(409, f"{found.name or found.lfdi} has not opted out")
    return describe(_save(found, opted_out_until=None, opt_out_reason=""))


def opted_out() -> list[dict[str, Any]]:
    """Who has opted out, the soonest back first."""
    return [describe(row) for row in Participation.select(Participation, Device).join(Device).where(
        Participation.opted_out_until > clock.now()).order_by(Participation.opted_out_until, Device.id)]


def contracts() -> list[dict[str, Any]]:
    """Who has a limit or a tier."""
    return [
        describe(row)
        for row in Participation.select(Participation, Device)
        .join(Device)
        .where(
            Participation.max_events.is_null(False)
            | Participation.max_hours.is_null(False)
            | (Participation.tier != 0)
        )
        .order_by(Device.id)
    ]


@after("POST", *response.KINDS)
def _answered(change: Change) -> None:
    status = change.data.get("status")
    if status not in OPT_OUTS | OPT_INS:
        return
    device = Device.get_or_none(Device.lfdi == change.data["endDeviceLFDI"])
    event = store.find(change.data["subject"], *response.SUBJECTS)
    if device is None or event is None or event.until is None or event.until <= clock.now():
        return
    row, why = _row(device), f"{_BY_ANSWER}{event.href}"
    if status in OPT_OUTS and (row.opted_out_until or 0) < event.until:
        _save(device, opted_out_until=event.until, opt_out_reason=why)
    elif status in OPT_INS and row.opt_out_reason == why:
        _save(device, opted_out_until=None, opt_out_reason="")
