"""One EndDevice's life: it follows its programs' events, moves its plant, answers, and says how it is.

A device has one of these, an aggregator one for each EndDevice it manages.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.devices.faults import NONE, Faults
from clients.events import reservation, responses
from clients.events.control import ActiveMode, Default, PowerOrder, gradient, merge_modes, power_order
from clients.events.events import GRANT, Event
from clients.events.reservation import PendingRequest
from clients.events.schedule import OVER, STARTED, Schedule, Transition, advance, opt
from clients.reports import metering
from clients.reports.reporter import PendingPost, Reporter, Trace
from clients.transport.connection import Connection
from clients.transport.discovery import DiscoveredDevice, Root, link_href

# A device looks at itself at least so often (server seconds).
MAX_STEP_S = 60


def ignore_interval(_: int, __: DeviceModel) -> None:
    """Nobody looks on."""


class EventClient:
    """State of one EndDevice. `plant` is its hardware; `found` what the last walk found for it (None:
    nothing). `watch(second, plant)` is called with the plant as it is when it begins and when a period of its
    readings ends."""

    def __init__(self, lfdi: str, plant: DeviceModel, connection: Connection, tell: Callable[[Trace], None]):
        self.lfdi, self.plant = lfdi, plant
        self._tell = tell
        self.reporter = Reporter(lfdi, plant.name, connection, tell)
        self.found: DiscoveredDevice | None = None
        self.manner: Faults = NONE
        self.watch: Callable[[int, DeviceModel], None] = ignore_interval
        self.schedule = Schedule()
        self.held: dict[str, ActiveMode] = {}
        self.order = PowerOrder()
        self.asked = PendingRequest()
        self._metered: dict[str, float] = {}
        self._used_up = 0.0
        self._ran_until: float | None = None
        self._change = 0.0
        self._listed: tuple[DiscoveredDevice | None, list[Event]] = None, []

    def live(self, now: float) -> None:
        """Come to server second `now` with what is known: events turn, the plant runs, however late this is
        called. Asks the server nothing."""
        if self._ran_until is None:
            self._ran_until = now
            self.reporter.begin(self.plant, int(now))
            self.watch(int(now), self.plant)
        while self._ran_until < (stop := self._next_stop()) < now:
            self._live(self._ran_until, stop)
        self._live(self._ran_until, now)

    def catch_up(self, now: float) -> None:
        """Come to `now` if that is ahead, before something new is read that nobody knew until now."""
        if self._ran_until is not None and self._ran_until < now:
            self.live(now)

    def _next_stop(self) -> float:
        """The next second after the last at which an event turns, a period of readings ends, what was granted
        is used up, or the device has news."""
        last = self._ran_until or 0.0
        stops = (self.schedule.next_change, self.reporter.period_end, self._used_up, self.plant.turns(last))
        return min((stop for stop in stops if stop is not None and stop > last), default=math.inf)

    def _live(self, since: float, now: float) -> None:
        second = int(now)
        before = self.plant
        self.plant = self.plant.run(self.order, since, now)
        self._ran_until = now
        if self.reporter.read(self.plant, second):
            self.watch(second, self.plant)
        if self.manner.silent:
            return
        self.reporter.log_alarms(before, self.plant, self.found, second)
        self.schedule, happened = advance(self.schedule, self._events(), second, self.plant.modes)
        happened += self._opt_out(second)
        self._answer(happened)
        self._ask(happened, second)
        self._obey(second)

    def _events(self) -> list[Event]:
        """The events of what the last walk has found."""
        if self._listed[0] is not self.found:
            self._listed = self.found, self.found.events(self.lfdi, self.plant.category) if self.found else []
        return self._listed[1]

    def shift(self, seconds: float) -> None:
        """The server's clock was set by so many seconds: events are judged by it, but the device has not
        lived them."""
        if self._ran_until is not None:
            self._ran_until += seconds
        self.reporter.shift(seconds)

    def report(self, root: Root, now: float) -> None:
        """Send what is due to be sent; raises Unreachable when the server cannot be reached."""
        remote = any(one.source in self.schedule.followed for one in self.held.values())
        self.reporter.report(root, self.found, self.plant, self._gradient(), remote, now)

    def opt(self, mrid: str, out: bool) -> None:
        """The customer opts out of an event, or in again."""
        self.schedule, happened = opt(self.schedule, mrid, out)
        self._answer(happened)
        self._obey(self.schedule.at)

    @property
    def next_turn(self) -> float:
        """The next server second at which to `live`."""
        return min((self._ran_until or 0.0) + MAX_STEP_S, self._next_stop())

    @property
    def next_report(self) -> float | None:
        """The next server second at which to `report`; None while nobody waits for a report."""
        return self.reporter.due if self.found else None

    def _opt_out(self, now: int) -> list[Transition]:
        """The customer leaves what costs them comfort, and what they do not like when half of it is over."""
        happened: list[Transition] = []
        suffers = self.plant.unwilling and self.plant.limited
        for one in self.schedule.running:
            tired = self.manner.opt_out and 2 * now >= one.event.start + one.event.end
            if not one.event.mandatory and (
                suffers or tired and self.manner.leaves(self.lfdi, one.event.mRID)
            ):
                self.schedule, more = opt(self.schedule, one.event.mRID, True)
                happened += more
        return happened

    def _answer(self, happened: list[Transition]) -> None:
        for one in happened:
            self._tell(Trace(one.at, self.plant.name, "response", f"{one.status} {one.event.mRID}"))
            if one.event.reply_to and responses.response_due(one):
                said = responses.response(one, self.lfdi, self.plant.applied(one.event.modes))
                self.reporter.send(
                    PendingPost(one.event.reply_to, responses.RESPONSE_NAMES[one.event.kind], said)
                )
            if one.status >= STARTED:
                self.reporter.hurry(one.at)

    def _ask(self, happened: list[Transition], now: int) -> None:
        """Ask for a flow reservation, or take the request back, as the plant wishes."""
        to = link_href(self.found.device, "FlowReservationRequestListLink") if self.found else None
        if to is None or self.found is None or reservation.MODE not in self.plant.modes:
            return
        ended = [
            one.event
            for one in happened
            if one.status in reservation.COMPLETED_STATUSES and self._mine(one.event)
        ]
        if ended and not any(
            one.phase != OVER and self._mine(one.event) for one in self.schedule.followed.values()
        ):
            self.asked = self.asked._replace(done=True)
        name = metering.mrid(self.lfdi, f"reservation {now}")
        running = any(reservation.MODE in one.held for one in self.schedule.running)
        self.asked, said = reservation.next_request(
            self.asked, self.plant.wish, running, self.found.requests, name, now
        )
        if self.plant.unwilling:
            self.asked = self.asked._replace(urgent=True)
        for one in said:
            self.reporter.send(
                PendingPost(one.href or to, "FlowReservationRequest", one.request, one.href is not None)
            )
            self.reporter.hurry(now)

    def _mine(self, event: Event) -> bool:
        """Whether this grants what was asked for last."""
        request = self.asked.request
        return (request is not None and event.kind == GRANT
                and int(event.modes[reservation.MODE]["subject"], 16) == int(request["mRID"], 16))

    def _reserved(self, held: dict[str, ActiveMode], now: int) -> dict[str, ActiveMode]:
        """What is held, with a grant as far as its energy goes, or standing still where one is waited for."""
        one = held.get(reservation.MODE)
        if one is None:
            waits = self.asked.request if self.asked.waits else None
            return (
                held | {reservation.MODE: ActiveMode(reservation.NO_POWER, waits["mRID"])} if waits else held
            )
        meter = self.plant.absorbed - self.plant.injected
        flowed = meter - self._metered.setdefault(one.source, meter)
        self._used_up = now + max(1, reservation.remaining_s(one.value, flowed))
        return held | {
            reservation.MODE: one._replace(value=reservation.power_within_energy(one.value, flowed, 1))
        }

    def _defaults(self) -> list[Default]:
        return self.found.defaults() if self.found else []

    def _gradient(self) -> float:
        return gradient(self._defaults(), self.plant.settings)

    def _obey(self, now: int) -> None:
        """Work out the order from what is held; a rampTms counts from the moment that its mode comes into
        force."""
        held = self._reserved(merge_modes(self.schedule.running, self._defaults(), self.plant.modes), now)
        settings = self.plant.settings._replace(grad_w=self._gradient())
        curves = self.found.curves() if self.found else {}
        if held != self.held:
            aim = power_order(held, settings, curves)
            wanted = self.plant.power if aim.target is None else aim.target
            self._change = aim.bounded(wanted) - self.plant.power
            self._tell(Trace(now, self.plant.name, "follows", describe_modes(held)))
            self.held = held
        self.order = power_order(held, settings, curves, self._change)


def describe_modes(held: dict[str, ActiveMode]) -> str:
    """The modes in effect in one line: `opModMaxLimW 5000, opModConnect True`; "nothing" for none."""
    return (
        ", ".join(f"{mode.rpartition(':')[2]} {_brief(one.value)}" for mode, one in sorted(held.items()))
        or "nothing"
    )


def _brief(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    value = value.get("powerAvailable", value)
    number = value.get("value", value.get("displacement"))
    return value["href"] if number is None else f"{number * 10.0 ** value.get('multiplier', 0):g}"
