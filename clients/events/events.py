"""An event as it applies to one device: its effective start and end, and the modes it sets.  All pure.

A DERControl sets the modes of its DERControlBase, an EndDeviceControl those of `loadcontrol`, and a
FlowReservationResponse and a TimeTariffInterval set one of their own.

Randomization (IEEE 2030.5-2018 10.2.4.2) is drawn from the device's LFDI and the event's mRID. So it is drawn
once for each event and device: a second read of the event, or a restart, draws the same.
"""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from clients.events import loadcontrol, prices, reservation
from server.resources.codes import EventStatus

DER_CONTROL = "DERControl"
END_DEVICE_CONTROL = "EndDeviceControl"
FLOW_RESERVATION_RESPONSE = "FlowReservationResponse"
TIME_TARIFF_INTERVAL = "TimeTariffInterval"
# Elements of DERControlBase that say how to change to a mode, and are none themselves.
NOT_MODES = {"rampTms"}
_MODES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    DER_CONTROL: lambda control: {
        mode: value for mode, value in control["DERControlBase"].items() if mode not in NOT_MODES
    },
    END_DEVICE_CONTROL: loadcontrol.modes,
    FLOW_RESERVATION_RESPONSE: lambda response: {
        reservation.MODE: {key: response[key] for key in ("energyAvailable", "powerAvailable", "subject")}
    },
    TIME_TARIFF_INTERVAL: prices.modes,
}
_ENDED_EARLY = (EventStatus.CANCELLED, EventStatus.CANCELLED_RANDOMIZED, EventStatus.SUPERSEDED)


class Event(NamedTuple):
    """One event, with its effective times for this device in server seconds (`end` exclusive).

    `ends_early_at` is the instant at which a cancellation or the server's own supersession takes effect,
    `status` says which of them. `ramp_tms` is rampTms, in hundredths of a second. Only load controls have
    `mandatory` (the customer may not opt out) and `max_override_s` (how long they may be overridden).
    `ahead_s` is by how much the Time of its assignment, in which it was published, is ahead of these seconds.
    """
    mRID: str
    program: str
    primacy: int
    creation_time: int
    start: int
    end: int
    modes: dict[str, Any]
    ramp_tms: int | None
    reply_to: str | None
    response_required: int
    status: int
    ends_early_at: int | None
    kind: str = DER_CONTROL
    mandatory: bool = False
    max_override_s: int = 0
    ahead_s: int = 0

    @property
    def claimed_modes(self) -> frozenset[str]:
        """The modes that no event of lower rank may set beside this one.

        A load control claims every mode of its kind, since two are not followed at the same time.
        """
        return frozenset(self.modes) | (
            loadcontrol.MODES if self.kind == END_DEVICE_CONTROL else frozenset()
        )


def normalize_mrid(text: str) -> str:
    """Return an mRID in the form that is compared: upper case, 32 digits.

    Clients and servers drop leading zeros.
    """
    return text.upper().zfill(32)


def draw_integer(seed: str, purpose: str, bound: int) -> int:
    """Return an integer between 0 and `bound` (which may be negative), both included.

    The same seed and purpose give the same number.
    """
    if not bound:
        return 0
    number = int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big")
    return (number % (abs(bound) + 1)) * (1 if bound > 0 else -1)


def matches_category(control: dict[str, Any], category: int) -> bool:
    """Return whether an event is for devices of this deviceCategory (bits).

    An event without a deviceCategory is for all.
    """
    categories = control.get("deviceCategory")
    return categories is None or bool(int(categories, 16) & category)


def program_events(
    program: str,
    primacy: int,
    controls: Iterable[dict[str, Any]],
    lfdi: str,
    category: int,
    kind: str = DER_CONTROL,
    ahead_s: int = 0,
) -> list[Event]:
    """Return the events of one program, all of one kind, as they apply to the device with this LFDI.

    Events that follow each other without a gap keep doing so: the later one starts at the effective end of
    the earlier one, whatever was drawn (10.2.3.3 o).
    """
    events: list[Event] = []
    effective_ends: dict[int, int] = {}
    ordered = sorted(controls, key=lambda control: (control["interval"]["start"], control["creationTime"]))
    for control in ordered:
        if not matches_category(control, category):
            continue
        event = _event(program, primacy, control, lfdi, effective_ends, kind)
        if event.ends_early_at is None:
            specified_end = control["interval"]["start"] + control["interval"]["duration"]
            effective_ends[specified_end] = event.end
        events.append(event)
    return [_by_own_clock(event, ahead_s) for event in events] if ahead_s else events


def _by_own_clock(event: Event, ahead_s: int) -> Event:
    """Return an event with its times by the client's clock, of which the Time that they are in is ahead."""
    early = event.ends_early_at
    return event._replace(start=event.start - ahead_s, end=event.end - ahead_s, ahead_s=ahead_s,
                          ends_early_at=None if early is None else early - ahead_s)


def _event(
    program: str, primacy: int, control: dict[str, Any], lfdi: str, effective_ends: dict[int, int], kind: str
) -> Event:
    mrid = normalize_mrid(control["mRID"])
    specified, duration = control["interval"]["start"], control["interval"]["duration"]
    bounds = control.get("randomizeStart", 0), control.get("randomizeDuration", 0)
    start = effective_ends.get(specified, specified + draw_integer(lfdi, f"start {mrid}", bounds[0]))
    end = specified + duration + (start - specified) + draw_integer(lfdi, f"duration {mrid}", bounds[1])
    return Event(
        mRID=mrid,
        program=program,
        primacy=primacy,
        creation_time=control["creationTime"],
        start=start,
        end=max(start, end),
        modes=_MODES[kind](control),
        ramp_tms=control.get("DERControlBase", {}).get("rampTms"),
        reply_to=control.get("replyTo"),
        response_required=int(control.get("responseRequired", "0"), 16),
        status=control["EventStatus"]["currentStatus"],
        ends_early_at=_early_end(control["EventStatus"], lfdi, mrid, start, max(map(abs, bounds))),
        kind=kind,
        mandatory=control.get("drProgramMandatory", False),
        max_override_s=control.get("overrideDuration", 0),
    )


def _early_end(status: dict[str, Any], lfdi: str, mrid: str, start: int, bound: int) -> int | None:
    """Return when a cancellation or supersession takes effect; None where there is none.

    A cancellation with randomization of an active event takes up to `bound` seconds: the larger of
    randomizeStart and randomizeDuration.
    """
    if status["currentStatus"] not in _ENDED_EARLY:
        return None
    instant: int = status["dateTime"]
    if status["currentStatus"] == EventStatus.CANCELLED_RANDOMIZED and instant > start:
        instant += draw_integer(lfdi, f"cancel {mrid}", bound)
    return instant
