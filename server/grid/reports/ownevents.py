"""When our own events affected a device, so that its readings then are not a baseline."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.grid.groups import drprograms
from server.grid.optimisation.arrays import Bools, Whole, np
from server.grid.series.intervals import STEP
from server.models import Document, VirtualDER, among
from server.resources import hexbinary, sql
from server.resources.codes import EventStatus

BEFORE, AFTER = 3600, 2 * 3600  # seconds around an event: preheating, and rebound
Span = tuple[int, int]  # start and end, UTC in s


class PublishedEvent(NamedTuple):
    """An event of a virtual DER: when it is in effect, its mRID, and the device categories that it is for (0:
    all)."""
    span: Span
    mrid: str
    categories: int


Published = dict[int, list[PublishedEvent]]  # by virtual DER (number)
_VDERS = "SELECT vder_id FROM membership WHERE device_id = ? ORDER BY vder_id"
_ORDERS = (
    "SELECT o.start, o.duration_s, o.cancelled_at FROM share s JOIN dispatch_order o ON s.order_id = o.id "
    "WHERE s.lfdi = ? AND s.mrid <> ? AND o.start < ? AND o.start + o.duration_s > ?"
)


def own_events(
    device: int, lfdi: str, start: int, end: int, excluding: str = "", published: Published | None = None
) -> list[Span]:
    """Return when events affected a device in [start, end), with the time before and after each.

    These are orders, and the events of every virtual DER that the device is in. `excluding` is the mRID of an
    event that does not count. What is read of virtual DERs is kept in `published`, for who asks for many
    devices.
    """
    spans = _orders(lfdi, start, end, excluding) + _published_events(
        device, excluding, {} if published is None else published)
    return [(begin - BEFORE, until + AFTER) for begin, until in spans if until > begin]


def _orders(lfdi: str, start: int, end: int, excluding: str) -> list[Span]:
    spans = []
    for begin, duration_s, cancelled_at in sql.rows(_ORDERS, lfdi, excluding, end + BEFORE, start - AFTER):
        until = begin + duration_s
        spans.append((begin, until if cancelled_at is None else min(cancelled_at, until)))
    return spans


def _published_events(device: int, excluding: str, published: Published) -> list[Span]:
    """Return when DERControls and EndDeviceControls of the device's virtual DERs are in effect."""
    vders = [vder for vder, in sql.rows(_VDERS, device)]
    _read([vder for vder in vders if vder not in published], published)
    category, = sql.row("SELECT max(category) FROM device_type WHERE device_id = ?", device)
    return [
        event.span for vder in vders for event in published[vder] if event.mrid != excluding
        and not (event.categories and category and not event.categories & category)]


def _read(vders: Sequence[int], published: Published) -> None:
    """Read into `published` the events of virtual DERs (by number)."""
    vder_of = {href: vder.id for vder in among(VirtualDER.select(), VirtualDER.id, vders)
               for href in (f"{vder.program}/derc", f"{drprograms.href(vder)}/edc")}
    published.update({vder: [] for vder in vder_of.values()})
    for event in among(Document.select(), Document.parent, vder_of):
        data = event.submitted
        begin = data["interval"]["start"]
        until = begin + data["interval"]["duration"]
        if event.status["currentStatus"] > EventStatus.ACTIVE:
            until = min(until, event.status["dateTime"])
        published[vder_of[event.parent]].append(
            PublishedEvent((begin, until), data["mRID"], hexbinary.bits(data.get("deviceCategory")) or 0))


def in_any(spans: Sequence[Span], instants: Whole) -> Bools:
    """Return which of the steps that begin at these instants (any shape) overlap a span."""
    inside = np.zeros(np.shape(instants), dtype=bool)
    for begin, until in spans:
        inside |= (instants + STEP > begin) & (instants < until)
    return inside
