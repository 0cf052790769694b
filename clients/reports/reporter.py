"""What an EndDevice sends to the server: answers and alarms as they come, documents and readings at the
postRate."""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from clients.devices.devicemodel import DeviceModel
from clients.events.events import LOAD
from clients.reports import metering, telemetry
from clients.transport.connection import Connection, Refusal
from clients.transport.discovery import DiscoveredDevice, Root, link_href

# "If not specified, a default of 900 seconds is used" for a postRate.
DEFAULT_POST_RATE = 900
# So many letters, and readings of so many periods, are kept while the server cannot be reached; then the
# oldest give way.
MAX_PENDING_POSTS = 200
MAX_PERIODS = 96
# What is no news by itself: that settings were confirmed later, or that time has passed.
IGNORED_FIELDS = {
    "DERSettings": {"updatedTime"},
    "DeviceStatus": {"changedTime", "opTime"},
    "PowerStatus": {"changedTime"},
}
# What is no news for devices that are many and are to say no more than they have to: the readings tell that
# they are there.
TERSE_IGNORED_FIELDS = {
    "DERAvailability": {"readingTime", "statWAvail", "availabilityDuration", "maxChargeDuration"},
    "DERStatus": {
        "readingTime",
        "inverterStatus",
        "localControlModeStatus",
        "operationalModeStatus",
        "genConnectStatus",
        "storConnectStatus",
        "storageModeStatus",
    },
    "PowerStatus": {"changedTime", "batteryStatus", "estimatedChargeRemaining"},
}
# How often a usage point is asked whether its postRate is another (server seconds).
POST_RATE_CHECK_S = 3600


class Trace(NamedTuple):
    """Something worth showing: server second, device's name, what ("enrolled", "response", "follows",
    "trouble"…)."""
    at: int
    name: str
    what: str
    detail: str


class PendingPost(NamedTuple):
    """Something to post. Each has an identity in itself (subject and status, an mRID, an ID and its time), by
    which a server knows it again: so it may be repeated when an answer was lost. With `put` it replaces what
    is there."""
    href: str
    name: str
    data: dict[str, Any]
    put: bool = False


class Period(NamedTuple):
    """What readings are of: the plant at the beginning and at the end of some time."""
    before: DeviceModel
    since: int
    after: DeviceModel
    until: int


class Reporter:
    """Sends for one EndDevice. `due` is the server second of the next report; reports and the periods of
    readings end at the multiples of the postRate, so that the readings of all devices are of the same
    time."""

    def __init__(self, lfdi: str, name: str, connection: Connection, tell: Callable[[Trace], None]):
        self.lfdi, self.name = lfdi, name
        self._connection, self._tell = connection, tell
        self._outbox: deque[PendingPost] = deque(maxlen=MAX_PENDING_POSTS)
        self._said: dict[str, dict[str, Any]] = {}
        self._sheds: dict[str, tuple[str | None, dict[str, Any]]] = {}
        self.due = 0.0
        self._rate = DEFAULT_POST_RATE
        self._usage_point: str | None = None
        self._asked_at = 0.0
        self._read_from: tuple[DeviceModel, int] | None = None
        self._periods: deque[Period] = deque(maxlen=MAX_PERIODS)
        self._began = 0
        self._log_number = 0

    def begin(self, plant: DeviceModel, now: int) -> None:
        """The device is switched on: readings count from here."""
        self._read_from, self._began = (plant, now), now

    def shift(self, seconds: float) -> None:
        """The server's clock was set by so many seconds."""
        self.due += seconds
        if self._read_from is not None:
            self._read_from = (self._read_from[0], self._read_from[1] + round(seconds))

    @property
    def period_end(self) -> int | None:
        """The server second at which the period of readings that has begun is to end."""
        return None if self._read_from is None else _next_multiple(self._rate, self._read_from[1])

    def read(self, plant: DeviceModel, now: int) -> bool:
        """Read the meter if a period ends; whether it does."""
        if self._read_from is None or now < _next_multiple(self._rate, self._read_from[1]):
            return False
        self._periods.append(Period(*self._read_from, plant, now))
        self._read_from = plant, now
        return True

    def send(self, letter: PendingPost) -> None:
        """Post this with the next report."""
        self._outbox.append(letter)

    def hurry(self, now: float) -> None:
        """Something has changed that the server wants to see before the next report is due."""
        self.due = min(self.due, now)

    def log_alarms(
        self, before: DeviceModel, after: DeviceModel, found: DiscoveredDevice | None, now: int
    ) -> None:
        """LogEvents for alarms that came or went."""
        to = link_href(found.device, "LogEventListLink") if found else None
        for event in telemetry.alarms(before.alarms, after.alarms, now, self._log_number):
            self._log_number += 1
            self._tell(Trace(now, self.name, "alarm", f"logEventCode {event['logEventCode']}"))
            self.hurry(now)
            if to is not None:
                self.send(PendingPost(to, "LogEvent", event))

    def report(
        self,
        root: Root,
        found: DiscoveredDevice | None,
        plant: DeviceModel,
        gradient: float,
        remote: bool,
        now: float,
    ) -> None:
        """Send what is due; raises Unreachable when the server cannot be reached, and has lost nothing
        then."""
        while self._outbox:
            letter = self._outbox[0]
            try:
                (self._connection.put if letter.put else self._connection.post)(*letter[:3])
            except Refusal as refusal:
                self._refused(refusal, now)
            self._outbox.popleft()
        if found is None or self._read_from is None or now < self.due:
            return
        if self._usage_point is None:
            self._rate = found.device.get("postRate") or DEFAULT_POST_RATE
        try:
            for to, name, data in self._documents(found, plant, gradient, remote, int(now)):
                self._put(to, name, data)
            self._post_sheds(found, plant)
            self._post_readings(root, plant, int(now))
        except Refusal as refusal:
            self._refused(refusal, now)
        self.due = _next_multiple(self._rate, now)

    def _documents(self, found: DiscoveredDevice, plant: DeviceModel, gradient: float, remote: bool,
                   now: int) -> list[tuple[str | None, str, dict[str, Any]]]:
        device = found.device
        said = [(link_href(device, f"{name}Link"), name, data) for name, data in (
            ("DeviceInformation", telemetry.information(plant, self.lfdi, self._began)),
            ("DeviceStatus", telemetry.device_status(plant, now, self._began)),
            ("PowerStatus", telemetry.power_status(plant, now)))]
        return said + [
            (link_href(der, f"{name}Link"), name, data)
            for der in found.ders[:1]
            for name, data in (
                ("DERCapability", telemetry.capability(plant)),
                ("DERSettings", telemetry.settings(plant, gradient, now)),
                ("DERStatus", telemetry.status(plant, now, remote)),
                ("DERAvailability", telemetry.availability(plant, now)),
            )
        ]

    def _put(self, to: str | None, name: str, data: dict[str, Any]) -> None:
        """PUT it, unless the server has it already."""
        news = {key: value for key, value in data.items() if key not in IGNORED_FIELDS.get(name, ())}
        if to is not None and self._said.get(to) != news:
            self._connection.put(to, name, data)
            self._said[to] = news

    def _post_sheds(self, found: DiscoveredDevice, plant: DeviceModel) -> None:
        """What could be shed, to each demand response program that wants to hear of it: once, and when it
        changes."""
        to = link_href(found.device, "LoadShedAvailabilityListLink")
        for program in found.programs if to is not None else ():
            said = telemetry.load_shed(plant, program.href) if program.kind == LOAD else None
            at, before = self._sheds.get(program.href, (None, None))
            if to is None or said is None or not telemetry.exceeds_threshold(program.data, before, said):
                continue
            self._sheds.pop(program.href, None)     # where it is refused, it is posted anew
            if at is None:
                at = self._connection.post(to, "LoadShedAvailability", said).location
            else:
                self._connection.put(at, "LoadShedAvailability", said)
            self._sheds[program.href] = at, said

    def _post_readings(self, root: Root, plant: DeviceModel, now: int) -> None:
        if root.mirror_list is None:
            return
        if self._usage_point is None:
            point = metering.usage_point(plant, self.lfdi, self._rate)
            self._usage_point = self._connection.post(root.mirror_list, "MirrorUsagePoint", point).location
            self._tell(
                Trace(now, self.name, "metering", self._usage_point or "nowhere: no Location was given")
            )
            self._asked_at = -math.inf
        try:
            while self._usage_point is not None and self._periods:
                self._post_period(self._usage_point, self._periods[0], now)
                self._periods.popleft()
        except Refusal as refusal:
            if refusal.status == 404:
                self._usage_point = None
            else:
                self._periods.popleft()
            raise

    def _post_period(self, to: str, period: Period, now: int) -> None:
        if now >= self._asked_at + POST_RATE_CHECK_S:
            self._rate = self._connection.get(to).data.get("postRate") or self._rate
            self._asked_at = now
        before, since, after, until = period
        self._connection.post(
            to, "MirrorMeterReadingList", metering.readings(before, after, self.lfdi, since, until)
        )
        self._tell(Trace(until, self.name, "reading", f"{after.power:.0f} W"))

    def _refused(self, refusal: Refusal, now: float) -> None:
        self._tell(Trace(int(now), self.name, "trouble", str(refusal)))


def _next_multiple(of: int, after: float) -> int:
    return (int(after) // of + 1) * of
