"""The DERProgram that each virtual DER publishes (IEEE 2030.5-2018, 10.10)."""
from __future__ import annotations

from server.grid.groups import assignments, drprograms
from server.models import Document, VirtualDER
from server.resources import store
from server.resources.codes import EventStatus


def publish(vder: VirtualDER) -> None:
    """Save a virtual DER and make its programs agree with its name and primacy; create the DERProgram if it
    has none."""
    vder.save()
    fields = {"description": vder.name, "primacy": vder.primacy}
    program = store.get(vder.program) if vder.program else None
    if program is not None:
        store.put(program.href, {**program.submitted, **fields})
        drprograms.publish(vder)
    else:
        vder.program = store.add("DERProgram", "/derp", fields, audience=assignments.audience(vder))
        vder.save()


def remove(vder: VirtualDER) -> None:
    """Remove the programs of a virtual DER."""
    drprograms.remove(vder)
    store.remove(vder.program)


def live_controls(vder: VirtualDER) -> list[Document]:
    """Return the DERControls of a virtual DER that are scheduled or active."""
    return [
        control
        for control in store.items(f"{vder.program}/derc")
        if control.status["currentStatus"] in (EventStatus.SCHEDULED, EventStatus.ACTIVE)
    ]
