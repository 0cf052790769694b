"""What was promised under kills, compared with what is there: nothing lost, nothing twice."""
from __future__ import annotations

import sqlite3
from collections import Counter
from typing import TYPE_CHECKING

from server import audit, models
from server.grid.groups import virtualders
from server.models import DispatchOrder, Document, ResponseRecord
from server.resources import refresh, store
from tests.soak import reindexed
from tests.soak.outcome import Outcome
from tests.soak.writers import Writer

if TYPE_CHECKING:
    from tests.soak.kills import Ground

LEGAL = {0: {1, 2, 3, 4}, 1: {2, 3, 4}}
"""EventStatus.currentStatus that may follow one: scheduled, active, cancelled (2 and 3), superseded (4)."""


def verdict(ground: Ground) -> Outcome:
    """Compare what was promised with what is there."""
    outcome = Outcome(f"kills, {ground.engine}", f"{sum(ground.killed.values())} kills ("
                      + ", ".join(f"{count} {name}" for name, count in sorted(ground.killed.items())) + ")")
    for writer in ground.writers:
        _of_writer(ground, writer, outcome)
    outcome.lost += sum(count != 1 for count in map(_published().__getitem__, ground.controls))
    _of_events(outcome)
    _of_database(ground, outcome)
    acknowledged = sum(writer.counts["acknowledged"] for writer in ground.writers)
    outcome.figures = {
        "acknowledged writes": acknowledged,
        "interrupted": sum(w.counts["interrupted"] for w in ground.writers),
        "503": sum(w.counts["busy"] for w in ground.writers), "events posted": len(ground.controls),
        "steps decided": DispatchOrder.select().where(DispatchOrder.quantity == "percent").count()}
    if unkilled := set(ground.targets()) - set(ground.killed):
        outcome.faults.append(f"never killed: {', '.join(sorted(unkilled))}")
    if not outcome.figures["interrupted"]:
        outcome.faults.append("nothing was interrupted, so nothing was shown")
    return outcome


def _published() -> Counter[str]:
    controls = Document.select(Document.mrid).where(Document.kind == "DERControl")
    return Counter(event.mrid for event in controls)


def _of_writer(ground: Ground, writer: Writer, outcome: Outcome) -> None:
    details = {document.href: document.submitted["details"]
               for document in store.items(f"{writer.device}/lel")}
    missing = [href for href, said in writer.events.items() if details.get(href) != said]
    times = Counter(details.values())
    double = [said for said in writer.events.values() if times[said] > 1]
    outcome.faults += [f"{writer.device} said {said} once and it is there {times[said]} times"
                       for said in double]
    stored = store.get(f"{writer.device}/der/1/ders")
    stale = stored is None or stored.submitted["readingTime"] < writer.status
    point = store.find(f"{writer.number:032X}", "UsagePoint")
    starts: set[int] = set()
    if point is not None:
        meters = [meter.href for meter in store.items(f"{point.href}/mr")]
        rows = models.Reading.select().join(models.ReadingSet).where(models.ReadingSet.meter.in_(meters))
        found = [row.start for row in rows]
        starts = set(found)
        if len(found) != len(starts):
            outcome.faults.append(f"{writer.device} has {len(found) - len(starts)} readings twice")
    rows = ResponseRecord.select().where(ResponseRecord.lfdi == writer.lfdi)
    answers = Counter((row.subject, row.status) for row in rows)
    outcome.faults += [f"{writer.device} answered {key} {count} times" for key,
                       count in answers.items() if count > 1]
    unanswered = writer.answered - answers.keys()
    outcome.lost += len(missing) + stale + len(writer.readings - starts) + len(unanswered)
    outcome.faults += writer.refused[:5] + ([writer.error] if writer.error else [])
    listed = ground.site.get(f"device-{writer.number}", writer.device)["LogEventListLink"]["all"]
    if listed != len(details):
        outcome.faults.append(f"{writer.device} links to {listed} log events and has {len(details)}")
    outcome.faults += [f"{writer.device} saw {mrid} with statuses {followed}"
                       for mrid, followed in writer.seen.items() if not _legal(followed)]


def _of_events(outcome: Outcome) -> None:
    rows = list(Document.select().where(Document.kind == "DERControl"))
    twice = [mrid for mrid, count in Counter(row.mrid for row in rows).items() if count > 1]
    described = Counter(row.submitted.get("description", "") for row in rows)
    twice += [text for text, count in described.items() if count > 1 and text.startswith("event ")]
    outcome.faults += [f"{what} was published twice" for what in twice]
    orders = DispatchOrder.select().where(DispatchOrder.quantity == "percent")
    steps = Counter(order.start for order in orders)
    outcome.faults += [f"step {start} was decided {count} times" for start,
                       count in steps.items() if count > 1]
    program = virtualders.find("batteries").program
    told = Counter(row.submitted["interval"]["start"] for row in rows if row.parent == f"{program}/derc")
    outcome.faults += [f"step {start} was told {count} times" for start,
                       count in told.items() if count > 1]


def _of_database(ground: Ground, outcome: Outcome) -> None:
    outcome.faults += [f"audit: {fault}" for fault in audit.verify()]
    if ground.engine == "sqlite":
        with sqlite3.connect(ground.database.partition(":///")[2]) as connection:
            (said,) = connection.execute("PRAGMA integrity_check").fetchone()
            keys = connection.execute("PRAGMA foreign_key_check").fetchall()
        connection.close()
        outcome.faults += [f"integrity_check: {said}"] * (said != "ok")
        outcome.faults += [f"foreign_key_check: {keys}"] * bool(keys)
    refresh.run()
    outcome.faults += reindexed.changes()
    outcome.faults += ground.site.tracebacks()


def _legal(followed: list[int]) -> bool:
    return all(after in LEGAL.get(before, set()) for before, after in zip(followed, followed[1:],
        strict=False))
