"""An event as one device sees it: which instants and modes it means for this device.  All pure.

DERControls set the modes of their DERControlBase, EndDeviceControls those of `loads`, and what is granted to
a flow reservation is one mode of its own.

Randomization (IEEE 2030.5-2018 10.2.4.2) is drawn from the device's LFDI and the event's mRID, so once per
event and device: reading the event again, or restarting, draws the same.
"""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from clients.events import loadcontrol, reservation

CANCELLED, CANCELLED_RANDOMLY, SUPERSEDED = 2, 3, 4
# Part of a DERControlBase, but a manner of changing modes rather than a mode.
NOT_MODES = {"rampTms"}
CONTROL, LOAD, GRANT = "DERControl", "EndDeviceControl", "FlowReservationResponse"
_MODES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    CONTROL: lambda said: {
        mode: value for mode, value in said["DERControlBase"].items() if mode not in NOT_MODES
    },
    LOAD: loadcontrol.modes,
    GRANT: lambda said: {
        reservation.MODE: {key: said[key] for key in ("energyAvailable", "powerAvailable", "subject")}
    },
}


class Event(NamedTuple):
    """One event. `start` and `end` are this device's effective ones (half-open, server seconds); `ends_early`
    is the instant at which a cancellation or the server's own supersession takes effect here, and `status`
    which of them. Of load controls: whether one is `mandatory`, and for how many seconds it may be overridden
    (`override`)."""
    mRID: str
    program: str
    primacy: int
    created: int
    start: int
    end: int
    modes: dict[str, Any]
    ramp: int | None
    reply_to: str | None
    required: int
    status: int
    ends_early: int | None
    kind: str = CONTROL
    mandatory: bool = False
    override: int = 0

    @property
    def claims(self) -> frozenset[str]:
        """The modes that no lesser event may set beside this one: a load control is followed whole, alone."""
        return frozenset(self.modes) | (loadcontrol.MODES if self.kind == LOAD else frozenset())


def normalize_mrid(text: str) -> str:
    """An mRID to compare by: upper case, 32 digits (clients and servers drop leading zeros)."""
    return text.upper().zfill(32)


def draw_integer(seed: str, what: str, bound: int) -> int:
    """A whole number between 0 and `bound` (which may be negative), both included, the same for the same
    words."""
    if not bound:
        return 0
    number = int.from_bytes(hashlib.sha256(f"{seed} {what}".encode()).digest()[:8], "big")
    return (number % (abs(bound) + 1)) * (1 if bound > 0 else -1)


def matches_category(control: dict[str, Any], category: int) -> bool:
    """Whether an event is for a device of this deviceCategory (bits); one that names none is for all."""
    named = control.get("deviceCategory")
    return named is None or bool(int(named, 16) & category)


def program_events(program: str, primacy: int, controls: Iterable[dict[str, Any]], seed: str, category: int,
           kind: str = CONTROL) -> list[Event]:
    """The events of one program, all of a kind, as they are for the device whose LFDI is `seed`.

    Events that follow each other without a gap stay so: the later one starts where the earlier one
    effectively ends, whatever was drawn (10.2.3.3 o).
    """
    found: list[Event] = []
    ends: dict[int, int] = {}
    ordered = sorted(controls, key=lambda control: (control["interval"]["start"], control["creationTime"]))
    for control in ordered:
        if not matches_category(control, category):
            continue
        event = _event(program, primacy, control, seed, ends, kind)
        if event.ends_early is None:
            ends[control["interval"]["start"] + control["interval"]["duration"]] = event.end
        found.append(event)
    return found


def _event(
    program: str, primacy: int, control: dict[str, Any], seed: str, ends: dict[int, int], kind: str
) -> Event:
    name = normalize_mrid(control["mRID"])
    specified, duration = control["interval"]["start"], control["interval"]["duration"]
    spread = control.get("randomizeStart", 0), control.get("randomizeDuration", 0)
    start = ends.get(specified, specified + draw_integer(seed, f"start {name}", spread[0]))
    end = specified + duration + (start - specified) + draw_integer(seed, f"duration {name}", spread[1])
    status = control["EventStatus"]
    early = None
    if status["currentStatus"] in (CANCELLED, CANCELLED_RANDOMLY, SUPERSEDED):
        early = status["dateTime"]
        if status["currentStatus"] == CANCELLED_RANDOMLY and early > start:
            # "using the larger of randomizeStart and randomizeDuration as the end randomization"
            early += draw_integer(seed, f"cancel {name}", max(map(abs, spread)))
    return Event(name, program, primacy, control["creationTime"], start, max(start, end),
                 _MODES[kind](control), control.get("DERControlBase", {}).get("rampTms"),
                 control.get("replyTo"), int(control.get("responseRequired", "0"), 16),
                 status["currentStatus"], early, kind, control.get("drProgramMandatory", False),
                 control.get("overrideDuration", 0))
