"""What charging sessions are granted by FlowReservationResponses. Charging is positive, in W."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from server.config import settings
from server.functionsets import flowreservation
from server.grid.fleet import setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation import policies
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.limitrooms import SessionRoom
from server.models import Document, among
from server.resources import documents
from server.resources.codes import EventStatus
from server.resources.quantities import base_value

BAND = 0.05  # fraction of its rating: a session is granted nothing new for less
_LIVE = (EventStatus.SCHEDULED, EventStatus.ACTIVE)


@dataclass(frozen=True, kw_only=True)
class GrantedSessions:
    """The charging sessions [n] of a fleet and what each is granted in the step from `start` (UTC, s) on.

    `granted_w` is NaN where nothing is granted. `grants` has the FlowReservationResponse by which each
    charges then or later. `min_w` is what it must draw to be served in time, `max_w` what it can draw.
    """
    state: FleetState
    start: int
    granted_w: Floats
    grants: list[Document | None]
    min_w: Floats
    max_w: Floats

    @classmethod
    def of(cls, fleet_state: FleetState, start: int) -> Self:
        """Return what the live responses to the sessions' requests grant at an instant."""
        sessions, hours = fleet_state.fleet.sessions, fleet_state.hours
        stay_hours = np.asarray(sessions.depart * hours, dtype=float)
        min_w, max_w = policies.session_bounds(sessions.need, stay_hours, sessions.power, hours)
        live = _live_grants(fleet_state.ev.requests)
        granted_w = np.full(len(fleet_state.ev), np.nan)
        grants: list[Document | None] = []
        for index, href in enumerate(fleet_state.ev.requests):
            current = [grant for grant in live.get(href, ()) if (grant.until or 0) > start]
            started = [grant for grant in current if grant.submitted["interval"]["start"] <= start]
            if current:
                granted_w[index] = _power_w(started[-1]) if started else 0.0
            candidates = [grant for grant in current if grant in started[-1:] or grant not in started]
            grants.append(next((grant for grant in candidates if _power_w(grant) > 0), None))
        present = sessions.arrive <= 0
        return cls(
            state=fleet_state,
            start=start,
            granted_w=granted_w,
            grants=grants,
            min_w=np.where(present, min_w, 0.0),
            max_w=np.where(present, max_w, 0.0),
        )

    def grantable(self, load_w: Floats, rooms: Sequence[SessionRoom] = ()) -> Floats:
        """Return the W [n] to grant to sessions that should draw `load_w`.

        Chargers can draw them, and a grant that is nearly the same is kept. What limits leave is kept
        whatever sessions need (`rooms`); those with the least laxity come first.
        """
        load_w = setpoints.chargeable(load_w, self.min_w, self.max_w, settings.min_charge_w)
        sessions = self.state.fleet.sessions
        same = setpoints.unchanged(load_w, self.granted_w, sessions.power, self.min_w, BAND)
        load_w = np.where(same, np.minimum(np.nan_to_num(self.granted_w), self.max_w), load_w)
        # what is granted, though for a part of the step where a car needs only the last watt-hours
        able_w = np.minimum(settings.min_charge_w, sessions.power)
        granted_w = np.where(load_w > 0, np.maximum(load_w, able_w), 0.0)
        first = np.argsort(self.laxity_h, kind="stable")
        return np.minimum(setpoints.within_rooms(granted_w, able_w, first, rooms), load_w)

    @property
    def laxity_h(self) -> Floats:
        """The hours that each session has to spare if it charged at full power from now on."""
        sessions = self.state.fleet.sessions
        return np.asarray(sessions.depart * self.state.hours
                          - sessions.need / np.maximum(sessions.power, 1.0), dtype=float)


def _power_w(grant: Document) -> float:
    return base_value(grant.submitted["powerAvailable"]) or 0.0


def _live_grants(requests: Sequence[str]) -> dict[str, list[Document]]:
    """Return, by request (href), the FlowReservationResponses to it that are not over, by their start."""
    href_of = {
        document.submitted["mRID"]: document.href
        for document in among(Document.select(Document.href, Document.submitted), Document.href, requests)
    }
    grants: dict[str, list[Document]] = {}
    lists = map(flowreservation.responses_href, requests)
    for document in documents.among("parent", lists, f"AND {documents.LISTED}"):
        href = href_of.get(document.submitted["subject"])
        if href is not None and document.status["currentStatus"] in _LIVE:
            grants.setdefault(href, []).append(document)
    for of_request in grants.values():
        of_request.sort(key=lambda grant: grant.submitted["interval"]["start"])
    return grants
