"""The client of one EndDevice: it follows the events of its programs, runs its device model, responds and
reports.

A device has one of these, an aggregator one for each EndDevice that it manages.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.devices.faults import NONE, Faults
from clients.events import reservation, responses
from clients.events.control import (SET_POINTS, ActiveMode, Default, PowerOrder, effective_gradient,
                                    merge_modes, power_order)
from clients.events.events import FLOW_RESERVATION_RESPONSE, Event
from clients.events.reservation import PendingRequest
from clients.events.schedule import OVER, Schedule, Transition, advance, opt
from clients.reports import metering
from clients.reports.fileloader import FileLoader
from clients.reports.reporter import PendingPost, Reporter, Trace
from clients.transport.connection import Connection, Refusal
from clients.transport.discovery import DiscoveredDevice, Root, link_href
from server.resources.codes import ResponseStatus

# The longest time between two steps (server seconds), so that meter and alarms stay current.
MAX_STEP_S = 60


def ignore_interval(_: int, __: DeviceModel) -> None:
    """Do nothing at the end of an interval."""


class EventClient:
    """The state of one EndDevice.

    `model` is its hardware; `discovered` is what the last discovery returned (None: no EndDevice).
    `on_interval(second, model)` is called when the device starts and when a period of its readings ends.
    """

    def __init__(
        self, lfdi: str, model: DeviceModel, connection: Connection, on_event: Callable[[Trace], None]
    ):
        self.lfdi, self.model = lfdi, model
        self._on_event = on_event
        self.reporter = Reporter(lfdi, model.name, connection, on_event)
        self.file_loader = FileLoader(model.name, connection, on_event)
        self.discovered: DiscoveredDevice | None = None
        self.faults: Faults = NONE
        self.on_interval: Callable[[int, DeviceModel], None] = ignore_interval
        self.schedule = Schedule()
        self.active_modes: dict[str, ActiveMode] = {}
        self.order = PowerOrder()
        self.pending_request = PendingRequest()
        # the meter (Wh, charging positive) at the start of each reservation, by mRID
        self._meter_at_start_wh: dict[str, float] = {}
        self._energy_used_up_at = 0.0
        self._ran_until: float | None = None
        self._change_w = 0.0
        self._events: tuple[DiscoveredDevice | None, list[Event]] = None, []

    def run_until(self, now: float) -> None:
        """Run to server second `now` with what is known, in steps at which events or periods change.

        No request is made. It does not matter how late this is called.
        """
        if self._ran_until is None:
            self._ran_until = now
            self.reporter.begin(self.model, int(now))
            self.on_interval(int(now), self.model)
        while self._ran_until < (change := self._next_change()) < now:
            self._run(self._ran_until, change)
        self._run(self._ran_until, now)

    def catch_up(self, now: float) -> None:
        """Run to `now` if that is ahead, before something is read that was not known until now."""
        if self._ran_until is not None and self._ran_until < now:
            self.run_until(now)

    def _next_change(self) -> float:
        """Return the next second at which an event or the device changes, a period of readings ends, or the
        energy of a reservation is used up."""
        last = self._ran_until or 0.0
        changes = (self.schedule.next_change, self.reporter.period_end, self._energy_used_up_at,
                   self.model.next_change(last))
        return min((change for change in changes if change is not None and change > last), default=math.inf)

    def _run(self, since: float, now: float) -> None:
        second = int(now)
        before = self.model
        self.model = self.model.run(self.order, since, now)
        self._ran_until = now
        if self.reporter.read(self.model, second):
            self.on_interval(second, self.model)
        if self.faults.non_responding:
            return
        self.reporter.log_alarms(before, self.model, self.discovered, second)
        self.schedule, transitions = advance(
            self.schedule, self._listed_events(), second, self.model.modes
        )
        transitions += self._opt_out(second)
        self._respond(transitions)
        self._request_reservation(transitions, second)
        self._update_order(second)

    def _listed_events(self) -> list[Event]:
        """Return the events of the last discovery, parsed once."""
        if self._events[0] is not self.discovered:
            discovered = self.discovered
            self._events = discovered, (
                discovered.events(self.lfdi, self.model.category) if discovered else []
            )
        return self._events[1]

    def shift_clock(self, seconds: float) -> None:
        """Follow a server whose clock was set by so many seconds.

        Events are judged by the new time, but the device has not run for the seconds that were skipped.
        """
        if self._ran_until is not None:
            self._ran_until += seconds
        self.reporter.shift_clock(seconds)

    def report(self, root: Root, now: float) -> None:
        """Send what is due; raises Unreachable when the server cannot be reached."""
        remote = any(mode.source in self.schedule.followed for mode in self.active_modes.values())
        self.reporter.report(
            root, self.discovered, self.model, self._gradient_percent_per_s(), remote, now
        )
        if self.discovered is not None:
            self._load_files(self.discovered, now)

    def _load_files(self, discovered: DiscoveredDevice, now: float) -> None:
        try:
            self.file_loader.run(discovered, now)
        except Refusal as refusal:
            self._on_event(Trace(int(now), self.model.name, "error", str(refusal)))
        if self.reporter.software_version != self.file_loader.version:
            self.reporter.software_version = self.file_loader.version
            self.reporter.hurry(now)

    def opt(self, mrid: str, out: bool) -> None:
        """Opt the customer out of an event, or in again."""
        self.schedule, transitions = opt(self.schedule, mrid, out)
        self._respond(transitions)
        self._update_order(self.schedule.at)

    @property
    def next_run(self) -> float:
        """The next server second at which to call `run_until`."""
        return min((self._ran_until or 0.0) + MAX_STEP_S, self._next_change())

    @property
    def next_report(self) -> float | None:
        """The next server second at which to `report`; None before the EndDevice is there."""
        return min(self.reporter.due, self.file_loader.due) if self.discovered else None

    def _opt_out(self, now: int) -> list[Transition]:
        """Opt out of events that cost the customer comfort, and, by `faults`, of some at half their time."""
        transitions: list[Transition] = []
        uncomfortable = self.model.uncomfortable and self.model.limited
        for followed in self.schedule.running:
            event = followed.event
            half_over = self.faults.opt_out and 2 * now >= event.start + event.end
            if not event.mandatory and (
                uncomfortable or half_over and self.faults.opts_out(self.lfdi, event.mRID)
            ):
                self.schedule, opted_out = opt(self.schedule, event.mRID, True)
                transitions += opted_out
        return transitions

    def _respond(self, transitions: list[Transition]) -> None:
        for transition in transitions:
            event = transition.event
            self._on_event(
                Trace(transition.at, self.model.name, "response", f"{transition.status} {event.mRID}")
            )
            if event.reply_to and responses.response_due(transition):
                applied = self.model.applied_load_control(event.modes)
                document = responses.response(transition, self.lfdi, applied)
                name = responses.RESPONSE_NAMES[event.kind]
                self.reporter.send(PendingPost(event.reply_to, name, document))
            if transition.status >= ResponseStatus.STARTED:
                self.reporter.hurry(transition.at)

    def _request_reservation(self, transitions: list[Transition], now: int) -> None:
        """Request or cancel a flow reservation, as the device model needs."""
        discovered = self.discovered
        to = link_href(discovered.device, "FlowReservationRequestListLink") if discovered else None
        if to is None or discovered is None or reservation.MODE not in self.model.modes:
            return
        if self._reservation_ended(transitions):
            self.pending_request = self.pending_request._replace(completed=True)
        mrid = metering.mrid(self.lfdi, f"reservation {now}")
        running = any(reservation.MODE in followed.governed_modes for followed in self.schedule.running)
        self.pending_request, messages = reservation.next_request(
            self.pending_request, self.model.desired_reservation, running, discovered.requests, mrid, now
        )
        if self.model.uncomfortable:
            self.pending_request = self.pending_request._replace(urgent=True)
        for message in messages:
            replaces = message.href is not None
            self.reporter.send(
                PendingPost(message.href or to, "FlowReservationRequest", message.request, replaces)
            )
            self.reporter.hurry(now)

    def _reservation_ended(self, transitions: list[Transition]) -> bool:
        """Return whether the last reservation for the pending request has ended."""
        ended = any(
            transition.status in reservation.COMPLETED_STATUSES and self._answers_request(transition.event)
            for transition in transitions
        )
        return ended and not any(
            followed.phase != OVER and self._answers_request(followed.event)
            for followed in self.schedule.followed.values()
        )

    def _answers_request(self, event: Event) -> bool:
        """Return whether an event is the FlowReservationResponse to the pending request."""
        request = self.pending_request.request
        return (request is not None and event.kind == FLOW_RESERVATION_RESPONSE
                and int(event.modes[reservation.MODE]["subject"], 16) == int(request["mRID"], 16))

    def _limit_reservation(self, active: dict[str, ActiveMode], now: int) -> dict[str, ActiveMode]:
        """Return the active modes with a reservation limited to its remaining energy.

        While a request is waiting, the reservation is one without power.
        """
        granted = active.get(reservation.MODE)
        if granted is None:
            waiting = self.pending_request.request if self.pending_request.waiting else None
            if waiting is None:
                return active
            return active | {reservation.MODE: ActiveMode(reservation.NO_POWER, waiting["mRID"])}
        meter_wh = self.model.absorbed_wh - self.model.injected_wh
        used_wh = meter_wh - self._meter_at_start_wh.setdefault(granted.source, meter_wh)
        self._energy_used_up_at = now + max(1, reservation.remaining_s(granted.value, used_wh))
        limited = reservation.power_within_energy(granted.value, used_wh, 1)
        return active | {reservation.MODE: granted._replace(value=limited)}

    def _defaults(self) -> list[Default]:
        return self.discovered.defaults() if self.discovered else []

    def _gradient_percent_per_s(self) -> float:
        return effective_gradient(self._defaults(), self.model.settings)

    def _update_order(self, now: int) -> None:
        """Set the order from the active modes; a rampTms counts from the start of its mode."""
        modes = merge_modes(self.schedule.running, self._defaults(), self.model.modes)
        active = self._limit_reservation(modes, now)
        settings = self.model.settings._replace(gradient_percent_per_s=self._gradient_percent_per_s())
        curves = self.discovered.curves() if self.discovered else {}
        if active != self.active_modes:
            unramped = power_order(active, settings, curves)
            target_w = self.model.injection_w if unramped.target_w is None else unramped.target_w
            self._change_w = unramped.bounded(target_w) - self.model.injection_w
            self._on_event(Trace(now, self.model.name, "control", describe_modes(active)))
            self.active_modes = active
        self.order = power_order(active, settings, curves, self._change_w)._replace(
            next_target_at=self.schedule.next_start(SET_POINTS & self.model.modes))


def describe_modes(active: dict[str, ActiveMode]) -> str:
    """Return the modes in effect in one line: `opModMaxLimW 5000, opModConnect True`; "nothing" for none."""
    descriptions = (
        f"{mode.rpartition(':')[2]} {_brief(entry.value)}" for mode, entry in sorted(active.items())
    )
    return ", ".join(descriptions) or "nothing"


def _brief(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    value = value.get("powerAvailable", value)
    number = value.get("value", value.get("displacement"))
    return value["href"] if number is None else f"{number * 10.0 ** value.get('multiplier', 0):g}"
