"""One EndDevice's life: it follows its programs' events, moves its plant, answers, and says how it is.

A device has one of these, an aggregator one for each EndDevice it manages.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from . import metering, responses, telemetry
from .connection import Connection, Refusal, Unreachable
from .control import Default, Held, Order, gradient, merged, order
from .discovery import Found, Root, href
from .plant import Plant
from .schedule import STARTED, Schedule, Transition, advance, opt

# "If not specified, a default of 900 seconds is used" for a postRate.
DEFAULT_POST_RATE = 900
# A device looks at itself at least so often (server seconds).
PULSE = 60
# Answers are kept so long while the server cannot be reached; then the oldest give way.
OUTBOX = 200


class Happening(NamedTuple):
    """Something worth showing: server second, device's name, what ("enrolled", "response", "follows", "trouble"…)."""
    at: int
    name: str
    what: str
    detail: str


class Letter(NamedTuple):
    """Something to post. Each has an identity in itself (subject and status, an mRID, an ID and its time), by which
    a server knows it again: so it may be repeated when an answer was lost."""
    href: str
    name: str
    data: dict[str, Any]


class Follower:
    """State of one EndDevice. `plant` is its hardware; `found` what the last walk found for it."""

    def __init__(self, lfdi: str, plant: Plant, connection: Connection, tell: Callable[[Happening], None]):
        self.lfdi, self.plant = lfdi, plant
        self._connection, self._tell = connection, tell
        self.found: Found | None = None
        self.schedule = Schedule()
        self.held: dict[str, Held] = {}
        self.order = Order()
        self.outbox: deque[Letter] = deque(maxlen=OUTBOX)
        self._began: int | None = None
        self._ran_until = 0.0
        self._said: dict[str, dict[str, Any]] = {}
        self._post_due = 0.0
        self._read_from: tuple[Plant, int] = (plant, 0)
        self._usage_point: str | None = None
        self._post_rate = DEFAULT_POST_RATE
        self._log_number = 0
        self._change = 0.0

    # --- following ------------------------------------------------------------------------------------------------

    def live(self, now: float) -> None:
        """Come to server second `now` with what is known: events turn, the plant runs. Asks the server nothing."""
        second = int(now)
        if self._began is None:
            self._began, self._ran_until, self._read_from = second, now, (self.plant, second)
        before = self.plant
        self.plant = self.plant.run(self.order, self._ran_until, now)
        self._ran_until = max(self._ran_until, now)
        self._log_alarms(before, second)
        listed = self.found.events(self.lfdi, self.plant.category) if self.found else []
        self.schedule, happened = advance(self.schedule, listed, max(second, self.schedule.at), self.plant.modes)
        if self.plant.unwilling:
            happened += self._opt_out()
        for transition in happened:
            self._answer(transition)
        self._obey(second)

    def opt(self, mrid: str, out: bool) -> None:
        """The customer opts out of an event, or in again."""
        self.schedule, happened = opt(self.schedule, mrid, out)
        for transition in happened:
            self._answer(transition)
        self._obey(self.schedule.at)

    @property
    def next_turn(self) -> float:
        """The next server second at which to `live`."""
        change = self.schedule.next_change
        return self._ran_until + PULSE if change is None else min(change, self._ran_until + PULSE)

    @property
    def next_report(self) -> float | None:
        """The next server second at which to `report`; None while nobody waits for a report."""
        return self._post_due if self.found else None

    def _opt_out(self) -> list[Transition]:
        happened: list[Transition] = []
        for one in self.schedule.running:
            self.schedule, more = opt(self.schedule, one.event.mRID, True)
            happened += more
        return happened

    def _answer(self, transition: Transition) -> None:
        self._tell(Happening(transition.at, self.plant.name, "response", f"{transition.status} {transition.event.mRID}"))
        if responses.asked(transition):
            assert transition.event.reply_to is not None
            self.outbox.append(Letter(transition.event.reply_to, "DERControlResponse",
                                      responses.response(transition, self.lfdi)))
        if transition.status >= STARTED:
            self._post_due = min(self._post_due, transition.at)

    def _defaults(self) -> list[Default]:
        return self.found.defaults() if self.found else []

    def _obey(self, now: int) -> None:
        """Work out the order from what is held; a rampTms counts from the moment that its mode comes into force."""
        held = merged(self.schedule.running, self._defaults(), self.plant.modes)
        settings = self.plant.settings._replace(grad_w=gradient(self._defaults(), self.plant.settings))
        curves = self.found.curves() if self.found else {}
        if held != self.held:
            aim = order(held, settings, curves)
            wanted = self.plant.power if aim.target is None else aim.target
            self._change = aim.bounded(wanted) - self.plant.power
            self._tell(Happening(now, self.plant.name, "follows", describe(held)))
            self.held = held
        self.order = order(held, settings, curves, self._change)

    # --- saying ---------------------------------------------------------------------------------------------------

    def report(self, root: Root, now: float) -> None:
        """Send what is due to be sent; raises Unreachable when the server cannot be reached."""
        while self.outbox:
            letter = self.outbox[0]
            try:
                self._connection.post(letter.href, letter.name, letter.data)
            except Refusal as refusal:
                self._trouble(now, refusal)
            self.outbox.popleft()
        if self.found is None or self._began is None or now < self._post_due:
            return
        self._post_rate = self.found.device.get("postRate") or DEFAULT_POST_RATE
        try:
            self._put_documents(int(now))
            self._post_readings(root, int(now))
        except Refusal as refusal:
            self._trouble(now, refusal)
        self._post_due = now + self._post_rate

    def _put_documents(self, now: int) -> None:
        assert self.found is not None and self._began is not None
        plant, device = self.plant, self.found.device
        remote = any(one.source in self.schedule.followed for one in self.held.values())
        self._put(href(device, "DeviceInformationLink"), "DeviceInformation",
                  telemetry.information(plant, self.lfdi, self._began))
        self._put(href(device, "DeviceStatusLink"), "DeviceStatus", telemetry.device_status(plant, now, self._began))
        self._put(href(device, "PowerStatusLink"), "PowerStatus", telemetry.power_status(plant, now))
        for der in self.found.ders[:1]:
            grad = gradient(self._defaults(), plant.settings)
            self._put(href(der, "DERCapabilityLink"), "DERCapability", telemetry.capability(plant))
            self._put(href(der, "DERSettingsLink"), "DERSettings", telemetry.settings(plant, grad, now))
            self._put(href(der, "DERStatusLink"), "DERStatus", telemetry.status(plant, now, remote))
            self._put(href(der, "DERAvailabilityLink"), "DERAvailability", telemetry.availability(plant, now))

    def _put(self, to: str | None, name: str, data: dict[str, Any]) -> None:
        """PUT it, unless the server has it already; what is only later than before is no news for settings."""
        if to is None:
            return
        news = {key: value for key, value in data.items() if key != "updatedTime"}
        if self._said.get(to) != news:
            self._connection.put(to, name, data)
            self._said[to] = news

    def _post_readings(self, root: Root, now: int) -> None:
        if root.mirror_list is None:
            return
        if self._usage_point is None:
            point = metering.usage_point(self.plant, self.lfdi, self._post_rate)
            stated = self._connection.post(root.mirror_list, "MirrorUsagePoint", point)
            self._usage_point = stated.location
            self._tell(Happening(now, self.plant.name, "metering", stated.location or "no Location"))
        before, since = self._read_from
        if self._usage_point is None or now <= since:
            return
        listing = metering.readings(before, self.plant, self.lfdi, since, now)
        try:
            self._post_rate = self._connection.get(self._usage_point).data.get("postRate") or self._post_rate
            self._connection.post(self._usage_point, "MirrorMeterReadingList", listing)
        except Refusal as refusal:
            if refusal.status == 404:
                self._usage_point = None
            raise
        self._read_from = (self.plant, now)
        self._tell(Happening(now, self.plant.name, "reading", f"{self.plant.power:.0f} W"))

    def _log_alarms(self, before: Plant, now: int) -> None:
        to = href(self.found.device, "LogEventListLink") if self.found else None
        events = telemetry.alarms(before.alarms, self.plant.alarms, now, self._log_number)
        self._log_number += len(events)
        for event in events:
            self._tell(Happening(now, self.plant.name, "alarm", f"logEventCode {event['logEventCode']}"))
            if to is not None:
                self.outbox.append(Letter(to, "LogEvent", event))
        if events:
            self._post_due = min(self._post_due, now)

    def _trouble(self, now: float, trouble: Refusal | Unreachable) -> None:
        self._tell(Happening(int(now), self.plant.name, "trouble", str(trouble)))


def describe(held: dict[str, Held]) -> str:
    """The modes in effect in one line: `opModMaxLimW 5000, opModConnect True`; "nothing" for none."""
    return ", ".join(f"{mode.rpartition(':')[2]} {_brief(one.value)}" for mode, one in sorted(held.items())) or "nothing"


def _brief(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {"value", "multiplier"}:
        return str(value["value"] * 10 ** value["multiplier"])
    return value.get("href", str(value)) if isinstance(value, dict) else str(value)
