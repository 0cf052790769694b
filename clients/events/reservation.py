"""Flow reservations of a device: when to request one, when to cancel it, what a granted one still allows.
All pure.

Energy (Wh) and power (W) are positive for charging here, as in the FlowReservation function set. Elsewhere in
the clients injection is positive; `control.power_order` changes the sign.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from server.resources.codes import RequestStatus, ResponseStatus

Data = dict[str, Any]
MODE = "FlowReservationResponse"
# Response/status of a granted reservation that has reached its end.
COMPLETED_STATUSES = frozenset({
    ResponseStatus.COMPLETED, ResponseStatus.PARTIAL_OPT_OUT, ResponseStatus.PARTIAL_OPT_IN})
DAY = 86400
# Below this a request is not worth the messages.
MIN_ENERGY_WH = 100.0


class DesiredReservation(NamedTuple):
    """The energy that a device wants between two server seconds.

    `charge_wh` is negative to discharge; `max_power_w` is a magnitude.
    """
    start: int
    end: int
    charge_wh: float
    max_power_w: float


class PendingRequest(NamedTuple):
    """The FlowReservationRequest that a device has sent (`request`; None for none).

    `completed`: the reservation that was granted has reached its end. `urgent`: there is no more time to wait
    for a grant.
    """
    request: Data | None = None
    completed: bool = False
    urgent: bool = False

    @property
    def waiting(self) -> bool:
        """Whether the device rests until a reservation is granted."""
        return self.request is not None and not self.completed and not self.urgent


class RequestMessage(NamedTuple):
    """A FlowReservationRequest to POST, or, with `href`, to PUT in place of the one there."""
    request: Data
    href: str | None = None


def next_request(
    pending: PendingRequest,
    desired: DesiredReservation | None,
    running: bool,
    listed: Iterable[Data],
    mrid: str,
    now: int,
) -> tuple[PendingRequest, list[RequestMessage]]:
    """Return the request that is pending from now on, and the messages to send.

    `running` says whether a granted reservation is in effect. `listed` are the device's requests as the
    server lists them. `mrid` is the mRID of a new request, if there is one.

    A request is cancelled when the car leaves, and when, outside a granted reservation, the car needs nothing
    more or needs the other direction. After a granted reservation has ended, another request follows if
    energy is still missing.
    """
    worthwhile = desired is not None and abs(desired.charge_wh) >= MIN_ENERGY_WH and desired.end > now
    request = pending.request
    if request is not None and not pending.completed:
        if desired is not None and (
            running and now < _end(request) or worthwhile and _same_window_and_direction(request, desired)
        ):
            return pending, []
        messages = _cancellations(request, listed, now)
        return (PendingRequest() if messages else pending._replace(urgent=True)), messages
    if desired is None or not worthwhile:
        return PendingRequest() if desired is None else pending, []
    new = _request(desired, mrid, now)
    return PendingRequest(new), [
        *(_cancellations(request, listed, now) if request is not None else []),
        RequestMessage(new),
    ]


def _end(request: Data) -> int:
    return int(request["intervalRequested"]["start"] + request["intervalRequested"]["duration"])


def _same_window_and_direction(request: Data, desired: DesiredReservation) -> bool:
    return _end(request) == desired.end and request["energyRequested"]["value"] * desired.charge_wh > 0


def _cancellations(request: Data, listed: Iterable[Data], now: int) -> list[RequestMessage]:
    """Return the message that cancels a request; none as long as the server does not list the request."""
    cancelled = request | {"RequestStatus": {"dateTime": now, "requestStatus": RequestStatus.CANCELLED}}
    return [
        RequestMessage(cancelled, document["href"])
        for document in listed
        if int(document["mRID"], 16) == int(request["mRID"], 16)
    ]


def _request(desired: DesiredReservation, mrid: str, now: int) -> Data:
    start = max(desired.start, now)
    power_w = round(math.copysign(desired.max_power_w, desired.charge_wh))
    return {"mRID": mrid, "creationTime": now,
            "durationRequested": min(round(abs(desired.charge_wh) / desired.max_power_w * 3600), 65535),
            "energyRequested": {"multiplier": 0, "value": round(desired.charge_wh)},
            "intervalRequested": {"start": start, "duration": desired.end - start},
            "powerRequested": {"multiplier": 0, "value": power_w},
            "RequestStatus": {"dateTime": now, "requestStatus": RequestStatus.REQUESTED}}


def power_within_energy(response: Data, used_wh: float, seconds: float) -> Data:
    """Return a granted reservation with its power lowered so that its energy lasts for so many seconds.

    `used_wh` is how much of its energy has flowed, with the sign of that energy.
    """
    remaining_wh, granted_w = _remaining(response, used_wh)
    max_w = remaining_wh * 3600 / seconds
    power_w = round(min(max(granted_w, -max_w), max_w))
    return {**response, "powerAvailable": {"multiplier": 0, "value": power_w}}


def remaining_s(response: Data, used_wh: float) -> int:
    """Return for how many seconds the rest of a granted reservation lasts at its power; a day at most."""
    remaining_wh, granted_w = _remaining(response, used_wh)
    return int(min(remaining_wh / abs(granted_w) * 3600, DAY)) if granted_w else DAY


def _remaining(response: Data, used_wh: float) -> tuple[float, float]:
    """Return the energy that remains (Wh, a magnitude) and the power that was granted (W, signed)."""
    energy_wh, power_w = (
        response[key]["value"] * 10.0 ** response[key]["multiplier"]
        for key in ("energyAvailable", "powerAvailable")
    )
    return max(0.0, (energy_wh - used_wh) * (1 if energy_wh > 0 else -1)), power_w


NO_POWER: Data = {"powerAvailable": {"multiplier": 0, "value": 0}}
