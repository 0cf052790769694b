"""`responses` and `readings`: what devices answered and measured."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from server import clock
from server.cli.common import COUNT, INSTANT, verb
from server.devices import enrolment
from server.grid.controls import responses as answers
from server.models import Document
from server.resources import meterreadings as kept
from server.resources import store

Moment = Callable[[], int] | None


@click.command()
@click.argument("event", required=False)
@click.option("--device", "device", default="", help="Only this device's answers.")
@click.option("--limit", type=COUNT, default=100, show_default=True, help="The newest so many.")
@verb
def responses(event: str | None, device: str, limit: int) -> Any:
    """What devices answered to events (to EVENT, an href or mRID)."""
    return answers.list_responses(event, enrolment.find(device).lfdi if device else None, limit)


@click.command()
@click.argument("device")
@click.option("--from", "start", type=INSTANT, help="Only readings from this instant on.")
@click.option("--until", "end", type=INSTANT, help="Only readings before this instant.")
@click.option("--limit", type=COUNT, default=100, show_default=True, help="The newest so many of each "
                                                                          "quantity.")
@verb
def readings(device: str, start: Moment, end: Moment, limit: int) -> Any:
    """What a device measured, oldest first; values as they were posted, with their ReadingType."""
    found = enrolment.find(device)
    points = Document.select().where((Document.parent == "/upt") & (Document.audience == found.lfdi))
    rows = []
    for point in points:
        for meter in store.items(f"{point.href}/mr"):
            kind = store.get(f"{meter.href}/rt")
            stated = kind.submitted if kind else {}
            what = meter.submitted.get("description", "")
            since, until = start() if start else 0, end() if end else clock.now() + kept.DAY
            rows += [{"start": at, "duration": duration, "quantity": what, "value": value,
                      "multiplier": stated.get("powerOfTenMultiplier", 0), "uom": stated.get("uom"),
                      "flow": stated.get("flowDirection"), "meter": meter.href}
                     for at, duration, value in kept.between(meter.href, since, until)[-limit:]]
    return sorted(rows, key=lambda row: (row["meter"], row["start"]))


COMMANDS = (responses, readings)
