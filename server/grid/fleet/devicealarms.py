"""Alarms of devices that are open, from the LogEvents that begin and end them.

CSIP (table 14) has two LogEvents of the function set DER for each alarm: that with an even code says that it
has begun, the next that it is over.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypedDict

from server import scopes
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import Device, Document, pages
from server.resources import documents
from server.resources.codes import Alarm, LogFunctionSet, LogProfile
from server.units import Href, Instant, Lfdi

# The bit of DERStatus/alarmStatus has the number of the alarm.
NAMES = {alarm.value.bit_length() - 1: str(alarm.name).lower().replace("_", " ") for alarm in Alarm}


class DeviceAlarmRow(TypedDict):
    """An alarm of a device that has begun and is not over; `since` by the clock of the device, `details` in
    its own words, `log_event` the href of the LogEvent."""
    device: str
    lfdi: Lfdi
    alarm: str
    since: Instant
    details: str
    log_event: Href


class OpenAlarm(NamedTuple):
    """The LogEvent (its href and data) that began an alarm, which is not over."""
    name: str
    href: Href
    data: dict[str, Any]


def open_alarms(events: Iterable[tuple[Href, dict[str, Any]]]) -> list[OpenAlarm]:
    """Return the alarms that stand by a device's LogEvents (href and data), in any order, the oldest first.
    Pure."""
    newest: dict[int, tuple[tuple[int, int], OpenAlarm | None]] = {}
    for href, data in events:
        if data["functionSet"] != LogFunctionSet.DER or data["profileID"] != LogProfile.IEEE_2030_5:
            continue
        number, is_over = divmod(data["logEventCode"], 2)
        if number not in NAMES:
            continue
        at = (data["createdDateTime"], data["logEventID"])
        if number not in newest or newest[number][0] <= at:
            newest[number] = (at, None if is_over else OpenAlarm(NAMES[number], href, data))
    return [alarm for _, alarm in sorted(newest.values(), key=lambda entry: entry[0]) if alarm is not None]


def rows(vder: str | int | None = None) -> Iterator[DeviceAlarmRow]:
    """Yield the open alarms of the members of a virtual DER, or of all devices, device by device. Refused
    (404) where there is no such virtual DER."""
    query = (scopes.devices(Device.select()) if vder is None
             else virtualders.members(virtualders.find(vder)).order_by())
    return _rows(query)


def _rows(query: pages.Query) -> Iterator[DeviceAlarmRow]:
    for page in pages.rows(query, Device.id):
        lists = {f"{enrolment.href(device)}/lel": device for device in page}
        events: dict[Href, list[Document]] = defaultdict(list)
        for document in documents.among("parent", lists):
            events[document.parent].append(document)
        for href, device in lists.items():
            for alarm in open_alarms((event.href, event.submitted) for event in events[href]):
                yield {"device": device.name or device.lfdi, "lfdi": device.lfdi, "alarm": alarm.name,
                       "since": alarm.data["createdDateTime"], "details": alarm.data.get("details", ""),
                       "log_event": alarm.href}
