"""MirrorUsagePoint: devices post readings; what they post is served as UsagePoint (IEEE 2030.5-2018, 10.11).

A mirror leads to a UsagePoint with the same mRID, each MirrorMeterReading to a MeterReading with the same
mRID. A mirror or a reading that is stated again under its mRID replaces what it said before.
"""
from __future__ import annotations

from typing import Any

from flask import Response

from server import clock
from server.devices import access
from server.errors import Refused
from server.models import Document
from server.protocol import answers, views
from server.protocol.views import RequestContext
from server.resources import hexbinary, meterreadings, schema, store, table
from server.resources.hooks import Change, after, before, instead
from server.resources.schema import SUBMITTED

Data = dict[str, Any]
_VALUES = ("Reading", "MirrorReadingSet")
_MIRROR_ONLY = ("MirrorMeterReading", "deviceLFDI", "postRate", "UsagePointLink", "subscribable", "href")


@before("POST", "MirrorUsagePoint")
@before("PUT", "MirrorUsagePoint")
def _check(change: Change) -> None:
    lfdi, who = change.data["deviceLFDI"], change.caller
    if who is not None and not access.writable(who, lfdi):
        raise Refused(403, f"MirrorUsagePoint/deviceLFDI: {lfdi} is not a device you post for")
    change.audience = lfdi
    for known in filter(
        None, (store.find(change.data["mRID"], kind) for kind in ("MirrorUsagePoint", "UsagePoint"))
    ):
        if known.audience != lfdi:
            raise Refused(409, "MirrorUsagePoint/mRID: it belongs to another mirror")
        if known.kind == "MirrorUsagePoint" and not change.href:
            change.href, change.old = known.href, known.submitted
    for key in ("mRID", "deviceLFDI"):
        if change.old and change.old[key] != change.data[key]:
            raise Refused(409, f"MirrorUsagePoint/{key}: a mirror keeps it; this one has {change.old[key]}")
    change.notes["said"] = said = change.data.get("MirrorMeterReading", [])
    kept = {each["mRID"]: each for each in (change.old or {}).get("MirrorMeterReading", [])}
    kept |= {each["mRID"]: {**hexbinary.comparable(kept.get(each["mRID"], {})), **_without_values(each)}
             for each in said}
    if kept:
        change.data["MirrorMeterReading"] = list(kept.values())


@after("POST", "MirrorUsagePoint")
@after("PUT", "MirrorUsagePoint")
def _mirror(change: Change) -> None:
    point = store.find(change.data["mRID"], "UsagePoint")
    shown = {key: value for key, value in change.data.items() if key not in _MIRROR_ONLY}
    if point is None:
        href = store.add("UsagePoint", "/upt", shown, audience=change.audience)
    else:
        href = point.href
        store.put(href, shown)
    for said in change.notes["said"]:
        _take(href, change.audience or "", said, f"MirrorUsagePoint/MirrorMeterReading {said['mRID']}")


@instead("POST", "MirrorUsagePoint")
def post_readings(ask: RequestContext) -> Response:
    """A MirrorMeterReading, or a list of them, for a mirror; Location names the (last) MeterReading."""
    name, data = views.read(ask.request)
    if name not in ask.match.row.posted:
        raise Refused(400, f"{ask.href} takes {' or '.join(ask.match.row.posted)}, not {name}")
    said = data.get("MirrorMeterReading", []) if name == "MirrorMeterReadingList" else [data]
    if not said:
        raise Refused(400, "MirrorMeterReadingList/MirrorMeterReading: there is none")
    with store.transaction(ask.href):
        mirror = store.get(ask.href)
        if mirror is None or not access.writable(ask.who, mirror.audience):
            raise Refused(404, access.NOT_THERE)
        location = take(mirror, said)
    return answers.empty(201, location)


def take(mirror: Document, said: list[Data]) -> str:
    """Keep what was read; the href of the last MeterReading. Refused where an mRID is not of this mirror."""
    point = store.find(mirror.submitted["mRID"], "UsagePoint")
    if point is None:
        raise Refused(409, f"{mirror.href} has lost its UsagePoint")
    known = {each["mRID"] for each in mirror.submitted.get("MirrorMeterReading", [])}
    fresh = {each["mRID"]: _without_values(each) for each in reversed(said) if each["mRID"] not in known}
    location = ""
    for each in said:
        location = _take(point.href, mirror.audience, each, f"MirrorMeterReading {each['mRID']}")
    if fresh:  # what the mirror knows already is kept with it, see _check
        store.put(mirror.href, {**mirror.submitted, "MirrorMeterReading": [*reversed(fresh.values())]})
    return location


def _take(point: str, audience: str, said: Data, place: str) -> str:
    meter = store.find(said["mRID"], "MeterReading")
    if meter is not None and not meter.href.startswith(f"{point}/"):
        raise Refused(403, f"{place}: this mRID belongs to another mirror")
    if meter is None:
        if "ReadingType" not in said:
            raise Refused(400, f"{place}: it is new, so it needs a ReadingType")
        href = _open(point, audience, said)
    else:
        href = meter.href
        if "ReadingType" in said:
            store.put(f"{href}/rt", said["ReadingType"])
    now, opened = clock.now(), False
    if "Reading" in said:
        meterreadings.check(said["Reading"], f"{place}/Reading", now)
        opened |= meterreadings.record(href, said["Reading"], now)
    for each in said.get("MirrorReadingSet", []):
        opened |= meterreadings.record_set(href, each, f"{place}/MirrorReadingSet", now)
    if opened:
        store.touch(href)
    return href


def _open(point: str, audience: str, said: Data) -> str:
    """A MeterReading for a quantity that is new; its ReadingLink leads to the present value."""
    shown = {key: said[key] for key in (SUBMITTED, *schema.type_spec("MeterReadingBase").by_key)
             if key in said and key != "href"}
    href = f"{point}/mr/{store.next_number(f'{point}/mr')}"
    shown["ReadingLink"] = {"href": table.rows["Reading"].href(**_numbers(href), span=0, reading=0)}
    with store.transaction():
        store.put(f"{href}/rt", said["ReadingType"], audience=audience)
        store.put(href, shown, audience=audience)
    return href


def _numbers(href: str) -> dict[str, int]:
    match = table.match(href)
    assert match is not None
    return match.parameters


def _without_values(said: Data) -> Data:
    return {key: value for key, value in said.items() if key not in _VALUES}


@after("DELETE", "UsagePoint", "MeterReading")
def _gone(change: Change) -> None:
    meterreadings.remove_below(change.href)
