"""Reports of one EndDevice: Responses and alarms as they occur, documents and readings at the postRate."""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from clients.devices.devicemodel import DeviceModel
from clients.events.events import END_DEVICE_CONTROL
from clients.reports import metering, telemetry
from clients.transport.connection import Connection, Refusal
from clients.transport.discovery import DiscoveredDevice, Root, link_href

# "If not specified, a default of 900 seconds is used" for a postRate.
DEFAULT_POST_RATE = 900
# So many posts, and readings of so many periods, are kept while the server cannot be reached; then the oldest
# are dropped.
MAX_PENDING_POSTS = 200
MAX_PERIODS = 96
FIRST_VERSION = "1"
"""The version of a device's software before it has loaded another."""
# A change of these fields alone is not sent: settings were confirmed later, or time has passed.
IGNORED_FIELDS = {
    "DERSettings": {"updatedTime"},
    "DeviceStatus": {"changedTime", "opTime"},
    "PowerStatus": {"changedTime"},
}
# Likewise for devices in large number that are to send as little as possible (`--terse`): the readings show
# that they are connected.
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
# How often the postRate of a usage point is read again (server seconds).
POST_RATE_CHECK_S = 3600


class Trace(NamedTuple):
    """Something that is worth printing: server second, the device's name, the kind ("enrolled", "registered",
    "response", "control", "metering", "reading", "alarm", "error") and the details."""
    at: int
    name: str
    kind: str
    detail: str


class PendingPost(NamedTuple):
    """A document to POST, or, with `put`, to PUT in place of the one there.

    Each has an identity of its own (subject and status, an mRID, an ID and its time) by which a server
    recognises it. So it may be repeated when an answer was lost.
    """
    href: str
    name: str
    data: dict[str, Any]
    put: bool = False


class Period(NamedTuple):
    """The device model at the beginning and at the end of a period of readings."""
    before: DeviceModel
    since: int
    after: DeviceModel
    until: int


class Reporter:
    """Sends the reports of one EndDevice.

    `due` is the server second of the next report. Reports and periods of readings end at multiples of the
    postRate, so that the readings of all devices cover the same time.
    """

    def __init__(self, lfdi: str, name: str, connection: Connection, on_event: Callable[[Trace], None]):
        self.lfdi, self.name = lfdi, name
        self._connection, self._on_event = connection, on_event
        self._outbox: deque[PendingPost] = deque(maxlen=MAX_PENDING_POSTS)
        # the last documents that were PUT, by href, without the ignored fields
        self._reported: dict[str, dict[str, Any]] = {}
        # by DemandResponseProgram: the href of its LoadShedAvailability, and the last one that was sent
        self._load_sheds: dict[str, tuple[str | None, dict[str, Any]]] = {}
        self.due = 0.0
        self.software_version = FIRST_VERSION
        self._post_rate_s = DEFAULT_POST_RATE
        self._usage_point: str | None = None
        self._post_rate_read_at = 0.0
        self._period_start: tuple[DeviceModel, int] | None = None
        self._periods: deque[Period] = deque(maxlen=MAX_PERIODS)
        self._switched_on_at = 0
        self._next_log_id = 0

    def begin(self, model: DeviceModel, now: int) -> None:
        """Switch the device on: readings count from here."""
        self._period_start, self._switched_on_at = (model, now), now

    def shift_clock(self, seconds: float) -> None:
        """Follow a server whose clock was set by so many seconds."""
        self.due += seconds
        if self._period_start is not None:
            self._period_start = (self._period_start[0], self._period_start[1] + round(seconds))

    @property
    def period_end(self) -> int | None:
        """The server second at which the current period of readings ends; None before `begin`."""
        if self._period_start is None:
            return None
        return _next_multiple(self._post_rate_s, self._period_start[1])

    def read(self, model: DeviceModel, now: int) -> bool:
        """Read the meter if a period of readings ends; return whether one does."""
        if self._period_start is None or now < _next_multiple(self._post_rate_s, self._period_start[1]):
            return False
        self._periods.append(Period(*self._period_start, model, now))
        self._period_start = model, now
        return True

    def send(self, post: PendingPost) -> None:
        """Send this with the next report."""
        self._outbox.append(post)

    def hurry(self, now: float) -> None:
        """Report at `now`, if that is before the next report is due."""
        self.due = min(self.due, now)

    def log_alarms(
        self, before: DeviceModel, after: DeviceModel, discovered: DiscoveredDevice | None, now: int
    ) -> None:
        """Send LogEvents for alarms that came or went."""
        href = link_href(discovered.device, "LogEventListLink") if discovered else None
        for event in telemetry.alarms(before.alarms, after.alarms, now, self._next_log_id):
            self._next_log_id += 1
            self._on_event(Trace(now, self.name, "alarm", f"logEventCode {event['logEventCode']}"))
            self.hurry(now)
            if href is not None:
                self.send(PendingPost(href, "LogEvent", event))

    def report(
        self,
        root: Root,
        discovered: DiscoveredDevice | None,
        model: DeviceModel,
        gradient_percent_per_s: float,
        remote: bool,
        now: float,
    ) -> None:
        """Send what is due.

        Raises Unreachable when the server cannot be reached; nothing is lost then.
        """
        self._send_outbox(now)
        if discovered is None or self._period_start is None or now < self.due:
            return
        if self._usage_point is None:
            self._post_rate_s = discovered.device.get("postRate") or DEFAULT_POST_RATE
        try:
            documents = self._documents(discovered, model, gradient_percent_per_s, remote, int(now))
            for href, name, data in documents:
                self._put(href, name, data)
            self._post_load_sheds(discovered, model)
            self._post_readings(root, model, int(now))
        except Refusal as refusal:
            self._on_refusal(refusal, now)
        self.due = _next_multiple(self._post_rate_s, now)

    def _send_outbox(self, now: float) -> None:
        while self._outbox:
            post = self._outbox[0]
            try:
                (self._connection.put if post.put else self._connection.post)(*post[:3])
            except Refusal as refusal:
                self._on_refusal(refusal, now)
            self._outbox.popleft()

    def _documents(
        self,
        discovered: DiscoveredDevice,
        model: DeviceModel,
        gradient_percent_per_s: float,
        remote: bool,
        now: int,
    ) -> list[tuple[str | None, str, dict[str, Any]]]:
        """Return the documents of the device and of its first DER, each with its href and name."""
        device = discovered.device
        documents = [
            (link_href(device, f"{name}Link"), name, data)
            for name, data in (
                ("DeviceInformation", telemetry.information(
                    model, self.lfdi, self._switched_on_at, self.software_version)),
                ("DeviceStatus", telemetry.device_status(model, now, self._switched_on_at)),
                ("PowerStatus", telemetry.power_status(model, now)),
            )
        ]
        return documents + [
            (link_href(der, f"{name}Link"), name, data)
            for der in (discovered.ders[:1] if model.der_type is not None else [])
            for name, data in (
                ("DERCapability", telemetry.capability(model)),
                ("DERSettings", telemetry.settings(model, gradient_percent_per_s, now)),
                ("DERStatus", telemetry.status(model, now, remote)),
                ("DERAvailability", telemetry.availability(model, now)),
            )
        ]

    def _put(self, href: str | None, name: str, data: dict[str, Any]) -> None:
        """PUT a document, unless the server has it already."""
        compared = {key: value for key, value in data.items() if key not in IGNORED_FIELDS.get(name, ())}
        if href is not None and self._reported.get(href) != compared:
            self._connection.put(href, name, data)
            self._reported[href] = compared

    def _post_load_sheds(self, discovered: DiscoveredDevice, model: DeviceModel) -> None:
        """Send LoadShedAvailability to each demand response program that wants it: at first, and when it
        changes."""
        list_href = link_href(discovered.device, "LoadShedAvailabilityListLink")
        if list_href is None:
            return
        for program in discovered.programs:
            if program.kind != END_DEVICE_CONTROL:
                continue
            document = telemetry.load_shed(model, program.href)
            href, last = self._load_sheds.get(program.href, (None, None))
            if document is None or not telemetry.exceeds_threshold(program.data, last, document):
                continue
            self._load_sheds.pop(program.href, None)     # where it is refused, it is posted anew
            if href is None:
                href = self._connection.post(list_href, "LoadShedAvailability", document).location
            else:
                self._connection.put(href, "LoadShedAvailability", document)
            self._load_sheds[program.href] = href, document

    def _post_readings(self, root: Root, model: DeviceModel, now: int) -> None:
        if root.mirror_list is None:
            return
        if self._usage_point is None:
            point = metering.usage_point(model, self.lfdi, self._post_rate_s)
            self._usage_point = self._connection.post(root.mirror_list, "MirrorUsagePoint", point).location
            detail = self._usage_point or "the server returned no Location"
            self._on_event(Trace(now, self.name, "metering", detail))
            self._post_rate_read_at = -math.inf
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

    def _post_period(self, href: str, period: Period, now: int) -> None:
        if now >= self._post_rate_read_at + POST_RATE_CHECK_S:
            self._post_rate_s = self._connection.get(href).data.get("postRate") or self._post_rate_s
            self._post_rate_read_at = now
        before, since, after, until = period
        self._connection.post(
            href, "MirrorMeterReadingList", metering.readings(before, after, self.lfdi, since, until)
        )
        self._on_event(Trace(until, self.name, "reading", f"{after.injection_w:.0f} W"))

    def _on_refusal(self, refusal: Refusal, now: float) -> None:
        self._on_event(Trace(int(now), self.name, "error", str(refusal)))


def _next_multiple(of: int, after: float) -> int:
    return (int(after) // of + 1) * of
