"""When our own events affected a device, so that its readings then are not a baseline."""
from __future__ import annotations

from collections.abc import Sequence

from server.grid.groups import drprograms
from server.grid.optimisation.arrays import Bools, Whole, np
from server.grid.series.intervals import STEP
from server.models import DeviceType, Document, Membership, VirtualDER, among
from server.resources import hexbinary, sql
from server.resources.codes import EventStatus

BEFORE, AFTER = 3600, 2 * 3600  # seconds around an event: preheating, and rebound
Span = tuple[int, int]  # start and end, UTC in s
_ORDERS = (
    "SELECT o.start, o.duration_s, o.cancelled_at FROM share s JOIN dispatch_order o ON s.order_id = o.id "
    "WHERE s.lfdi = ? AND s.mrid <> ? AND o.start < ? AND o.start + o.duration_s > ?"
)


def own_events(device: int, lfdi: str, start: int, end: int, excluding: str = "") -> list[Span]:
    """Return when events affected a device in [start, end), with the time before and after each.

    These are orders, and the events of every virtual DER that the device is in. `excluding` is the mRID of an
    event that does not count.
    """
    spans = _orders(lfdi, start, end, excluding) + _published_events(device, excluding)
    return [(begin - BEFORE, until + AFTER) for begin, until in spans if until > begin]


def _orders(lfdi: str, start: int, end: int, excluding: str) -> list[Span]:
    spans = []
    for begin, duration_s, cancelled_at in sql.rows(_ORDERS, lfdi, excluding, end + BEFORE, start - AFTER):
        until = begin + duration_s
        spans.append((begin, until if cancelled_at is None else min(cancelled_at, until)))
    return spans


def _published_events(device: int, excluding: str) -> list[Span]:
    """Return when DERControls and EndDeviceControls of the device's virtual DERs are in effect."""
    lists = [
        href
        for vder in _vders_of(device)
        for href in (f"{vder.program}/derc", f"{drprograms.href(vder)}/edc")
    ]
    device_type = DeviceType.get_or_none(DeviceType.device == device)
    category = device_type.category if device_type is not None else 0
    spans = []
    for event in among(Document.select(), Document.parent, lists):
        data = event.submitted
        categories = hexbinary.bits(data.get("deviceCategory"))
        for_others = categories and category and not categories & category
        if data["mRID"] == excluding or for_others:
            continue
        begin = data["interval"]["start"]
        until = begin + data["interval"]["duration"]
        if event.status["currentStatus"] > EventStatus.ACTIVE:
            until = min(until, event.status["dateTime"])
        spans.append((begin, until))
    return spans


def _vders_of(device: int) -> list[VirtualDER]:
    """Return every virtual DER that a device is in."""
    return list(VirtualDER.select().join(Membership).where(Membership.device == device)
                .order_by(VirtualDER.id))


def in_any(spans: Sequence[Span], instants: Whole) -> Bools:
    """Return which of the steps that begin at these instants (any shape) overlap a span."""
    inside = np.zeros(np.shape(instants), dtype=bool)
    for begin, until in spans:
        inside |= (instants + STEP > begin) & (instants < until)
    return inside
