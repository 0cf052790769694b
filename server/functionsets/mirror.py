"""MirrorUsagePoint: devices post readings, which are served as UsagePoint (IEEE 2030.5-2018, 10.11).

A mirror has a UsagePoint with the same mRID, and each MirrorMeterReading a MeterReading with the same mRID.
Below, a MirrorMeterReading is called a quantity. A mirror or a quantity that is submitted again under its
mRID replaces the earlier one. Of a mirror nothing is served but its own elements: quantities are
MeterReadings. With a mirror its UsagePoint is withdrawn; what was read stays for reports, and is served again
if the device makes a mirror with the same mRID.
"""
from __future__ import annotations

import json
from typing import Any, NamedTuple

from server import clock
from server.config import settings
from server.devices import access, ratelimits
from server.devices.requestcontext import Created, RequestContext
from server.errors import Refused
from server.functionsets import billing, der
from server.models import Document
from server.resources import (hexbinary, meterreadings, numbering, profiles, quotas, schema, sql, store,
                              table, withdrawal)
from server.resources.codes import RoleFlags
from server.resources.hooks import Change, after, before, instead, rebuild
from server.resources.quotas import OverQuota
from server.resources.schema import SUBMITTED
from server.resources.variants import CSIP_AUS
from server.units import Href, Instant, Lfdi, Seconds

Data = dict[str, Any]
_MIRROR_ONLY = ("MirrorMeterReading", "postRate", "UsagePointLink", "subscribable", "href")


class _Mirrored(NamedTuple):
    """A UsagePoint or MeterReading that there is, and whether it was withdrawn."""
    href: Href
    submitted: Data
    withdrawn: bool


@before("POST", "MirrorUsagePoint")
@before("PUT", "MirrorUsagePoint")
def _check(change: Change) -> None:
    lfdi, caller = change.data["deviceLFDI"], change.caller
    if caller is not None and not access.writable(caller, lfdi):
        raise Refused(403, f"MirrorUsagePoint/deviceLFDI: {lfdi} is not a device you post for")
    change.audience = lfdi
    mirror = store.find(change.data["mRID"], "MirrorUsagePoint", audience=lfdi)
    if mirror is None and not change.href:
        _check_unclaimed("UsagePoint", change.data["mRID"], lfdi, "MirrorUsagePoint")
    if mirror is not None and not change.href:
        change.href, change.old = mirror.href, mirror.submitted
    for key in ("mRID", "deviceLFDI"):
        if change.old and change.old[key] != change.data[key]:
            raise Refused(409, f"MirrorUsagePoint/{key}: a mirror keeps it; this one has {change.old[key]}")
    change.notes["quantities"] = quantities = change.data.pop("MirrorMeterReading", [])
    if caller is not None:
        ratelimits.spend_readings(lfdi, meterreadings.count(quantities))


@after("POST", "MirrorUsagePoint")
@after("PUT", "MirrorUsagePoint")
def _publish(change: Change) -> None:
    """Update the UsagePoint of a mirror and record the values that came with it."""
    point = store.find(change.data["mRID"], "UsagePoint", audience=change.audience)
    data = _usage_point(change.data)
    if point is None:
        href = store.add("UsagePoint", "/upt", data, audience=change.audience)
    else:
        href = point.href
        store.put(href, data)
    audience, quantities = change.audience or "", change.notes["quantities"]
    known = _known(audience, *(quantity["mRID"] for quantity in quantities)) if quantities else {}
    for quantity in quantities:
        path = f"MirrorUsagePoint/MirrorMeterReading {quantity['mRID']}"
        _record_quantity(href, audience, quantity, path, known)


def _usage_point(mirror: Data) -> Data:
    """Return the UsagePoint of a mirror: its elements, marked as mirrored, whether it says so or not."""
    data = {key: value for key, value in mirror.items() if key not in _MIRROR_ONLY}
    data["roleFlags"] = f"{hexbinary.bits(data['roleFlags']) | RoleFlags.MIRROR:04X}"
    return data


@after("DELETE", "MirrorUsagePoint")
def _withdraw(change: Change) -> None:
    """Withdraw the UsagePoint of a mirror that is removed (10.11.3 l)."""
    point = store.find(change.data["mRID"], "UsagePoint", audience=change.audience)
    if point is not None:
        withdrawal.withdraw(point.href)
        billing.unlink("UsagePoint", point.href)
        der.touch_of(point.audience)


@instead("POST", "MirrorUsagePoint")
def post_readings(context: RequestContext) -> Created:
    """Record a MirrorMeterReading, or a list of them; the result names the MeterReading, or for a list the
    MeterReadingList (10.11.3 f, g)."""
    name, data = context.read_document()
    posted = context.match.row.posted
    if name not in posted:
        raise Refused(400, f"{context.href} takes {' or '.join(posted)}, not {name}")
    quantities = data.get("MirrorMeterReading", []) if name == "MirrorMeterReadingList" else [data]
    if not quantities:
        raise Refused(400, "MirrorMeterReadingList/MirrorMeterReading: the list is empty")
    with store.transaction(context.href):
        mirror = store.get(context.href)
        if mirror is None or not access.writable(context.caller, mirror.audience):
            raise Refused(404, access.NOT_THERE)
        ratelimits.spend_readings(mirror.audience, meterreadings.count(quantities))
        location = record(mirror, quantities)
        return Created(location if name == "MirrorMeterReading" else table.parent(location))


def record(mirror: Document, quantities: list[Data]) -> str:
    """Record MirrorMeterReadings with their values; return the href of the last MeterReading.

    Refused (403) where an mRID belongs to another mirror.
    """
    mrid = mirror.submitted["mRID"]
    known = _known(mirror.audience, mrid, *(quantity["mRID"] for quantity in quantities))
    point = known.get(("UsagePoint", schema.hexadecimal(mrid, 32)))
    if point is None:
        raise Refused(409, f"{mirror.href} has lost its UsagePoint")
    location = ""
    for quantity in quantities:
        path = f"MirrorMeterReading {quantity['mRID']}"
        location = _record_quantity(point.href, mirror.audience, quantity, path, known)
    return location


def _known(audience: str, *mrids: str) -> dict[tuple[str, str], _Mirrored]:
    """Return a device's usage points and MeterReadings with these mRIDs, by kind and mRID."""
    rows = sql.rows(
        "SELECT kind, mrid, href, submitted, visibility FROM document WHERE kind IN "
        f"('UsagePoint', 'MeterReading') AND audience = ? AND mrid IN ({sql.marks(len(mrids))})",
        audience, *(schema.hexadecimal(mrid, 32) for mrid in mrids))
    return {(kind, mrid): _Mirrored(href, json.loads(submitted), visibility == Document.WITHDRAWN)
            for kind, mrid, href, submitted, visibility in rows}


def _record_quantity(
    point: Href, audience: str, quantity: Data, path: str, known: dict[tuple[str, str], _Mirrored]
) -> Href:
    """Record the values of one MirrorMeterReading below a UsagePoint; return the href of its MeterReading,
    which is `known`, or is from now on.

    `path` names it in messages.
    """
    key = "MeterReading", schema.hexadecimal(quantity["mRID"], 32)
    meter = known.get(key)
    if meter is not None and not meter.href.startswith(f"{point}/"):
        raise Refused(403, f"{path}: this mRID belongs to another mirror")
    if meter is None:
        _check_unclaimed("MeterReading", quantity["mRID"], audience, path)
        if "ReadingType" not in quantity:
            raise Refused(400, f"{path}: it is new, so it needs a ReadingType")
        meter = _add_meter(point, audience, quantity)
    else:
        meter = _overwrite(meter, quantity)
    known[key], href = meter, meter.href
    now, changed = clock.now(), False
    if "Reading" in quantity:
        meterreadings.check(quantity["Reading"], f"{path}/Reading")
        changed |= meterreadings.record(href, _with_period(href, quantity, now), now)
    for reading_set in quantity.get("MirrorReadingSet", []):
        changed |= meterreadings.record_set(href, reading_set, f"{path}/MirrorReadingSet", now,
                                            _interval_s(href, quantity, reading_set.get("Reading", [])))
    if changed:
        store.touch(href)
    return href


def _check_unclaimed(kind: str, mrid: str, lfdi: Lfdi, path: str) -> None:
    """Refuse (403) an mRID that another device has given to one of its own, where the profile is CSIP-AUS.

    An mRID is unique in the world, and the procedures of CSIP-AUS (S-ALL-05) want a server to say so. By the
    other profiles it is taken: devices of one model give the same mRIDs, and each has its own UsagePoint.
    """
    if profiles.of(lfdi) == CSIP_AUS and sql.row(
            "SELECT 1 FROM document WHERE mrid = ? AND kind = ? AND audience <> ?",
            schema.hexadecimal(mrid, 32), kind, lfdi):
        raise Refused(403, f"{path}: this mRID belongs to another device; choose one of your own")


def _with_period(href: Href, quantity: Data, now: Instant) -> Data:
    """Return the Reading of a quantity whose MeterReading has this href.

    Where it states no period, that is as long as the intervalLength of its ReadingType, and has just ended.
    """
    reading: Data = quantity["Reading"]
    if "timePeriod" in reading:
        return reading
    duration_s = _interval_s(href, quantity, [reading])
    return {**reading, "timePeriod": {"start": now - duration_s, "duration": duration_s}}


def _interval_s(href: Href, quantity: Data, readings: list[Data]) -> Seconds:
    """Return the intervalLength of a quantity whose MeterReading has this href; 0 where it has none, or none
    of these readings needs it."""
    if all("timePeriod" in reading for reading in readings):
        return 0
    document = None if "ReadingType" in quantity else store.get(f"{href}/rt")
    reading_type = quantity.get("ReadingType") or (document.submitted if document else {})
    return int(reading_type.get("intervalLength", 0))


def _overwrite(meter: _Mirrored, quantity: Data) -> _Mirrored:
    """Let a quantity that is submitted again overwrite what its MeterReading says (10.11.3 h); what it leaves
    out stays, as the ReadingType does, which clients state once."""
    if meter.withdrawn:
        withdrawal.restore(meter.href)
    content = {**meter.submitted, **_base(quantity)}
    if hexbinary.comparable(content) != hexbinary.comparable(meter.submitted):
        store.put(meter.href, content)
    if "ReadingType" in quantity:
        store.put(f"{meter.href}/rt", quantity["ReadingType"])
    return _Mirrored(meter.href, content, False)


def _base(quantity: Data) -> Data:
    """Return the elements that a quantity and its MeterReading have in common."""
    return {key: quantity[key] for key in (SUBMITTED, *schema.type_spec("MeterReadingBase").by_key)
            if key in quantity and key != "href"}


def _add_meter(point: str, audience: str, quantity: Data) -> _Mirrored:
    """Add a MeterReading for a new quantity; its ReadingLink leads to the newest reading. OverQuota where the
    mirror has too many."""
    most = settings.quota_mirror_readings
    if quotas.stored(f"{point}/mr", audience) >= most:
        why = f"MirrorUsagePoint/MirrorMeterReading: a mirror may have at most {most}"
        raise OverQuota(403, audience, why)
    data = _base(quantity)
    href = f"{point}/mr/{numbering.next_number(f'{point}/mr')}"
    data["ReadingLink"] = {"href": table.rows["Reading"].href(**_numbers(href), span=0, reading=0)}
    with store.transaction():
        store.put(f"{href}/rt", quantity["ReadingType"], audience=audience)
        store.put(href, data, audience=audience)
    return _Mirrored(href, data, False)


def _numbers(href: str) -> dict[str, int]:
    match = table.match(href)
    assert match is not None
    return match.parameters


@after("DELETE", "UsagePoint", "MeterReading")
def _remove_readings(change: Change) -> None:
    meterreadings.remove_below(change.href)


@rebuild
def _rebuild_points() -> int:
    """Make mirrors and their UsagePoints what they are by now; return how many mirrors changed."""
    changed = 0
    for mirror in store.items("/mup"):
        own = {key: value for key, value in mirror.submitted.items() if key != "MirrorMeterReading"}
        point = store.find(own["mRID"], "UsagePoint", audience=mirror.audience)
        if own != mirror.submitted or point is not None and point.submitted != _usage_point(own):
            store.put(mirror.href, own)
            changed += 1
    return changed
