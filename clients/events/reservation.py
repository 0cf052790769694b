"""Flow reservations as a device asks for them: when to ask, when to take it back, what a grant still allows.
All pure.

Energy (Wh) and power (W) are positive for charging here, as FlowReservation has it; elsewhere in these
clients + is injection. `control.order` is where the sign turns.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

Data = dict[str, Any]
MODE = "FlowReservationResponse"
REQUESTED, CANCELLED = 0, 1
# Response.status of a grant that has run its course: completed, or in part.
COMPLETED_STATUSES = frozenset({3, 8, 9})
DAY = 86400
# Nobody asks for less (Wh).
MIN_ENERGY_WH = 100.0


class DesiredReservation(NamedTuple):
    """What a device wants between two server seconds: `energy` (negative: to give it) at up to `power` (a
    magnitude)."""
    start: int
    end: int
    energy: float
    power: float


class PendingRequest(NamedTuple):
    """What a device has asked for: `request` as it was said (None: nothing), `done` whether what was granted
    has run its course, `urgent` whether there is no more time to wait for a grant."""
    request: Data | None = None
    done: bool = False
    urgent: bool = False

    @property
    def waits(self) -> bool:
        """Whether the device keeps still until it is granted something, and then again until the next."""
        return self.request is not None and not self.done and not self.urgent


class RequestMessage(NamedTuple):
    """What is to be said now: a request to POST, or one to PUT (to the href) in place of what was said."""
    request: Data
    href: str | None = None


def next_request(
    asked: PendingRequest,
    wish: DesiredReservation | None,
    running: bool,
    listed: Iterable[Data],
    mrid: str,
    now: int,
) -> tuple[PendingRequest, list[RequestMessage]]:
    """What a device has asked for from now on, and what it says. `running` tells whether a grant is in force,
    `listed` are the device's requests as the server lists them, `mrid` is the name of a new request if there
    is to be one.

    A request is taken back when the car leaves, or wants nothing more or the other direction while no grant
    is in force. What was granted and has run its course is followed by another request where something is
    missing still.
    """
    wanting = wish is not None and abs(wish.energy) >= MIN_ENERGY_WH and wish.end > now
    old = asked.request
    if old is not None and not asked.done:
        if wish is not None and (
            running and now < _end(old) or wanting and _same_window_and_direction(old, wish)
        ):
            return asked, []
        back = _cancellations(old, listed, now)
        return (PendingRequest() if back else asked._replace(urgent=True)), back
    if wish is None or not wanting:
        return PendingRequest() if wish is None else asked, []
    request = _request(wish, mrid, now)
    return PendingRequest(request), [
        *(_cancellations(old, listed, now) if old is not None else []),
        RequestMessage(request),
    ]


def _end(request: Data) -> int:
    return int(request["intervalRequested"]["start"] + request["intervalRequested"]["duration"])


def _same_window_and_direction(request: Data, wish: DesiredReservation) -> bool:
    """Whether a request is for the same window and direction."""
    return _end(request) == wish.end and request["energyRequested"]["value"] * wish.energy > 0


def _cancellations(request: Data, listed: Iterable[Data], now: int) -> list[RequestMessage]:
    """Nothing yet for a request that the server does not list."""
    said = request | {"RequestStatus": {"dateTime": now, "requestStatus": CANCELLED}}
    return [
        RequestMessage(said, each["href"])
        for each in listed
        if int(each["mRID"], 16) == int(request["mRID"], 16)
    ]


def _request(wish: DesiredReservation, mrid: str, now: int) -> Data:
    start = max(wish.start, now)
    return {"mRID": mrid, "creationTime": now,
            "durationRequested": min(round(abs(wish.energy) / wish.power * 3600), 65535),
            "energyRequested": {"multiplier": 0, "value": round(wish.energy)},
            "intervalRequested": {"start": start, "duration": wish.end - start},
            "powerRequested": {"multiplier": 0, "value": round(math.copysign(wish.power, wish.energy))},
            "RequestStatus": {"dateTime": now, "requestStatus": REQUESTED}}


def power_within_energy(value: Data, flowed: float, seconds: float) -> Data:
    """What is left of a grant after so many Wh (signed as it is) have flowed: no more power than would use up
    its energy in so many seconds."""
    left, watts = _left(value, flowed)
    most = left * 3600 / seconds
    return {**value, "powerAvailable": {"multiplier": 0, "value": round(min(max(watts, -most), most))}}


def remaining_s(value: Data, flowed: float) -> int:
    """For how many seconds what is left of a grant lasts at its power, rounded down; a day at most."""
    left, watts = _left(value, flowed)
    return int(min(left / abs(watts) * 3600, DAY)) if watts else DAY


def _left(value: Data, flowed: float) -> tuple[float, float]:
    """Wh that are left, as a magnitude, and the power that was granted."""
    energy, watts = (
        value[key]["value"] * 10.0 ** value[key]["multiplier"]
        for key in ("energyAvailable", "powerAvailable")
    )
    return max(0.0, (energy - flowed) * (1 if energy > 0 else -1)), watts


NO_POWER: Data = {"powerAvailable": {"multiplier": 0, "value": 0}}
