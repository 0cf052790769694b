"""A device is erased, and the reports of events that it took part in still add up."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from server import clock
from server.devices import personaldata
from server.devices.personaldata import Erasure, Subject
from server.grid.reports import erasedmembers, evaluatedevents, performance
from server.grid.reports.evaluatedevents import EvaluatedEvent
from server.models import Device, DispatchOrder, Document, Share
from server.resources import store


def erase(about: Subject) -> dict[Erasure, dict[str, int]]:
    """Erase what is stored of a device; return how many rows became what, by table.

    Its figures in events that have begun are kept under a name that nothing leads back from. Nothing else is
    kept from which they could be calculated again.
    """
    with store.transaction():
        name = personaldata.pseudonym()
        if about.device is not None:
            for event in _events(about.device):
                figures = performance.member_figures(event, about.device)
                erasedmembers.record(event.name, event.end, figures, name)
        return personaldata.erase(about, name)


def _events(device: Device) -> Iterator[EvaluatedEvent]:
    """Yield the events that have begun and in which a device takes part, for it alone."""
    now = clock.now()
    orders = [str(order.id) for order in DispatchOrder.select(DispatchOrder.id).join(Share).where(
        (Share.lfdi == device.lfdi) & (DispatchOrder.start < now))]
    load_events = [row.href for row in Document.select(Document.href).where(
        (Document.kind == "EndDeviceControl") & (Document.at < now))]
    for key in (*orders, *load_events):
        event = evaluatedevents.find(key)
        expectation = event.expectations.get(device.lfdi)
        if expectation is not None and event.start < min(event.end, now):
            yield replace(event, expectations={device.lfdi: expectation})
