"""The settlement of calls: which business was called when, what it delivered, and what is due for it.

Delivered power is that of `performance`, against the baseline of the site's own meter. A call is paid by the
terms that held when it was made: for the event, and for each kWh delivered, up to what was called. Below what
the site nominated, or was called for if that is less, it owes the penalty. What was not read is unknown, and
so is what is due. Powers are W by which more is injected.
"""
from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.blockterms import BlockTerms
from server.grid.reports import evaluatedevents, performance
from server.grid.series.intervals import iso
from server.models import BlockCall, Device, Membership, VirtualDER, among
from server.units import Instant, KilowattHours, Lfdi, Watts


class CallRow(TypedDict):
    """A call of a block: `event` is the order (its number) or load control event (its href) that made it.

    `delivered_w` is the mean so far, None where it was not read. `price` is for the event and the energy,
    `penalty` what the site owes, `due` the difference, all in money; None where delivery is unknown.
    """
    device: str
    lfdi: Lfdi
    block: str
    event: str
    called_at: Instant
    start: Instant
    end: Instant
    called_w: Watts
    nominated_w: Watts | None
    delivered_w: Watts | None
    delivered_kwh: KilowattHours | None
    price: float | None
    penalty: float | None
    due: float | None


def calls(vder: str | int | VirtualDER, start: Instant, end: Instant) -> list[CallRow]:
    """Return the calls of members of a virtual DER that begin in [start, end), by start."""
    area = virtualders.find(vder)
    query = BlockCall.select().join(Membership, on=Membership.device == BlockCall.device).where(
        (Membership.vder == area) & (BlockCall.start >= start) & (BlockCall.start < end)
        & (BlockCall.until > BlockCall.start)).order_by(BlockCall.start, BlockCall.id)
    found = list(query)
    devices = {device.id: device
               for device in among(Device.select(), Device.id, (call.device_id for call in found))}
    return [row for event in dict.fromkeys(_event(call) for call in found)
            for row in _rows(event, [call for call in found if _event(call) == event], devices)]


def _event(call: BlockCall) -> str:
    return str(call.order_id) if call.order_id is not None else str(call.event_href)


def _rows(event: str, found: Sequence[BlockCall], devices: Mapping[int, Device]) -> Iterator[CallRow]:
    """The rows of the calls of one event; what a device delivered is divided as its blocks were called."""
    try:
        _, members = performance.delivery(evaluatedevents.find(event))
    except Refused:  # it is gone, by the setting event_days
        members = []
    delivered_w = {row["lfdi"]: row["delivered_w"] for row in members}
    for call in found:
        device = devices[call.device_id]
        of_device = sum(other.called_w for other in found if other.device_id == call.device_id)
        total_w = delivered_w.get(device.lfdi)
        yield _row(call, device, event, None if total_w is None else total_w * call.called_w / of_device)


def _row(call: BlockCall, device: Device, event: str, delivered_w: Watts | None) -> CallRow:
    terms = BlockTerms(**call.terms)
    hours = max(min(call.until, clock.now()) - call.start, 0) / 3600
    price = penalty = due = delivered_kwh = None
    if delivered_w is not None:
        delivered_kwh = round(delivered_w * hours / 1000, 3)
        paid_kwh = min(max(delivered_w, 0.0), call.called_w) * hours / 1000
        price = round(terms.price_event + paid_kwh * terms.cost_kwh(settings.emission_price), 2)
        promised_w = min(terms.nominated_w or 0.0, call.called_w)
        penalty = round(max(promised_w - delivered_w, 0.0) * hours / 1000 * terms.penalty_kwh, 2)
        due = round(price - penalty, 2)
    return {
        "device": device.name or device.lfdi,
        "lfdi": device.lfdi,
        "block": call.block,
        "event": event,
        "called_at": call.called_at,
        "start": call.start,
        "end": call.until,
        "called_w": call.called_w,
        "nominated_w": terms.nominated_w,
        "delivered_w": None if delivered_w is None else round(delivered_w, 1),
        "delivered_kwh": delivered_kwh,
        "price": price,
        "penalty": penalty,
        "due": due,
    }


def write_csv(rows: Sequence[CallRow], path: Path) -> None:
    """Write rows to a CSV file, instants in UTC; what is unknown is blank. OSError where it cannot be."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(CallRow.__annotations__), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "called_at": iso(row["called_at"]), "start": iso(row["start"]),
                             "end": iso(row["end"])})
