"""MirrorUsagePoint: devices post readings, which are served as UsagePoint (IEEE 2030.5-2018, 10.11).

A mirror has a UsagePoint with the same mRID, and each MirrorMeterReading a MeterReading with the same mRID.
Below, a MirrorMeterReading is called a quantity. A mirror or a quantity that is submitted again under its
mRID replaces the earlier one.
"""
from __future__ import annotations

from typing import Any

from server import clock
from server.config import settings
from server.devices import access, ratelimits
from server.devices.requestcontext import Created, RequestContext
from server.errors import Refused
from server.models import Document
from server.resources import hexbinary, meterreadings, numbering, schema, sql, store, table
from server.resources.hooks import Change, after, before, instead
from server.resources.quotas import OverQuota
from server.resources.schema import SUBMITTED
from server.units import Href, Lfdi

Data = dict[str, Any]
_VALUES = ("Reading", "MirrorReadingSet")
_MIRROR_ONLY = ("MirrorMeterReading", "deviceLFDI", "postRate", "UsagePointLink", "subscribable", "href")


@before("POST", "MirrorUsagePoint")
@before("PUT", "MirrorUsagePoint")
def _check(change: Change) -> None:
    lfdi, caller = change.data["deviceLFDI"], change.caller
    if caller is not None and not access.writable(caller, lfdi):
        raise Refused(403, f"MirrorUsagePoint/deviceLFDI: {lfdi} is not a device you post for")
    change.audience = lfdi
    mirror = store.find(change.data["mRID"], "MirrorUsagePoint", audience=lfdi)
    if mirror is not None and not change.href:
        change.href, change.old = mirror.href, mirror.submitted
    for key in ("mRID", "deviceLFDI"):
        if change.old and change.old[key] != change.data[key]:
            raise Refused(409, f"MirrorUsagePoint/{key}: a mirror keeps it; this one has {change.old[key]}")
    _merge_quantities(change, lfdi)


def _merge_quantities(change: Change, lfdi: Lfdi) -> None:
    """Keep the quantities of before, since each POST may bring others. OverQuota where they are too many."""
    change.notes["quantities"] = quantities = change.data.get("MirrorMeterReading", [])
    by_mrid = {quantity["mRID"]: quantity for quantity in (change.old or {}).get("MirrorMeterReading", [])}
    for quantity in quantities:
        previous = hexbinary.comparable(by_mrid.get(quantity["mRID"], {}))
        by_mrid[quantity["mRID"]] = {**previous, **_without_values(quantity)}
    if change.caller is not None:
        ratelimits.spend_readings(lfdi, meterreadings.count(quantities))
    if len(by_mrid) > settings.quota_mirror_readings:
        most = settings.quota_mirror_readings
        raise OverQuota(403, lfdi, f"MirrorUsagePoint/MirrorMeterReading: a mirror may have at most {most}")
    if by_mrid:
        change.data["MirrorMeterReading"] = list(by_mrid.values())


@after("POST", "MirrorUsagePoint")
@after("PUT", "MirrorUsagePoint")
def _publish(change: Change) -> None:
    """Update the UsagePoint of a mirror and record the values that came with it."""
    point = store.find(change.data["mRID"], "UsagePoint", audience=change.audience)
    data = {key: value for key, value in change.data.items() if key not in _MIRROR_ONLY}
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


@instead("POST", "MirrorUsagePoint")
def post_readings(context: RequestContext) -> Created:
    """Record a MirrorMeterReading, or a list of them; the result names the (last) MeterReading."""
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
        return Created(record(mirror, quantities))


def record(mirror: Document, quantities: list[Data]) -> str:
    """Record MirrorMeterReadings with their values; return the href of the last MeterReading.

    Refused (403) where an mRID belongs to another mirror.
    """
    mrid = mirror.submitted["mRID"]
    known = _known(mirror.audience, mrid, *(quantity["mRID"] for quantity in quantities))
    point = known.get(("UsagePoint", schema.hexadecimal(mrid, 32)))
    if point is None:
        raise Refused(409, f"{mirror.href} has lost its UsagePoint")
    mrids = {quantity["mRID"] for quantity in mirror.submitted.get("MirrorMeterReading", [])}
    new = {quantity["mRID"]: _without_values(quantity) for quantity in reversed(quantities)
           if quantity["mRID"] not in mrids}
    location = ""
    for quantity in quantities:
        path = f"MirrorMeterReading {quantity['mRID']}"
        location = _record_quantity(point, mirror.audience, quantity, path, known)
    if new:  # those of before are kept, see _check
        store.put(mirror.href, {**mirror.submitted, "MirrorMeterReading": [*reversed(new.values())]})
    return location


def _known(audience: str, *mrids: str) -> dict[tuple[str, str], Href]:
    """Return the hrefs of a device's usage points and MeterReadings with these mRIDs, by kind and mRID."""
    rows = sql.rows(
        "SELECT kind, mrid, href FROM document WHERE kind IN ('UsagePoint', 'MeterReading') AND audience = ? "
        f"AND mrid IN ({sql.marks(len(mrids))})", audience, *(schema.hexadecimal(mrid, 32) for mrid in mrids))
    return {(kind, mrid): href for kind, mrid, href in rows}


def _record_quantity(
    point: Href, audience: str, quantity: Data, path: str, known: dict[tuple[str, str], Href]
) -> Href:
    """Record the values of one MirrorMeterReading below a UsagePoint; return the href of its MeterReading,
    which is `known`, or is from now on.

    `path` names it in messages.
    """
    key = "MeterReading", schema.hexadecimal(quantity["mRID"], 32)
    href = known.get(key)
    if href is not None and not href.startswith(f"{point}/"):
        raise Refused(403, f"{path}: this mRID belongs to another mirror")
    if href is None:
        if "ReadingType" not in quantity:
            raise Refused(400, f"{path}: it is new, so it needs a ReadingType")
        href = known[key] = _add_meter(point, audience, quantity)
    elif "ReadingType" in quantity:
        store.put(f"{href}/rt", quantity["ReadingType"])
    now, changed = clock.now(), False
    if "Reading" in quantity:
        meterreadings.check(quantity["Reading"], f"{path}/Reading")
        changed |= meterreadings.record(href, quantity["Reading"], now)
    for reading_set in quantity.get("MirrorReadingSet", []):
        changed |= meterreadings.record_set(href, reading_set, f"{path}/MirrorReadingSet", now)
    if changed:
        store.touch(href)
    return href


def _add_meter(point: str, audience: str, quantity: Data) -> str:
    """Add a MeterReading for a new quantity; its ReadingLink leads to the newest reading."""
    data = {key: quantity[key] for key in (SUBMITTED, *schema.type_spec("MeterReadingBase").by_key)
            if key in quantity and key != "href"}
    href = f"{point}/mr/{numbering.next_number(f'{point}/mr')}"
    data["ReadingLink"] = {"href": table.rows["Reading"].href(**_numbers(href), span=0, reading=0)}
    with store.transaction():
        store.put(f"{href}/rt", quantity["ReadingType"], audience=audience)
        store.put(href, data, audience=audience)
    return href


def _numbers(href: str) -> dict[str, int]:
    match = table.match(href)
    assert match is not None
    return match.parameters


def _without_values(quantity: Data) -> Data:
    return {key: value for key, value in quantity.items() if key not in _VALUES}


@after("DELETE", "UsagePoint", "MeterReading")
def _remove_readings(change: Change) -> None:
    meterreadings.remove_below(change.href)
