"""Kills of every process under load: what was acknowledged is there, once; nothing is told twice."""
from __future__ import annotations

import os
import random
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import peewee

from certs import dev
from server import actors, audit, clock, functionsets, grid, models
from server.config import settings
from server.devices import enrolment
from server.grid.balance import areasettings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Device, DispatchOrder, Document, ResponseRecord, discard_connection
from server.resources import pollrates, refresh, store
from tests.flows.server import entries, until
from tests.soak import reindexed
from tests.soak.outcome import Outcome
from tests.soak.site import Cluster, Site, binaries
from tests.soak.writers import Writer, join

assert grid
DEVICES = 4
RATE = 60.0  # so that the balance decides a step each 15 s
STEP = 900
EVENT_S = 1800  # of the operator's events: 30 s of real time
SETTINGS = {"workers": 2, "log_events": 1_000_000, "quota_items": 1_000_000, "quota_device_bytes": 1 << 30,
            "quota_readings_per_day": 1_000_000_000, "quota_responses": 1000,
            "connections_per_certificate": 32}
LEGAL = {0: {1, 2, 3, 4}, 1: {2, 3, 4}}
"""EventStatus.currentStatus that may follow one: scheduled, active, cancelled (2 and 3), superseded (4)."""
DOWN = (peewee.OperationalError, peewee.InterfaceError, peewee.DatabaseError)


class Ground:
    """A site with enrolled devices, an area in balance, and an operator who posts events."""

    def __init__(self, folder: Path, engine: str, seed: int):
        self.random, self.cluster = random.Random(seed), None
        self.killed: Counter[str] = Counter()
        self.controls: list[str] = []  # mRIDs of those that were promised to the operator
        self.tried_controls = 0
        if engine == "postgres":
            self.cluster = Cluster(folder)
            self.cluster.start()
        database = self.cluster.url if self.cluster else f"sqlite:///{folder}/kills.db"
        certs = folder / "certs"
        dev.make_dev(certs, devices=DEVICES)
        now = time.time()
        pace = f"{RATE:g}@{now}@{now // 86400 * 86400 + 43200}"
        self.site = Site(folder, certs, database, clock=pace, **SETTINGS)
        self.engine, self.database = engine, database
        self.stop = threading.Event()
        self.writers: list[Writer] = []

    def begin(self) -> None:
        """Start everything, enrol, and let the devices write."""
        functionsets.load()
        self.site.start_serve()
        settings.read(os.environ | self.site.environment)
        clock.follow(settings.clock)
        models.connect(self.database)
        pollrates.forget()
        for number in range(1, DEVICES + 1):
            enrolment.enrol(entries(self.site.certs)[f"device-{number}"]["lfdi"], name=f"d{number}",
                            kind="battery")
        virtualders.create("town")
        virtualders.create("batteries", rule="kind = battery", parent="town", purpose="kind")
        virtualders.create("street", members=[f"d{number}" for number in range(1, DEVICES + 1)], primacy=200)
        self.program = str(virtualders.find("street").program)
        for number in range(1, DEVICES + 1):
            store.put(f"/edev/{number}/der/1/dercap", {
                "modesSupported": "00500084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 80,
                "rtgMaxChargeRateW": {"multiplier": 0, "value": 5000},
                "rtgMaxDischargeRateW": {"multiplier": 0, "value": 5000},
                "rtgMaxWh": {"multiplier": 0, "value": 10_000}})
        signals.put("town", "imbalance", [1000.0 * (step % 5) for step in range(2000)],
                    clock.now() // STEP * STEP, STEP)
        areasettings.set_automatic("town", replan_steps=2)
        self.site.start_work()
        for number in range(1, DEVICES + 1):
            writer = Writer(self.site, number, self.program, self.stop)
            self.writers.append(writer)
            writer.start()

    # --- what is killed

    def targets(self) -> list[str]:
        """What can be killed, those more often that are more."""
        kinds = ["worker", "worker", "worker", "master", "work", "work"]
        return kinds + ["backend", "backend", "database", "postmaster"] if self.cluster else kinds

    def kill(self) -> str:
        """Kill one process that is chosen by chance, and start again what does not by itself."""
        target = self.random.choice(self.targets())
        getattr(self, f"kill_{target}")()
        self.killed[target] += 1
        return target

    def kill_worker(self) -> None:
        """One process of the device interface; its master starts another."""
        with suppress(OSError, IndexError):
            os.kill(self.random.choice(self.site.workers()), signal.SIGKILL)

    def kill_master(self) -> None:
        """The master of the device interface; its children see it and end, and then the port is free."""
        assert self.site.process is not None
        children = self.site.workers()
        self.site.process.popen.kill()
        self.site.process.popen.wait()
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 60)
        self.site.ensure()

    def kill_work(self) -> None:
        """The worker."""
        assert self.site.work is not None
        self.site.work.popen.kill()
        self.site.work.popen.wait()
        self.site.ensure()

    def kill_backend(self) -> None:
        """A process of PostgreSQL that serves a connection: it then ends all others too, and recovers."""
        assert self.cluster is not None
        with suppress(OSError, IndexError):
            os.kill(self.random.choice(self.cluster.backends()), signal.SIGKILL)
        self.recover()

    def kill_database(self) -> None:
        """PostgreSQL, by an immediate stop."""
        assert self.cluster is not None
        self.cluster.stop("immediate")
        time.sleep(self.random.uniform(0, 1.5))
        self.cluster.start()
        self.recover()

    def kill_postmaster(self) -> None:
        """PostgreSQL, by SIGKILL to its first process."""
        assert self.cluster is not None
        self.cluster.kill()
        self.cluster.start()
        self.recover()

    def recover(self) -> None:
        """Wait until this process reaches the database again, and start what gave up."""
        until(self._reachable, 60)
        self.site.ensure()

    def _reachable(self) -> bool:
        try:
            Device.select().count()
            return True
        except DOWN:
            discard_connection()
            return False

    # --- what goes on meanwhile

    def operate(self) -> None:
        """Post an event; what is promised is noted."""
        self.tried_controls += 1
        try:
            Device.update(last_contact_at=clock.now() + 10 * 86400).execute()
            with actors.acting("soak"):
                posted = dercontrols.post("street", {"opModMaxLimW": 5000}, EVENT_S, clock.now() + 300,
                                          description=f"event {self.tried_controls}"[:32])
            self.controls.append(posted["mrid"])
        except DOWN:
            discard_connection()
            until(self._reachable, 60)

    # --- what is left

    def verdict(self) -> Outcome:
        """Compare what was promised with what is there."""
        outcome = Outcome(f"kills, {self.engine}", f"{sum(self.killed.values())} kills ("
                          + ", ".join(f"{count} {name}" for name, count in sorted(self.killed.items())) + ")")
        for writer in self.writers:
            self._of_writer(writer, outcome)
        outcome.lost += sum(count != 1 for count in map(self._published().__getitem__, self.controls))
        self._of_events(outcome)
        self._of_database(outcome)
        acknowledged = sum(writer.counts["acknowledged"] for writer in self.writers)
        outcome.figures = {
            "acknowledged writes": acknowledged,
            "interrupted": sum(w.counts["interrupted"] for w in self.writers),
            "503": sum(w.counts["busy"] for w in self.writers), "events posted": len(self.controls),
            "steps decided": DispatchOrder.select().where(DispatchOrder.quantity == "percent").count()}
        if not outcome.figures["interrupted"]:
            outcome.faults.append("nothing was interrupted, so nothing was shown")
        return outcome

    def _published(self) -> Counter[str]:
        controls = Document.select(Document.mrid).where(Document.kind == "DERControl")
        return Counter(event.mrid for event in controls)

    def _of_writer(self, writer: Writer, outcome: Outcome) -> None:
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
        listed = self.site.get(f"device-{writer.number}", writer.device)["LogEventListLink"]["all"]
        if listed != len(details):
            outcome.faults.append(f"{writer.device} links to {listed} log events and has {len(details)}")
        outcome.faults += [f"{writer.device} saw {mrid} with statuses {followed}"
                           for mrid, followed in writer.seen.items() if not _legal(followed)]

    def _of_events(self, outcome: Outcome) -> None:
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

    def _of_database(self, outcome: Outcome) -> None:
        outcome.faults += [f"audit: {fault}" for fault in audit.verify()]
        if self.engine == "sqlite":
            with sqlite3.connect(self.database.partition(":///")[2]) as connection:
                (said,) = connection.execute("PRAGMA integrity_check").fetchone()
                keys = connection.execute("PRAGMA foreign_key_check").fetchall()
            connection.close()
            outcome.faults += [f"integrity_check: {said}"] * (said != "ok")
            outcome.faults += [f"foreign_key_check: {keys}"] * bool(keys)
        refresh.run()
        outcome.faults += reindexed.changes()
        outcome.faults += self.site.tracebacks()


def _legal(followed: list[int]) -> bool:
    return all(after in LEGAL.get(before, set()) for before, after in zip(followed, followed[1:],
        strict=False))


def prove(engine: str, kills: int, seed: int, until_at: float = float("inf")) -> Outcome:
    """Kill so many processes, or fewer if `until_at` (time.monotonic) comes first."""
    if engine == "postgres" and binaries() is None:
        return Outcome("kills, postgres", "", skipped="there is no initdb of PostgreSQL")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-kills")))
        saved, pace = dict(settings.__dict__), clock.spec()
        stack.callback(clock.follow, pace)
        stack.callback(settings.__dict__.update, saved)
        ground = Ground(folder, engine, seed)
        if ground.cluster:
            stack.callback(ground.cluster.stop)
        stack.callback(_end, ground)
        ground.begin()
        for _ in range(kills):
            time.sleep(ground.random.uniform(0.2, 1.0))
            ground.operate()
            ground.kill()
            if time.monotonic() > until_at:
                break
        ground.site.ensure()
        join(ground.writers, lambda: all(writer.events and writer.readings for writer in ground.writers))
        time.sleep(2)
        if ground.site.work is not None:
            ground.site.work.stop()
            ground.site.work = None
        return ground.verdict()


def _end(ground: Ground) -> None:
    ground.stop.set()
    for process in (ground.site.work, ground.site.process):
        if process is not None:
            with suppress(OSError):
                process.kill()
    if models.db.obj is not None:
        models.db.close()
