"""MirrorUsagePoints as operators look at them, and remove them (IEEE 2030.5-2018, 10.11)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from server import audit
from server.devices import enrolment
from server.errors import Refused
from server.models import Device, Document, among
from server.resources import documents, sql, store, table
from server.units import Href, Instant, Lfdi

MIRRORS = table.rows["MirrorUsagePointList"].path


class MirrorRow(TypedDict):
    """A mirror of a device (its name or LFDI), and its usage point. `quantities` is how many MeterReadings
    there are, `last_set` when the newest set of readings began."""
    href: Href
    device: str
    description: str
    usage_point: Href
    quantities: int
    last_set: Instant | None


class RemovedMirror(TypedDict):
    """A mirror that was removed, and the usage point that is no longer served. `quantities` of it keep their
    readings."""
    href: Href
    lfdi: Lfdi
    device: str
    usage_point: Href
    quantities: int


def list_mirrors(device: str | None = None) -> Iterator[MirrorRow]:
    """Yield the mirrors of a device, or all, in the order of the list. Refused (404) where there is no such
    device."""
    if device is not None:
        yield from _rows(documents.own(MIRRORS, enrolment.find(device).lfdi))
        return
    for page in documents.pages(MIRRORS):
        yield from _rows(page)


def _rows(page: list[Document]) -> Iterator[MirrorRow]:
    names = {row.lfdi: row.name or row.lfdi for row in among(
        Device.select(), Device.lfdi, {mirror.audience for mirror in page})}
    points = {(point.audience, point.mrid): point.href for point in documents.among(
        "mrid", {mirror.mrid for mirror in page}, "AND kind = 'UsagePoint'")}
    readings = {f"{point}/mr": point for point in points.values()}
    counts: dict[Href, int] = {}
    newest: dict[Href, Instant] = {}
    for parent, href in sql.among("SELECT parent, href FROM document WHERE parent IN ({}) AND "
                                  f"{documents.LISTED}", readings):
        point = readings[parent]
        counts[point] = counts.get(point, 0) + 1
        begin, = sql.row("SELECT max(start) FROM reading_set WHERE meter = ?", href)
        if begin is not None:
            newest[point] = max(begin, newest.get(point, begin))
    for mirror in page:
        point = points.get((mirror.audience, mirror.mrid), "")
        yield {"href": mirror.href, "device": names.get(mirror.audience, mirror.audience),
               "description": mirror.submitted.get("description", ""), "usage_point": point,
               "quantities": counts.get(point, 0), "last_set": newest.get(point)}


@audit.audited("mirror remove", "{lfdi} {href}", answer=dict)
def remove(href: Href) -> RemovedMirror:
    """Remove a mirror; its UsagePoint is withdrawn with it (10.11.3 l), and readings stay for reports.

    Refused (404) where there is none.
    """
    with store.transaction(href):
        mirror = store.get(href)
        if mirror is None or mirror.kind != "MirrorUsagePoint":
            raise Refused(404, f"there is no mirror {href}; list them by mirror list")
        row, = _rows([mirror])
        store.remove(href)
        return {"href": href, "lfdi": mirror.audience, "device": row["device"],
                "usage_point": row["usage_point"], "quantities": row["quantities"]}
